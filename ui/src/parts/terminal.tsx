// A terminal of a lent board over a WebSocket. The program lives on the server's side: a lost
// network, or a page loaded anew, goes on where it was.

import "@xterm/xterm/css/xterm.css";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal as Screen } from "@xterm/xterm";
import { useEffect, useRef, useState } from "preact/hooks";
import { Cast } from "../cast";
import { lazy } from "./lazy";
import { Sheet } from "./ui";

const Player = lazy(() => import("./player").then((module) => module.Player));

const ACK_EVERY = 16 * 1024;
const PASTED_AT_ONCE = 32 * 1024;
const ENDED = 4000;
const REFUSED = 4403;

const THEME = {
  background: "#101418",
  foreground: "#e7ebef",
  cursor: "#a99bff",
  selectionBackground: "#5436c980",
};

interface Props {
  request: number;
  kind: "shell" | "console";
  watch: boolean;
  active: boolean;
  heard?: () => void;
}

type State = { word: string; bad: boolean; again: boolean };

export function Terminal({ request, kind, watch, active, heard }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const screen = useRef<Screen | null>(null);
  const fitting = useRef<FitAddon | null>(null);
  const [round, setRound] = useState(0);
  const [state, setState] = useState<State>({ word: "connecting…", bad: false, again: false });
  const [watching, setWatching] = useState(watch);
  const hear = useRef(heard);
  hear.current = heard;
  const [recorders, setRecorders] = useState(0);
  const [recording, setRecording] = useState(false);
  const cast = useRef<Cast | null>(null);
  const [saved, setSaved] = useState("");
  const [playing, setPlaying] = useState(false);
  const send = useRef<(data: string) => void>(() => undefined);
  const isActive = useRef(active);
  isActive.current = active;

  useEffect(() => {
    const at = place.current;
    if (!at) return;
    const term = new Screen({
      scrollback: 10_000,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"),
      fontSize: 13,
      cursorBlink: false,
      screenReaderMode: false,
      theme: THEME,
      disableStdin: watching,
      convertEol: kind === "console",
    });
    const fit = new FitAddon();
    term.loadAddon(fit);
    term.open(at);
    screen.current = term;
    fitting.current = fit;
    term.textarea?.setAttribute("aria-label", kind === "shell" ? "Terminal" : "Console");
    // Ctrl-Shift-C and -V copy and paste, as in other terminals; out of it goes Ctrl-Shift-Esc.
    term.attachCustomKeyEventHandler((event) => {
      if (event.type !== "keydown" || !event.ctrlKey || !event.shiftKey) return true;
      if (event.code === "KeyC" && term.hasSelection()) {
        void navigator.clipboard?.writeText(term.getSelection());
        event.preventDefault();
        return false;
      }
      return event.key !== "Escape" && event.code !== "KeyV";
    });

    let position = 0;
    let told = 0;
    let known = false;
    let socket: WebSocket | null = null;
    let over = false;
    let pause = 300;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const encoder = new TextEncoder();

    const tell = (data: string | Uint8Array<ArrayBuffer>) => {
      if (socket?.readyState === WebSocket.OPEN) socket.send(data);
    };
    send.current = tell;
    const shape = () => {
      if (at.offsetParent === null) return;
      fit.fit();
    };

    function connect() {
      shape();
      const query = new URLSearchParams({ kind, columns: String(term.cols), rows: String(term.rows) });
      if (known) query.set("from", String(position));
      if (watching) query.set("watch", "1");
      const scheme = location.protocol === "https:" ? "wss" : "ws";
      socket = new WebSocket(`${scheme}://${location.host}/api/v1/reqs/${request}/terminal?${query}`);
      socket.binaryType = "arraybuffer";
      socket.onmessage = (event: MessageEvent<ArrayBuffer | string>) => {
        if (typeof event.data === "string") {
          const said = JSON.parse(event.data) as { at?: number; ended?: number | null; recorders?: number };
          if (said.recorders !== undefined) setRecorders(said.recorders);
          if (said.at !== undefined) {
            if (known && said.at !== position) term.write("\r\n\x1b[2m(some output was skipped)\x1b[0m\r\n");
            position = told = said.at;
            known = true;
            pause = 300;
            setState({ word: watching ? "watching" : "connected", bad: false, again: false });
            if (!watching) tell(JSON.stringify({ resize: [term.cols, term.rows] }));
            if (cast.current) tell(JSON.stringify({ record: true }));
          }
          return;
        }
        const data = new Uint8Array(event.data);
        position += data.length;
        const read = position;
        cast.current?.said(data, Date.now() / 1000);
        if (cast.current?.full) setRecording(false);
        if (!isActive.current) hear.current?.();
        term.write(data, () => {
          if (read - told >= ACK_EVERY || read === position) {
            told = read;
            tell(JSON.stringify({ ack: read }));
          }
        });
      };
      socket.onclose = (event) => {
        if (over) return;
        setRecorders(0);
        if (event.code === ENDED) {
          setState({ word: event.reason, bad: false, again: true });
          return;
        }
        if (event.code === REFUSED) {
          setState({ word: event.reason || "refused", bad: true, again: true });
          return;
        }
        setState({ word: "the connection is lost; trying again…", bad: true, again: false });
        timer = setTimeout(connect, pause);
        pause = Math.min(pause * 2, 5000);
      };
    }

    const typed = term.onData((text) => {
      const data = encoder.encode(text);
      for (let from = 0; from < data.length; from += PASTED_AT_ONCE) tell(data.slice(from, from + PASTED_AT_ONCE));
    });
    const raw = term.onBinary((text) => tell(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
    const sized = term.onResize(({ cols, rows }) => {
      if (!watching) tell(JSON.stringify({ resize: [cols, rows] }));
      cast.current?.resized(cols, rows, Date.now() / 1000);
    });
    const watcher = new ResizeObserver(shape);
    watcher.observe(at);
    connect();
    if (isActive.current) term.focus();
    return () => {
      over = true;
      clearTimeout(timer);
      watcher.disconnect();
      typed.dispose();
      raw.dispose();
      sized.dispose();
      socket?.close();
      term.dispose();
      screen.current = null;
    };
  }, [request, kind, watching, round]);

  useEffect(() => {
    if (!active) return;
    fitting.current?.fit();
    screen.current?.focus();
  }, [active]);

  // What was recorded is kept by this page alone until it is saved; the server only tells who looks on.
  useEffect(() => {
    const term = screen.current;
    if (!recording || !term) return;
    const kept = new Cast(term.cols, term.rows, Date.now() / 1000);
    cast.current = kept;
    send.current(JSON.stringify({ record: true }));
    return () => {
      cast.current = null;
      send.current(JSON.stringify({ record: false }));
      const text = kept.text;
      setSaved(text);
      const url = URL.createObjectURL(new Blob([text], { type: "application/x-asciicast" }));
      const file = `boruta-${request}-${kind}-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.cast`;
      Object.assign(document.createElement("a"), { href: url, download: file }).click();
      URL.revokeObjectURL(url);
    };
  }, [recording]);

  return (
    <div class="terminal">
      <div class="screen" ref={place} />
      <div class="bar" role="status">
        <span class={state.bad ? "bad" : ""}>{state.word}</span>
        {recorders > 0 && (
          <span class="recorded">
            <i aria-hidden="true" /> being recorded{recorders > 1 && ` by ${recorders}`}
          </span>
        )}
        {kind === "console" && !state.again && <span class="wide-only">~? at a line's start: keys for the console</span>}
        <span class="grow" />
        {saved && !recording && (
          <button type="button" onClick={() => setPlaying(true)}>
            Play
          </button>
        )}
        {!state.again && (
          <button type="button" onClick={() => setRecording(!recording)}>
            {recording ? "Stop and save" : "Record"}
          </button>
        )}
        {watch && (
          <button type="button" onClick={() => setWatching(!watching)}>
            {watching ? "Join and type" : "Only watch"}
          </button>
        )}
        {state.again && (
          <button type="button" onClick={() => setRound(round + 1)}>
            Start anew
          </button>
        )}
      </div>
      {playing && (
        <Sheet title="The recording" close={() => setPlaying(false)} wide>
          <Player cast={saved} label="The recording, played" />
        </Sheet>
      )}
    </div>
  );
}

// An image written to the board's medium, out of the browser: `dut flash` reads what is sent here.

import { useRef, useState } from "preact/hooks";
import { say } from "../parts/ui";

const PIECE = 128 * 1024;
const AHEAD = 1024 * 1024;

interface Progress {
  name: string;
  size: number;
  taken: number;
  note: string;
  state: "sending" | "writing" | "done" | "failed";
}

export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) {
    count /= 1000;
    unit++;
  }
  return `${count.toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

export function Image({ request }: { request: number }) {
  const [progress, setProgress] = useState<Progress | null>(null);
  const [over, setOver] = useState(false);
  const socket = useRef<WebSocket | null>(null);
  const busy = progress?.state === "sending" || progress?.state === "writing";

  function write(file: File) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const upload = new WebSocket(`${scheme}://${location.host}/api/v1/reqs/${request}/image?size=${file.size}`);
    socket.current = upload;
    let sent = 0;
    let taken = 0;
    let reading = false;
    let last: Progress = { name: file.name, size: file.size, taken: 0, note: "", state: "sending" };
    const show = (change: Partial<Progress>) => setProgress((last = { ...last, ...change }));
    show({});
    async function more() {
      if (reading) return;
      reading = true;
      while (sent < file.size && sent - taken < AHEAD && upload.readyState === WebSocket.OPEN) {
        const piece = await file.slice(sent, sent + PIECE).arrayBuffer();
        upload.send(piece);
        sent += piece.byteLength;
      }
      reading = false;
    }
    upload.onmessage = (event: MessageEvent<string>) => {
      const told = JSON.parse(event.data) as { taken?: number; note?: string; status?: number; error?: string };
      if (told.taken !== undefined) {
        taken = told.taken;
        show({ taken, state: taken >= file.size ? "writing" : "sending" });
        void more();
      } else if (told.note !== undefined) show({ note: told.note });
      else if (told.status === 0) {
        show({ state: "done", taken: file.size });
        say(`${file.name} is on the medium`);
      } else if (told.status !== undefined) show({ state: "failed", note: (told.error ?? "").replace(/^dut: /, "") });
    };
    upload.onclose = (event) => {
      if (last.state === "sending" || last.state === "writing")
        show({ state: "failed", note: event.reason || "the connection broke off: the medium is neither old nor new, write it again" });
    };
  }

  return (
    <div
      class={`drop${over ? " over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const file = event.dataTransfer?.files[0];
        if (file && !busy) write(file);
      }}
    >
      {progress ? (
        <>
          <h2>{progress.name}</h2>
          <progress max={progress.size} value={progress.taken} aria-label="sent" />
          <p role="status">
            {progress.state === "done"
              ? `Written: ${bytes(progress.size)}`
              : progress.state === "failed"
                ? `Failed: ${progress.note}`
                : `${bytes(progress.taken)} of ${bytes(progress.size)} sent${progress.note ? `; ${progress.note}` : ""}`}
          </p>
          {busy && (
            <button type="button" onClick={() => socket.current?.close()}>
              Stop
            </button>
          )}
        </>
      ) : (
        <>
          <h2>Write an image</h2>
          <p class="muted">
            Drop a file here: raw, or packed by gzip, xz, zstd or bzip2. It replaces what is on the medium; the device then
            gets the medium.
          </p>
        </>
      )}
      {!busy && (
        <label class="file">
          <span class="unseen">Image file</span>
          <input
            type="file"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              if (file) write(file);
            }}
          />
        </label>
      )}
    </div>
  );
}

// The small parts that every view is made of.

import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { wordsOf } from "../api";
import { now } from "../farm";
import { standingOf, standingWord } from "../kinds";
import { exactly, moment, secondsBetween, span } from "../times";
import type { Request, Worker } from "../types";

const WEEK = 7 * 86_400;

export function Badge({ worker }: { worker: Worker }) {
  return <State tone={standingOf(worker)}>{standingWord(worker)}</State>;
}

export function State({ tone, children }: { tone: string; children: ComponentChildren }) {
  return (
    <span class={`state ${tone}`}>
      <i aria-hidden="true" />
      {children}
    </span>
  );
}

const REQUEST_TONES: Record<string, [string, string]> = {
  WAITING: ["waiting", "waiting"],
  "IN PROGRESS": ["held", "running"],
  DONE: ["away", "done"],
  CANCELLED: ["away", "cancelled"],
  TIMEOUT: ["away", "deadline passed"],
  INVALID: ["trouble", "no such board"],
  FAILED: ["trouble", "failed"],
};

export function RequestBadge({ state }: { state: string }) {
  const [tone, word] = REQUEST_TONES[state] ?? ["away", state.toLowerCase()];
  return <State tone={tone}>{word}</State>;
}

/** A moment: short, all of it on hover. */
export function At({ at }: { at: string | number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={exactly(at)}>
      {moment(at, now.value)}
    </time>
  );
}

/** How long ago, the moment on hover. */
export function Ago({ at }: { at: string | number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={exactly(at)}>
      {span(secondsBetween(at, now.value))} ago
    </time>
  );
}

/** Between which moments a waiting request may be served; what is long past or far away is left out. */
export function Until({ request }: { request: Request }) {
  const begins = request.ValidAfter && Date.parse(request.ValidAfter) > now.value ? request.ValidAfter : null;
  const ends = request.Deadline && secondsBetween(now.value, request.Deadline) < WEEK ? request.Deadline : null;
  return (
    <>
      {begins && (
        <>
          , not before <At at={begins} />
        </>
      )}
      {ends && (
        <>
          , given up at <At at={ends} />
        </>
      )}
    </>
  );
}

export function Copy({ text, label, shown }: { text: string; label: string; shown?: string }) {
  const [done, setDone] = useState(false);
  const field = useRef<HTMLElement>(null);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    } catch {
      // Without https a browser has no clipboard for us: the text is selected for the reader's own keys.
      if (field.current) getSelection()?.selectAllChildren(field.current);
    }
  }
  return (
    <div class="copy">
      <code ref={field}>{shown ?? text}</code>
      <button type="button" onClick={copy} aria-label={`Copy ${label}`}>
        {done ? "Copied" : "Copy"}
      </button>
    </div>
  );
}

interface Toast {
  id: number;
  words: string;
  tone: "told" | "trouble";
  undo?: () => void;
}

const toasts = signal<Toast[]>([]);
let number = 0;

export function say(words: string, tone: Toast["tone"] = "told", undo?: () => void): void {
  const toast: Toast = { id: ++number, words, tone, ...(undo ? { undo } : {}) };
  toasts.value = [...toasts.value.slice(-3), toast];
  setTimeout(() => hide(toast.id), tone === "trouble" ? 12_000 : 5_000);
}

function hide(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((toast) => (
        <div key={toast.id} class={`toast ${toast.tone}`}>
          <span>{toast.words}</span>
          {toast.undo && (
            <button
              type="button"
              onClick={() => {
                toast.undo?.();
                hide(toast.id);
              }}
            >
              Undo
            </button>
          )}
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => hide(toast.id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}

/** A button that does one thing at a time, and says what went wrong. */
export function Act({
  act,
  children,
  kind = "",
  ask,
  disabled = false,
  title,
}: {
  act: () => Promise<unknown>;
  children: ComponentChildren;
  kind?: string;
  ask?: string;
  disabled?: boolean;
  title?: string;
}) {
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState(false);
  useEffect(() => {
    if (!asked) return;
    const timer = setTimeout(() => setAsked(false), 5000);
    return () => clearTimeout(timer);
  }, [asked]);
  async function click() {
    if (ask && !asked) {
      setAsked(true);
      return;
    }
    setAsked(false);
    setBusy(true);
    try {
      await act();
    } catch (error) {
      say(wordsOf(error), "trouble");
    } finally {
      setBusy(false);
    }
  }
  return (
    <button type="button" class={`${kind}${asked ? " danger" : ""}`} disabled={busy || disabled} onClick={click} title={title}>
      {asked ? ask : children}
    </button>
  );
}

/** A dialog beside what it is about; Escape and a click outside close it. */
export function Sheet({
  title,
  close,
  children,
  wide = false,
}: {
  title: string;
  close: () => void;
  children: ComponentChildren;
  wide?: boolean;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const shown = dialog.current;
    if (shown && !shown.open) shown.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "sheet wide" : "sheet"}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) close();
      }}
    >
      <div class="sheet-body">
        <header>
          <h2 id={id}>{title}</h2>
          <button type="button" class="quiet" aria-label="Close" onClick={close}>
            ✕
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

export function Field({ label, hint, children }: { label: string; hint?: string; children: (id: string) => JSX.Element }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id)}
      {hint && <p class="hint">{hint}</p>}
    </div>
  );
}

export function Caps({ caps }: { caps: [string, string][] }) {
  return (
    <ul class="caps">
      {caps.map(([name, value]) => (
        <li key={name}>
          {value === "yes" || value === "" ? name : (
            <>
              <span>{name}</span> {value}
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

/** A bar that empties; how much is left is in words beside it. */
export function TimeBar({ from, to }: { from: string; to: string }) {
  const all = secondsBetween(from, to);
  const left = secondsBetween(now.value, to);
  const part = all > 0 ? Math.max(0, Math.min(1, left / all)) : 0;
  return (
    <div class={`timebar${left < 300 ? " short" : ""}`} aria-hidden="true">
      <div style={{ width: `${part * 100}%` }} />
    </div>
  );
}

/** What stands where nothing is: what it is, and what to do. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Shown only when reading takes long enough to be noticed. */
export function Loading() {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 300);
    return () => clearTimeout(timer);
  }, []);
  return late ? <p class="loading" role="status">Reading…</p> : null;
}

// The farm as it is now: read once, then kept by the event stream. Nothing is polled.

import { batch, computed, signal } from "@preact/signals";
import { get, onUnauthenticated, post } from "./api";
import { read, type Message } from "./stream";
import type { Explanation, FarmEvent, Me, Request, Worker } from "./types";

const WORKER_FIELDS =
  "WorkerUUID,Name,State,Groups,Caps,Labels,Reason,Since,AfterJob,UnreachableSince,Dispute,Fence";
const REQUEST_FIELDS =
  "ID,State,Priority,Owner,Caps,Selector,Job,ValidAfter,Deadline,Created,SharedWith,Reason";
const OPEN_STATES = ["WAITING", "IN PROGRESS"];
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
/** A tab that nobody sees gives its stream back: browsers allow six to one server. */
const HIDDEN_FOR = 60_000;

export type Link = "opening" | "live" | "offline" | "asleep";

export const me = signal<Me | null>(null);
export const signedOut = signal(false);
export const link = signal<Link>("opening");
export const offlineSince = signal<number | null>(null);
export const loaded = signal(false);
export const requestsLoaded = signal(false);
export const explanations = signal<ReadonlyMap<number, Explanation>>(new Map());
export const lastEvents = signal<FarmEvent[]>([]);

// Maps are changed in place, and the counter tells that they were: a thousand boards are not copied.
const boards = new Map<string, Worker>();
const open = new Map<number, Request>();
const changes = signal(0);

export const workers = computed(() => (changes.value, [...boards.values()]));
export const requests = computed(() => (changes.value, [...open.values()]));

/** Who holds which board. */
export const holders = computed(() => {
  const found = new Map<string, Request>();
  for (const request of requests.value)
    if (request.State === "IN PROGRESS" && request.Job) found.set(request.Job.WorkerUUID, request);
  return found;
});

// Without users nobody is told apart: what this browser has filed is called its own.
const filedHere = signal<ReadonlySet<number>>(new Set(JSON.parse(localStorage.getItem("filed") ?? "[]") as number[]));
export function filed(id: number): void {
  filedHere.value = new Set([...filedHere.value, id].slice(-100));
  localStorage.setItem("filed", JSON.stringify([...filedHere.value]));
}

/** The reader's own requests, those that run first. */
export const mine = computed(() => {
  const self = me.value;
  if (!self) return [];
  return requests.value
    .filter((request) => (self.Groups === null ? filedHere.value.has(request.ID) : isMine(request, self)))
    .sort((a, b) => Number(b.State === "IN PROGRESS") - Number(a.State === "IN PROGRESS") || a.ID - b.ID);
});

/** Whether the reader may act on a request as its owner does. */
export function isMine(request: Request, self: Me | null): boolean {
  if (!self) return false;
  // A farm without users has one caller: everybody.
  return self.Groups === null || request.Owner.Name === self.Name;
}

export function boardNamed(name: string): Worker | undefined {
  changes.value;
  return boards.get(name) ?? workers.value.find((worker) => worker.Name === name);
}

export function boardOf(uuid: string): Worker | undefined {
  changes.value;
  return boards.get(uuid);
}

export function requestNumbered(id: number): Request | undefined {
  changes.value;
  return open.get(id);
}

/** Requests that have ended while the page looked on, for who has them open. */
const ended = new Map<number, Request>();
export function endedRequest(id: number): Request | undefined {
  changes.value;
  return ended.get(id);
}

// The server's time, so that what is left of a job does not hang on the reader's clock.
let ahead = 0;
export const now = signal(Date.now());
setInterval(() => (now.value = Date.now() + ahead), 1000);

let due = false;
function tell(): void {
  if (due) return;
  due = true;
  // All that comes within one frame is shown at once; a hidden tab has no frames.
  const show = () => {
    if (!due) return;
    due = false;
    changes.value++;
  };
  if (document.hidden) setTimeout(show, 200);
  else requestAnimationFrame(show);
}

function put(request: Request): void {
  if (OPEN_STATES.includes(request.State)) {
    open.set(request.ID, request);
    return;
  }
  if (open.delete(request.ID) || ended.has(request.ID)) ended.set(request.ID, request);
  if (ended.size > 200) ended.delete(ended.keys().next().value as number);
}

function take(messages: Message[]): void {
  batch(() => {
    for (const { event, data } of messages) {
      if (event === "alive") continue;
      if (event === "worker.record") {
        const worker = JSON.parse(data) as Worker;
        boards.set(worker.WorkerUUID, worker);
      } else if (event === "request.record") {
        put(JSON.parse(data) as Request);
      } else if (event === "request.explained") {
        const told = JSON.parse(data) as Explanation;
        explanations.value = new Map(explanations.value).set(told.ID, told);
      } else if (event !== "resync") {
        const happened = JSON.parse(data) as FarmEvent;
        if (event === "worker.deregistered" && happened.Worker) boards.delete(happened.Worker);
        lastEvents.value = [happened, ...lastEvents.value].slice(0, 100);
      }
    }
  });
  tell();
}

async function readAll(): Promise<void> {
  const known = await get<{ Time: string }>("clock");
  ahead = Date.parse(known.Time) - Date.now();
  now.value = Date.now() + ahead;
  const list = await get<Worker[]>(`workers/?fields=${WORKER_FIELDS}`);
  batch(() => {
    boards.clear();
    for (const worker of list) boards.set(worker.WorkerUUID, worker);
    loaded.value = true;
    changes.value++;
  });
  const unfinished = await post<Request[]>(`reqs/list?fields=${REQUEST_FIELDS}`, {
    Filter: { States: OPEN_STATES },
  });
  batch(() => {
    open.clear();
    for (const request of unfinished) open.set(request.ID, request);
    requestsLoaded.value = true;
    changes.value++;
  });
}

/** Requests whose explanation this page shows; the stream tells those as they change. */
const explained = signal<readonly number[]>([]);
export function explain(ids: readonly number[]): void {
  const wanted = ids.slice(0, 10);
  if (wanted.join() === explained.peek().join()) return;
  explained.value = wanted;
  restart?.();
}

let restart: (() => void) | null = null;

async function session(signal: AbortSignal): Promise<void> {
  let waiting: Message[] | null = [];
  let begun = false;
  let failed: unknown = null;
  const asked = explained.peek().map((id) => `&explain=${id}`).join("");
  const giveUp = new AbortController();
  const stop = () => giveUp.abort();
  signal.addEventListener("abort", stop);
  try {
    const status = await read(`/api/v1/events?records=1${asked}`, giveUp.signal, (messages) => {
      if (!begun) {
        begun = true;
        // The stream is open: what is read now, and all that comes, leaves no gap.
        readAll().then(
          () => {
            take(waiting ?? []);
            waiting = null;
            link.value = "live";
            offlineSince.value = null;
          },
          (error: unknown) => {
            failed = error;
            stop();
          },
        );
      }
      if (messages.some((message) => message.event === "resync")) stop();
      else if (waiting) waiting.push(...messages);
      else take(messages);
    });
    if (status === 401) onUnauthenticated.call();
    if (status === 404) explained.value = [];
  } finally {
    signal.removeEventListener("abort", stop);
  }
  if (failed) throw failed;
}

/** Follow the farm for as long as the page is open. */
export async function follow(): Promise<never> {
  let pause = FIRST_PAUSE;
  for (;;) {
    if (signedOut.peek() || link.peek() === "asleep") {
      await changed();
      continue;
    }
    const round = new AbortController();
    let meant = false;
    restart = () => {
      meant = true;
      round.abort();
    };
    const before = link.peek();
    try {
      await session(round.signal);
    } catch {
      // A lost network, a server that stops: both are told below and tried again.
    }
    restart = null;
    const was = link.peek();
    if (meant || was === "asleep" || signedOut.peek()) continue;
    if (was === "live" && before !== "live") pause = FIRST_PAUSE;
    link.value = "offline";
    offlineSince.value ??= Date.now();
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, pause * (0.7 + 0.6 * Math.random()));
      window.addEventListener("online", () => (clearTimeout(timer), resolve(null)), { once: true });
    });
    pause = was === "live" ? FIRST_PAUSE : Math.min(pause * 2, LONGEST_PAUSE);
  }
}

let wake: (() => void) | null = null;
function changed(): Promise<void> {
  return new Promise((resolve) => (wake = resolve));
}

let sleepy: ReturnType<typeof setTimeout> | undefined;
document.addEventListener("visibilitychange", () => {
  clearTimeout(sleepy);
  if (document.hidden)
    sleepy = setTimeout(() => {
      link.value = "asleep";
      restart?.();
    }, HIDDEN_FOR);
  else if (link.peek() === "asleep") {
    link.value = "opening";
    wake?.();
  }
});

export function onSignedOut(): void {
  if (signedOut.peek()) return;
  batch(() => {
    signedOut.value = true;
    me.value = null;
  });
  restart?.();
}
onUnauthenticated.call = onSignedOut;

/** Find out who is calling; false where the server asks for a sign-in first. */
export async function begin(): Promise<boolean> {
  for (;;) {
    try {
      me.value = await get<Me>("me");
      signedOut.value = false;
      wake?.();
      return true;
    } catch {
      if (signedOut.peek()) return false;
      link.value = "offline";
      offlineSince.value ??= Date.now();
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

export function forget(): void {
  boards.clear();
  open.clear();
  ended.clear();
  batch(() => {
    loaded.value = false;
    requestsLoaded.value = false;
    explanations.value = new Map();
    changes.value++;
  });
}

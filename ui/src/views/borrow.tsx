// Borrowing: a sheet that says what will happen, becomes the waiting card, then the cockpit.

import { computed, effect, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { ApiError, call, get, post, wordsOf } from "../api";
import { explanations, filed, holders, me, now, requestNumbered, requests, workers } from "../farm";
import { groupKinds, standingOf, wishOf } from "../kinds";
import { usualPriority } from "../limits";
import { Act, Field, Sheet, say } from "../parts/ui";
import { MomentField, PriorityField, SheetButtons } from "../parts/wish";
import { go, requestPath } from "../router";
import { localised, moment } from "../times";
import type { Worker } from "../types";

interface Offer {
  caps: Record<string, string>;
  selector: string;
}

const offered = signal<Offer | null>(null);
const standing = signal<number | null>(null);

export function offer(caps: Record<string, string>, selector = ""): void {
  standing.value = null;
  offered.value = { caps, selector };
}

export const borrowing = computed(() => offered.value !== null);

function close(): void {
  offered.value = null;
  standing.value = null;
}

const LENGTHS: [string, string][] = [
  ["1800", "30 min"],
  ["3600", "1 h"],
  ["10800", "3 h"],
  ["28800", "8 h"],
];

// The waiting card turns into the cockpit by itself.
effect(() => {
  const id = standing.value;
  if (id === null) return;
  if (requestNumbered(id)?.State === "IN PROGRESS") {
    close();
    go(requestPath(id));
  }
});

function fits(worker: Worker, caps: Record<string, string>): boolean {
  return Object.entries(caps).every(
    ([name, value]) =>
      (worker.Caps[name] ?? worker.Labels?.[name] ?? (name === "name" ? worker.Name : undefined)) === value,
  );
}

export function BorrowSheet() {
  const given = offered.value;
  if (!given) return null;
  return standing.value === null ? <Wish given={given} /> : <WaitingSheet id={standing.value} />;
}

const anyKind = "any board";
const ownSelector = "a selector…";

function Wish({ given }: { given: Offer }) {
  const kinds = groupKinds(workers.value, holders.value, requests.value).filter((kind) => kind.name);
  const entry = Object.entries(given.caps)[0];
  const [what, setWhat] = useState(entry ? `${entry[0]}=${entry[1]}` : given.selector ? ownSelector : anyKind);
  const [selector, setSelector] = useState(given.selector);
  const [length, setLength] = useState("3600");
  const [later, setLater] = useState("");
  const [priority, setPriority] = useState("");
  const [matching, setMatching] = useState<{ text: string; found: Worker[] | null; error: string }>({
    text: "",
    found: null,
    error: "",
  });
  const bySelector = what === ownSelector;
  useEffect(() => {
    if (!bySelector || !selector.trim()) return;
    const timer = setTimeout(async () => {
      try {
        const found = await post<Worker[]>("workers/list?fields=WorkerUUID,Name,State,Caps,UnreachableSince", {
          Filter: { Selector: selector },
        });
        setMatching({ text: selector, found, error: "" });
      } catch (error) {
        setMatching({ text: selector, found: null, error: wordsOf(error) });
      }
    }, 200);
    return () => clearTimeout(timer);
  }, [selector, bySelector]);
  const [name, value] = what.includes("=") ? [what.slice(0, what.indexOf("=")), what.slice(what.indexOf("=") + 1)] : ["", ""];
  const caps: Record<string, string> = name ? { [name]: value } : {};
  const candidates = bySelector
    ? (matching.text === selector && matching.found) || []
    : workers.value.filter((worker) => fits(worker, caps));
  const options = new Map(kinds.map((kind) => [`${kind.name}=${kind.value}`, kind.value]));
  if (entry && !options.has(`${entry[0]}=${entry[1]}`)) options.set(`${entry[0]}=${entry[1]}`, entry[1]);
  const limits = me.value?.Limits ?? {};

  async function file(event: Event) {
    event.preventDefault();
    const wish: Record<string, unknown> = {
      Priority: Number(priority) || usualPriority(limits),
      Caps: caps,
      Length: Number(length),
      // The page's own terminal needs the job's key, so the account's does not take its place.
      AccountKey: false,
    };
    if (bySelector) wish["Selector"] = selector;
    if (later) wish["ValidAfter"] = new Date(later).toISOString();
    try {
      const answer = await call("POST", "reqs/", wish, { "idempotency-key": key });
      const told = (await answer.json()) as { ReqID: number };
      filed(told.ReqID);
      standing.value = told.ReqID;
    } catch (error) {
      say(error instanceof ApiError ? error.words : String(error), "trouble");
    }
  }
  const [key] = useState(() => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16)).join(""));

  const free = candidates.filter((worker) => standingOf(worker) === "free");
  const atOnce = free.length > 0 && !later;
  return (
    <Sheet title="Borrow a board" close={close}>
      <form onSubmit={file}>
        <Field label="What">
          {(id) => (
            <select id={id} value={what} onChange={(event) => setWhat(event.currentTarget.value)}>
              <option>{anyKind}</option>
              {[...options].map(([option, label]) => (
                <option key={option} value={option}>
                  {label}
                </option>
              ))}
              <option>{ownSelector}</option>
            </select>
          )}
        </Field>
        {bySelector && (
          <Field label="Selector" hint="Such as: board in (rpi3, rpi4), ram >= 2, !broken">
            {(id) => (
              <input
                id={id}
                type="text"
                class="mono"
                spellcheck={false}
                autocomplete="off"
                value={selector}
                onInput={(event) => setSelector(event.currentTarget.value)}
              />
            )}
          </Field>
        )}
        <fieldset class="field">
          <legend>For how long</legend>
          <div class="switch wide">
            {LENGTHS.map(([seconds, word]) => (
              <button key={seconds} type="button" aria-pressed={length === seconds} onClick={() => setLength(seconds)}>
                {word}
              </button>
            ))}
          </div>
        </fieldset>
        <details>
          <summary>Later, or with another priority</summary>
          <MomentField label="Not before" value={later} change={setLater} />
          <PriorityField limits={limits} value={priority} change={setPriority} />
        </details>
        <p class={`outlook${atOnce ? " some" : ""}`} aria-live="polite">
          {outlook(candidates, free, later, bySelector ? matching.error : "")}
        </p>
        <SheetButtons act={atOnce ? "Borrow" : "Queue me"} close={close} disabled={bySelector && !selector.trim()} />
      </form>
    </Sheet>
  );
}

/** What will happen, before the button is pressed. */
function outlook(candidates: Worker[], free: Worker[], later: string, error: string): string {
  if (error) return error;
  if (!candidates.length) return "No board matches yet: you would wait until one does.";
  const count = `${candidates.length} ${candidates.length === 1 ? "board matches" : "boards match"}`;
  if (later) return `${count}. You are queued, and none is taken before ${moment(later, now.value)}.`;
  if (free.length === 1) return `${count}; ${free[0]?.Name} is yours at once.`;
  if (free.length) return `${count}, ${free.length} are free: one is yours at once.`;
  const ends = candidates
    .map((worker) => holders.value.get(worker.WorkerUUID)?.Job?.Timeout)
    .filter((end): end is string => Boolean(end))
    .map((end) => Date.parse(end))
    .sort((a, b) => a - b);
  const names = new Set(candidates.map((worker) => worker.WorkerUUID));
  const ahead = requests.value.filter(
    (request) =>
      request.State === "WAITING" &&
      candidates.some((worker) => names.has(worker.WorkerUUID) && fits(worker, request.Caps ?? {})),
  ).length;
  const wait = ahead ? `, ${ahead} ${ahead === 1 ? "waits" : "wait"} already` : "";
  return ends[0]
    ? `${count}, none is free${wait}. The first comes free by ${moment(ends[0], now.value)}.`
    : `${count}, none is free${wait}.`;
}

function WaitingSheet({ id }: { id: number }) {
  const request = requestNumbered(id);
  return (
    <Sheet title={request ? wishOf(request) : "Your board"} close={close}>
      <WaitingCard id={id} />
      <div class="buttons">
        <Act
          kind="danger-quiet"
          act={async () => {
            await call("POST", `reqs/${id}/close`);
            close();
          }}
        >
          Cancel the request
        </Act>
        <button type="button" onClick={close}>
          Wait in the background
        </button>
      </div>
    </Sheet>
  );
}

/** Where a request stands in the queue, in the server's own words. */
export function WaitingCard({ id }: { id: number }) {
  const told = explanations.value.get(id);
  const [first, setFirst] = useState<typeof told>(undefined);
  useEffect(() => {
    if (told) return;
    get<NonNullable<typeof told>>(`reqs/${id}/explain`).then(setFirst, () => undefined);
  }, [id]);
  const why = told ?? first;
  if (!why) return <p class="muted">Request {id} is filed…</p>;
  const range = why.Forecast;
  return (
    <div class="waiting-card">
      <div class="figures">
        <div>
          <b>{why.Position ?? "–"}</b>
          <span>position</span>
        </div>
        <div>
          <b>
            {range
              ? Date.parse(range.Latest) - now.value < 60_000
                ? "within a minute"
                : `${moment(Math.max(Date.parse(range.Earliest), now.value), now.value)} – ${moment(range.Latest, now.value)}`
              : "not known"}
          </b>
          <span>expected start</span>
        </div>
      </div>
      <p aria-live="polite">{localised(why.Text, now.value)}</p>
      {why.Changes.length > 0 && (
        <>
          <h3>What would help</h3>
          <ul>
            {why.Changes.map((change) => (
              <li key={change}>{localised(change, now.value)}</li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

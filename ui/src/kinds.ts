// What is asked for first: kinds of boards, not units. Pure, so that vitest can look at it.

import type { Request, Worker } from "./types";

/** How a board stands, in the words and colours of the page. */
export type Standing = "free" | "held" | "preparing" | "trouble" | "away";

export function standingOf(worker: Worker): Standing {
  switch (worker.State) {
    case "IDLE":
      return worker.UnreachableSince ? "trouble" : "free";
    case "RUNNING":
      return worker.UnreachableSince ? "trouble" : "held";
    case "PREPARE":
      return "preparing";
    case "FAILED":
      return "trouble";
    default:
      return "away";
  }
}

export function standingWord(worker: Worker): string {
  if (worker.UnreachableSince && worker.State !== "FAILED" && worker.State !== "MAINTENANCE")
    return "unreachable";
  switch (worker.State) {
    case "IDLE":
      return "free";
    case "RUNNING":
      return "held";
    case "PREPARE":
      return "preparing";
    case "FAILED":
      return "failed";
    case "BUSY":
      return "leaving service";
    default:
      return "maintenance";
  }
}

const NAMING = ["board", "device_type", "device-type", "type"];

/** By which capability, and value, boards are one kind. */
export function kindOf(worker: Worker): { name: string; value: string } {
  for (const name of NAMING) {
    const value = worker.Caps[name] ?? worker.Labels?.[name];
    if (value) return { name, value };
  }
  return { name: "", value: "other boards" };
}

export interface Kind {
  /** The capability that names it, empty for boards that tell none. */
  name: string;
  value: string;
  units: Worker[];
  free: number;
  held: number;
  trouble: number;
  away: number;
  /** What all its units have alike, apart from what names it. */
  common: [string, string][];
  waiting: number;
  /** When the first held unit comes free, unless prolonged. */
  next: number | null;
}

const NOT_SHOWN = /^(UUID|name|tool\..*)$/;

/** What a reader wants to know of a board's capabilities: neither ids nor tools. */
export function shownCaps(worker: Worker): [string, string][] {
  const all = { ...worker.Labels, ...worker.Caps };
  return Object.entries(all)
    .filter(([name]) => !NOT_SHOWN.test(name) && name !== kindOf(worker).name)
    .sort(([a], [b]) => a.localeCompare(b));
}

export function toolsOf(worker: Worker): string[] {
  return Object.keys(worker.Caps)
    .filter((name) => name.startsWith("tool."))
    .map((name) => name.slice(5))
    .sort();
}

const byName = new Intl.Collator(undefined, { numeric: true });

/** Boards by kind: the largest need first is nobody's guess, so they stand by name. */
export function groupKinds(
  workers: readonly Worker[],
  holders: ReadonlyMap<string, Request>,
  requests: readonly Request[],
): Kind[] {
  const kinds = new Map<string, Kind>();
  for (const worker of workers) {
    const { name, value } = kindOf(worker);
    const key = `${name}=${value}`;
    let kind = kinds.get(key);
    if (!kind) {
      kind = { name, value, units: [], free: 0, held: 0, trouble: 0, away: 0, common: [], waiting: 0, next: null };
      kinds.set(key, kind);
    }
    kind.units.push(worker);
    const standing = standingOf(worker);
    if (standing === "free") kind.free++;
    else if (standing === "held" || standing === "preparing") kind.held++;
    else if (standing === "trouble") kind.trouble++;
    else kind.away++;
    const until = holders.get(worker.WorkerUUID)?.Job?.Timeout;
    if (until) {
      const at = Date.parse(until);
      if (kind.next === null || at < kind.next) kind.next = at;
    }
  }
  for (const request of requests) {
    if (request.State !== "WAITING") continue;
    for (const name of NAMING) {
      const value = request.Caps?.[name];
      const kind = value === undefined ? undefined : kinds.get(`${name}=${value}`);
      if (kind) kind.waiting++;
    }
  }
  const found = [...kinds.values()];
  for (const kind of found) {
    kind.units.sort((a, b) => byName.compare(a.Name, b.Name));
    const [first, ...rest] = kind.units;
    kind.common = first
      ? shownCaps(first).filter(([name, value]) =>
          rest.every((unit) => (unit.Caps[name] ?? unit.Labels?.[name]) === value),
        )
      : [];
  }
  return found.sort((a, b) => Number(!a.name) - Number(!b.name) || byName.compare(a.value, b.value));
}

export interface Filter {
  text: string;
  states: ReadonlySet<Standing>;
  group: string;
}

/** Keep what has every word of the text in its name, capabilities, labels, groups or holder. */
export function keeps(filter: Filter, worker: Worker, holder: Request | undefined): boolean {
  if (filter.states.size) {
    const standing = standingOf(worker);
    if (!filter.states.has(standing === "preparing" ? "held" : standing)) return false;
  }
  if (filter.group && !worker.Groups?.includes(filter.group)) return false;
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const told = haystack(worker) + ` ${holder?.Owner.Name ?? ""}`.toLowerCase();
  return words.every((word) => told.includes(word));
}

const told = new WeakMap<Worker, string>();
function haystack(worker: Worker): string {
  let text = told.get(worker);
  if (text === undefined) {
    const caps = Object.entries({ ...worker.Labels, ...worker.Caps }).map(([n, v]) => `${n}=${v}`);
    text = [worker.Name, worker.WorkerUUID, worker.Reason ?? "", ...(worker.Groups ?? []), ...caps]
      .join(" ")
      .toLowerCase();
    told.set(worker, text);
  }
  return text;
}

/** A search that uses what only the selector language has is one; the server evaluates it. */
export function isSelector(text: string): boolean {
  return /[<>!()]|=|\b(in|notin)\s*\(/.test(text) && /^[!\w(]/.test(text.trim());
}

/** What a request asks for, as people write it. */
export function wishOf(request: Pick<Request, "Caps" | "Selector">): string {
  const caps = Object.entries(request.Caps ?? {}).map(([name, value]) => `${name}=${value}`);
  return [...caps, ...(request.Selector ? [request.Selector] : [])].join(", ") || "any board";
}

// What plots show: jobs counted into spans of time. Pure, so that vitest can look at it.

import type { Request } from "./types";

export interface Figures {
  times: number[];
  /** The part of all boards that was lent, by span. */
  lent: number[];
  /** How long those waited that got a board then, in seconds; null where nobody did. */
  middle: (number | null)[];
  late: (number | null)[];
  failed: number[];
}

export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

export function bucketed(
  jobs: readonly Pick<Request, "State" | "Job" | "Created" | "Finished">[],
  boards: number,
  from: number,
  to: number,
  count: number,
): Figures {
  const step = (to - from) / count;
  const held = new Array<number>(count).fill(0);
  const failed = new Array<number>(count).fill(0);
  const waits: number[][] = Array.from({ length: count }, () => []);
  for (const { Job, Created, Finished, State } of jobs) {
    if (!Job?.Granted) continue;
    const granted = Date.parse(Job.Granted) / 1000;
    const ended = Finished ? Date.parse(Finished) / 1000 : to;
    for (let index = Math.max(0, Math.floor((granted - from) / step)); index < count; index++) {
      const begin = from + index * step;
      if (begin >= ended) break;
      held[index] = (held[index] ?? 0) + Math.max(0, Math.min(ended, begin + step) - Math.max(granted, begin));
    }
    const at = Math.floor((granted - from) / step);
    waits[at]?.push(granted - Date.parse(Created) / 1000);
    if (State === "FAILED" && Finished) {
      const when = Math.floor((ended - from) / step);
      if (when >= 0 && when < count) failed[when] = (failed[when] ?? 0) + 1;
    }
  }
  return {
    times: Array.from({ length: count }, (_, index) => from + (index + 0.5) * step),
    lent: held.map((seconds) => (boards ? Math.min(1, seconds / (boards * step)) : 0)),
    middle: waits.map((some) => (some.length ? percentile(some, 0.5) : null)),
    late: waits.map((some) => (some.length ? percentile(some, 0.95) : null)),
    failed,
  };
}

export interface Share {
  name: string;
  jobs: number;
  failures: number;
}

/** How many jobs had each feature, and how many of those failed; what fails most comes first. */
export function failuresBy<Job extends Pick<Request, "State">>(jobs: readonly Job[], featuresOf: (job: Job) => readonly string[]): Share[] {
  const found = new Map<string, Share>();
  for (const job of jobs)
    for (const name of featuresOf(job)) {
      const share = found.get(name) ?? { name, jobs: 0, failures: 0 };
      found.set(name, share);
      share.jobs++;
      if (job.State === "FAILED") share.failures++;
    }
  return [...found.values()]
    .filter((share) => share.failures > 0)
    .sort((a, b) => b.failures - a.failures || a.jobs - b.jobs || a.name.localeCompare(b.name));
}

/** Which span the address asks for: two moments, or a word for the time until now. In seconds. */
export interface Span {
  word: string;
  from: number;
  to: number;
  count: number;
}

const HOUR = 3600;
const DAY = 24 * HOUR;
/** Words for spans until now: how long, and into how many parts a plot divides them. */
export const SPANS: readonly [string, number, number][] = [
  ["day", DAY, 24],
  ["week", 7 * DAY, 28],
  ["month", 30 * DAY, 30],
];
const PARTS = 30;
/** Less than this shows nothing that the request's own place does not. */
const SHORTEST = HOUR;

export function spanOf(query: { get(name: string): string | null }, now: number): Span {
  const [from, to] = ["from", "to"].map((name) => Date.parse(query.get(name) ?? "") / 1000) as [number, number];
  const end = Math.ceil(now);
  if (from < end && !(to <= from)) {
    const until = Math.min(to || end, end);
    return { word: "", from: Math.min(from, until - SHORTEST), to: until, count: PARTS };
  }
  const wanted = query.get("range");
  const [word, seconds, count] = SPANS.find(([name]) => name === wanted) ?? (SPANS[0] as [string, number, number]);
  return { word, from: end - seconds, to: end, count };
}

// Limits of accounts and groups, as people type and read them. Pure, so that vitest can look at it.

import type { Limits } from "./types";

/** What the fields hold; an empty one limits nothing. */
export interface TypedLimits {
  highest: string;
  lowest: string;
  jobs: string;
  waiting: string;
  jobTime: string;
  prolongTime: string;
}

const HIGHEST = 1;
export const LOWEST = 16;
const USUAL = 8;

/** The priorities that somebody may give. */
export function priorities(limits: Limits): { highest: number; lowest: number } {
  return { highest: limits.HighestPriority ?? HIGHEST, lowest: limits.LowestPriority ?? LOWEST };
}

/** The one that is taken where none is named. */
export function usualPriority(limits: Limits): number {
  const { highest, lowest } = priorities(limits);
  return Math.min(Math.max(USUAL, highest), lowest);
}

const UNITS: [string, number][] = [
  ["d", 86_400],
  ["h", 3600],
  ["m", 60],
  ["s", 1],
];
const SPAN = /^(?=\d)(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/;

/** What a field of a span takes, for the browser to check: the same as {@link secondsOf}. */
export const SPAN_PATTERN = String.raw`\s*(?=\d)(\d{1,6}d)?(\d{1,6}h)?(\d{1,6}m)?(\d{1,6}s)?\s*`;

/** Seconds of what is typed as on the command line, `1h30m`; null for anything else. */
export function secondsOf(text: string): number | null {
  const found = SPAN.exec(text.trim());
  if (!found) return null;
  return UNITS.reduce((sum, [, size], index) => sum + Number(found[index + 1] ?? 0) * size, 0);
}

/** The same the other way round. */
export function typedSpan(seconds: number): string {
  let left = Math.round(seconds);
  let text = "";
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    if (count) text += `${count}${unit}`;
    left -= count * size;
  }
  return text || "0s";
}

export function typedLimits(limits: Limits): TypedLimits {
  const number = (value: number | undefined) => (value === undefined ? "" : String(value));
  const time = (value: number | undefined) => (value === undefined ? "" : typedSpan(value));
  return {
    highest: number(limits.HighestPriority),
    lowest: number(limits.LowestPriority),
    jobs: number(limits.Jobs),
    waiting: number(limits.Waiting),
    jobTime: time(limits.JobTime),
    prolongTime: time(limits.ProlongTime),
  };
}

/** All limits as they shall be: what is left empty is left out. */
export function limitsOf(typed: TypedLimits): Limits {
  const number = (text: string) => (text.trim() === "" ? undefined : Number(text));
  const time = (text: string) => (text.trim() === "" ? undefined : (secondsOf(text) ?? undefined));
  const all: { [name in keyof Limits]: number | undefined } = {
    HighestPriority: number(typed.highest),
    LowestPriority: number(typed.lowest),
    Jobs: number(typed.jobs),
    Waiting: number(typed.waiting),
    JobTime: time(typed.jobTime),
    ProlongTime: time(typed.prolongTime),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Limits in one line, empty where nothing is limited. */
export function limitWords(limits: Limits): string {
  const { HighestPriority: high, LowestPriority: low, Jobs, Waiting, JobTime, ProlongTime } = limits;
  const words = [];
  if (Jobs !== undefined) words.push(`${Jobs} ${Jobs === 1 ? "job" : "jobs"}`);
  if (Waiting !== undefined) words.push(`${Waiting} waiting`);
  if (high !== undefined && low !== undefined) words.push(`priority ${high} to ${low}`);
  else if (high !== undefined) words.push(`priority ${high} at best`);
  else if (low !== undefined) words.push(`priority ${low} at least`);
  if (JobTime !== undefined) words.push(`${typedSpan(JobTime)} a job`);
  if (ProlongTime !== undefined) words.push(`${typedSpan(ProlongTime)} more`);
  return words.join(", ");
}

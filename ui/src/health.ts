// What went wrong with a board, and what became of it. Pure, so that vitest can look at it.

import type { Request } from "./types";

export interface Trouble {
  reason: string;
  count: number;
  /** The newest request that ended so. */
  last: Request;
}

/** Failures by their reason, the most frequent first; requests come newest first. */
export function troublesOf(requests: readonly Request[]): Trouble[] {
  const found = new Map<string, Trouble>();
  for (const request of requests) {
    if (request.State !== "FAILED") continue;
    const reason = request.Reason || "no reason was told";
    const known = found.get(reason);
    if (known) known.count++;
    else found.set(reason, { reason, count: 1, last: request });
  }
  return [...found.values()].sort((a, b) => b.count - a.count || b.last.ID - a.last.ID);
}

/** A page of the newest requests before the older ones that were read already; ids fall. */
export function merged(newest: readonly Request[], known: readonly Request[]): Request[] {
  const border = newest.at(-1)?.ID ?? Infinity;
  return [...newest, ...known.filter((request) => request.ID < border)];
}

/** An entry of the audit, as far as the page looks at it. */
export interface Entry {
  Number: number;
  At: string;
  Actor: string;
  Source: string;
  Action: string;
  Subject: string;
  Detail: Record<string, string>;
}

export interface Happening {
  number: number;
  at: string;
  who: string;
  what: string;
  reason: string;
  trouble: boolean;
}

const WORDS: Record<string, string> = {
  "agent.enrolled": "joined",
  "agent.refused": "refused",
  "agent.revoked": "lost its credential",
  "worker.registered": "registered",
  "worker.changed": "changed",
  "worker.failed": "failed",
  "worker.lost": "out of reach",
  "worker.back": "within reach",
  "worker.deregistered": "deregistered",
};
const LEAVING = ["MAINTENANCE", "BUSY"];

/** The audit's JSON lines about one board, newest first, in the page's words. */
export function happeningsOf(lines: string): Happening[] {
  const found: Happening[] = [];
  let away = false;
  for (const entry of entriesOf(lines)) {
    let what = WORDS[entry.Action] ?? entry.Action;
    if (entry.Action === "worker.state") {
      const leaves = LEAVING.includes(entry.Detail["state"] ?? "");
      // Who gives a board back has it prepared again: no news, since it was in service.
      if (!leaves && !away) continue;
      what = leaves ? "to maintenance" : "back to service";
      away = leaves;
    } else if (["worker.failed", "worker.registered"].includes(entry.Action)) away = true;
    found.push({
      number: entry.Number,
      at: entry.At,
      who: entry.Actor.startsWith("agent ") ? "its agent" : entry.Actor === "farm" ? "the farm" : entry.Actor,
      what,
      reason: entry.Detail["reason"] ?? "",
      trouble: entry.Action === "worker.failed" || entry.Action === "worker.lost",
    });
  }
  return found.reverse();
}

export function entriesOf(lines: string): Entry[] {
  return lines.split("\n").filter(Boolean).map((line) => JSON.parse(line) as Entry);
}

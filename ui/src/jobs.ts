// The farm's last requests, from which figures are made: read once for all who look within a minute.

import { post } from "./api";
import { me } from "./farm";
import type { Request } from "./types";

/** Requests that are asked for at once; what boards are judged by. */
export const PAGE = 5000;
/** Requests that are read for a plot at most. */
export const MOST = 50_000;
const FIELDS = "ID,State,Job,Created,Finished,Caps";
const STATES = ["DONE", "FAILED", "IN PROGRESS", "TIMEOUT", "INVALID", "CANCELLED"];
const FRESH = 60_000;

interface Reading {
  for: string;
  at: number;
  pages: Promise<Request[]>[];
}

let kept: Reading | null = null;

function reading(): Reading {
  const reader = me.peek()?.Name ?? "";
  if (kept?.for !== reader || Date.now() - kept.at >= FRESH) kept = { for: reader, at: Date.now(), pages: [] };
  return kept;
}

/** Return a page of a reading; `before` is the last request of the page before it. */
function pageOf({ pages }: Reading, number: number, before?: number): Promise<Request[]> {
  const known = pages[number];
  if (known) return known;
  const page = post<Request[]>(`reqs/list?fields=${FIELDS}`, {
    Filter: { States: STATES },
    Sorter: { Item: "id", Order: "descending" },
    Paginator: { Limit: PAGE, ...(before ? { ID: before } : {}) },
  });
  pages[number] = page;
  // What failed is tried again by who looks next; who asked is told by the promise itself.
  page.catch(() => {
    if (pages[number] === page) pages.length = number;
  });
  return page;
}

/** Newest first. */
export function recentJobs(): Promise<Request[]> {
  return pageOf(reading(), 0);
}

/** More comes, all that was asked for is there, or there is more than is read. */
export type Reach = "reading" | "all" | "cut";

/**
 * Read back to a moment, in seconds, or as far as `MOST` goes, and tell after each page what there is,
 * newest first; who no longer wants to know returns false.
 */
export async function jobsSince(from: number, tell: (found: Request[], reach: Reach) => boolean): Promise<void> {
  const here = reading();
  let found: Request[] = [];
  for (let number = 0; ; number++) {
    const page = await pageOf(here, number, found.at(-1)?.ID);
    found = [...found, ...page];
    const oldest = found.at(-1);
    const all = page.length < PAGE || !oldest || Date.parse(oldest.Created) / 1000 <= from;
    const reach = all ? "all" : found.length < MOST ? "reading" : "cut";
    if (!tell(found, reach) || reach !== "reading") return;
  }
}

// Which boards fail more often than chance explains. Pure, so that vitest can look at it.

import type { Request } from "./types";

export interface Record {
  worker: string;
  jobs: number;
  failures: number;
  /** How probable so many failures, or more, are for a board like the others. */
  chance: number;
  flaky: boolean;
}

/** A healthy board is called flaky in one of a hundred cases at most. */
export const FALSE_ALARMS = 0.01;
/** One failure is bad luck, whatever the figures say. */
export const LEAST_FAILURES = 2;
/** Jobs of one board that are looked at: an old fault that was mended is forgotten. */
export const LAST_JOBS = 50;
/** Failures among others' jobs that are taken for granted where there were none. */
const SOME_FAIL = 0.002;

/** The probability of `failures` or more in `jobs`, each failing with `rate`. */
export function tail(jobs: number, failures: number, rate: number): number {
  if (failures <= 0) return 1;
  let below = 0;
  let term = Math.pow(1 - rate, jobs);
  for (let k = 0; k < failures; k++) {
    below += term;
    term *= ((jobs - k) / (k + 1)) * (rate / (1 - rate));
  }
  return Math.max(0, 1 - below);
}

/** Judge boards by their finished jobs, newest first; each against all the others. */
export function judge(requests: readonly Pick<Request, "State" | "Job">[]): Record[] {
  const boards = new Map<string, { jobs: number; failures: number }>();
  let jobs = 0;
  let failures = 0;
  for (const request of requests) {
    if (!request.Job || (request.State !== "DONE" && request.State !== "FAILED")) continue;
    const board = boards.get(request.Job.WorkerUUID) ?? { jobs: 0, failures: 0 };
    boards.set(request.Job.WorkerUUID, board);
    if (board.jobs >= LAST_JOBS) continue;
    board.jobs++;
    jobs++;
    if (request.State === "FAILED") {
      board.failures++;
      failures++;
    }
  }
  return [...boards]
    .map(([worker, board]) => {
      const others = jobs - board.jobs;
      const rate = others ? Math.max((failures - board.failures) / others, SOME_FAIL) : 0.02;
      const chance = tail(board.jobs, board.failures, Math.min(rate, 0.5));
      return { worker, ...board, chance, flaky: board.failures >= LEAST_FAILURES && chance < FALSE_ALARMS };
    })
    .sort((a, b) => a.chance - b.chance);
}

// Which boards fail more often than chance explains. Pure, so that vitest can look at it.

import type { Request } from "./types";

export interface Record {
  worker: string;
  jobs: number;
  failures: number;
  /** How many times as probable its jobs are for a flaky board as for one like the others. */
  evidence: number;
  flaky: boolean;
}

/** Jobs of one board that are looked at: an old fault that was mended is forgotten. */
export const LAST_JOBS = 50;
/** How often a flaky board fails, at least, and how many times as often as the others do. */
const FLAKY_RATE = 0.1;
const FLAKY_TIMES = 3;
/**
 * The evidence that names a board. Found by simulation, as the least that has at most one healthy
 * board of a hundred ever named in its first 20 jobs, however often one looks, while the farm's
 * boards fail in 0 to 5 % of their jobs (`test/flaky.test.ts`). A single failure is enough for it
 * only where nearly nothing else of a large farm has failed.
 */
const ENOUGH = 27;

/** Compare a board that fails as flaky ones do with one that fails as the others did: a likelihood ratio. */
export function evidenceOf(jobs: number, failures: number, othersJobs: number, othersFailures: number): number {
  // As if one more job of the others had failed and one had not: nobody is known never to fail.
  const usual = (othersFailures + 1) / (othersJobs + 2);
  const flaky = Math.min(0.95, Math.max(FLAKY_RATE, FLAKY_TIMES * usual));
  return Math.exp(failures * Math.log(flaky / usual) + (jobs - failures) * Math.log((1 - flaky) / (1 - usual)));
}

export function isFlaky(evidence: number): boolean {
  return evidence >= ENOUGH;
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
      const evidence = evidenceOf(board.jobs, board.failures, jobs - board.jobs, failures - board.failures);
      return { worker, ...board, evidence, flaky: isFlaky(evidence) };
    })
    .sort((a, b) => b.evidence - a.evidence);
}

import { describe, expect, it } from "vitest";
import { evidenceOf, isFlaky, judge } from "../src/flaky";

/** A generator whose draws a seed decides. */
function drawing(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function job(worker: string, failed: boolean) {
  return { State: failed ? "FAILED" : "DONE", Job: { WorkerUUID: worker, Timeout: "" } } as const;
}

/** Watch farms of 100 boards, one of which fails otherwise: who is named in any of so many rounds of jobs. */
function watched(farms: number, rounds: number, usual: number, planted: number): { named: number; alarms: number } {
  const draw = drawing(11 + usual * 1e5);
  let named = 0;
  let alarms = 0;
  for (let farm = 0; farm < farms; farm++) {
    const failures = new Array<number>(100).fill(0);
    const alarmed = new Set<number>();
    let all = 0;
    for (let jobs = 1; jobs <= rounds; jobs++) {
      for (let board = 0; board < 100; board++)
        if (draw() < (board ? usual : planted)) {
          failures[board] = (failures[board] ?? 0) + 1;
          all++;
        }
      failures.forEach((some, board) => {
        if (some && isFlaky(evidenceOf(jobs, some, jobs * 99, all - some))) alarmed.add(board);
      });
    }
    named += Number(alarmed.delete(0));
    alarms += alarmed.size;
  }
  return { named, alarms };
}

describe("flaky boards", () => {
  it("names a board that fails every tenth job, among a hundred that do not, within 20 jobs", () => {
    const jobs = [];
    for (let board = 0; board < 100; board++)
      for (let run = 1; run <= 20; run++) jobs.push(job(`b${board}`, board === 42 && run % 10 === 0));
    const flaky = judge(jobs).filter((record) => record.flaky);
    expect(flaky.map((record) => record.worker)).toEqual(["b42"]);
  });

  // Of boards that fail at random some have not failed once in 20 jobs: 12 % of those that fail every tenth.
  it.each([
    [0, 0.82, 0.88],
    [0.001, 0.65, 0.9],
    [0.005, 0.5, 0.9],
    [0.02, 0.2, 0.9],
  ])("names most that fail one job of ten by chance, among others that fail in %d", (usual, least, most) => {
    const farms = 400;
    const found = watched(farms, 20, usual, 0.1);
    expect(found.named / farms).toBeGreaterThanOrEqual(least);
    expect(found.named / farms).toBeLessThanOrEqual(most + 0.03);
    expect(found.alarms / (farms * 99)).toBeLessThanOrEqual(0.01);
  });

  it.each([0, 0.001, 0.01, 0.05])("raises at most one false alarm for a hundred boards that all fail in %d", (usual) => {
    const farms = 300;
    const found = watched(farms, 20, usual, usual);
    expect((found.alarms + found.named) / (farms * 100)).toBeLessThanOrEqual(0.01);
  });

  it("names nearly all that fail one job of ten once they have had 50", () => {
    expect(watched(100, 50, 0.005, 0.1).named).toBeGreaterThanOrEqual(84);
  });

  it("never calls one failure a pattern, and counts no request that had no board", () => {
    expect(judge([job("a", true), job("b", false)]).some((record) => record.flaky)).toBe(false);
    expect(judge([{ State: "FAILED", Job: null }, { State: "CANCELLED", Job: job("a", true).Job }])).toEqual([]);
  });

  it("weighs a board against how the others do", () => {
    expect(evidenceOf(20, 0, 1000, 0)).toBeLessThan(1);
    expect(evidenceOf(20, 2, 1998, 3)).toBeGreaterThan(evidenceOf(20, 2, 1998, 30));
    expect(evidenceOf(10, 5, 998, 199), "a farm where much fails has worse ones, too").toBeGreaterThan(5);
    // (0.1 / 0.01) for the failure, (0.9 / 0.99) for the other job.
    expect(evidenceOf(2, 1, 198, 1)).toBeCloseTo(9.09, 2);
  });
});

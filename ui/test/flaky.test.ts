import { describe, expect, it } from "vitest";
import { judge, tail } from "../src/flaky";

/** A generator whose draws a seed decides. */
function drawing(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function job(worker: string, failed: boolean) {
  return { State: failed ? "FAILED" : "DONE", Job: { WorkerUUID: worker, Timeout: "" } } as const;
}

describe("flaky boards", () => {
  it("names a board that fails every tenth job, among a hundred that do not, within 20 jobs", () => {
    const jobs = [];
    for (let board = 0; board < 100; board++)
      for (let run = 1; run <= 20; run++) jobs.push(job(`b${board}`, board === 42 && run % 10 === 0));
    const flaky = judge(jobs).filter((record) => record.flaky);
    expect(flaky.map((record) => record.worker)).toEqual(["b42"]);
  });

  it("raises at most one false alarm for a hundred boards of which each fails alike", () => {
    let alarms = 0;
    let judged = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const draw = drawing(seed);
      const rate = 0.002 + draw() * 0.05;
      const jobs = [];
      for (let board = 0; board < 100; board++) for (let run = 0; run < 50; run++) jobs.push(job(`b${board}`, draw() < rate));
      const records = judge(jobs);
      judged += 100;
      alarms += records.filter((record) => record.flaky).length;
    }
    expect(alarms / judged).toBeLessThanOrEqual(0.01);
  });

  it("finds most of those that fail one job of ten by chance", () => {
    const draw = drawing(5);
    const jobs = [];
    for (let board = 0; board < 100; board++)
      for (let run = 0; run < 50; run++) jobs.push(job(`b${board}`, draw() < (board < 5 ? 0.1 : 0.005)));
    const named = judge(jobs).filter((record) => record.flaky).map((record) => record.worker);
    expect(named.filter((name) => ["b0", "b1", "b2", "b3", "b4"].includes(name)).length).toBeGreaterThanOrEqual(4);
  });

  it("never calls one failure a pattern, and counts no request that had no board", () => {
    expect(judge([job("a", true), job("b", false)]).some((record) => record.flaky)).toBe(false);
    expect(judge([{ State: "FAILED", Job: null }, { State: "CANCELLED", Job: job("a", true).Job }])).toEqual([]);
  });

  it("knows the binomial tail", () => {
    expect(tail(20, 0, 0.1)).toBe(1);
    expect(tail(1, 1, 0.25)).toBeCloseTo(0.25);
    expect(tail(20, 2, 0.1)).toBeCloseTo(0.6083, 4);
  });
});

import { describe, expect, it } from "vitest";
import { bucketed, percentile } from "../src/figures";
import { inSight } from "../src/parts/rows";

describe("rows in sight", () => {
  it("are those that reach into the window", () => {
    const tops = [0, 68, 108, 148, 188];
    expect(inSight(tops, 0, 100)).toEqual([0, 1]);
    expect(inSight(tops, 110, 150)).toEqual([2, 3]);
    expect(inSight(tops, 9999, 10_000)).toEqual([4, 4]);
    expect(inSight(tops, -500, -400)).toEqual([0, 0]);
  });
});

describe("figures", () => {
  it("spread a job over the spans that it was lent in", () => {
    const job = {
      State: "FAILED" as const,
      Created: "1970-01-01T00:00:00Z",
      Finished: "1970-01-01T00:04:30Z",
      Job: { WorkerUUID: "a", Timeout: "", Granted: "1970-01-01T00:01:30Z" },
    };
    const found = bucketed([job], 2, 60, 360, 5);
    expect(found.lent).toEqual([0.25, 0.5, 0.5, 0.25, 0]);
    expect(found.middle).toEqual([90, null, null, null, null]);
    expect(found.failed).toEqual([0, 0, 0, 1, 0]);
    expect(percentile([3, 1, 2], 0.5)).toBe(2);
  });
});

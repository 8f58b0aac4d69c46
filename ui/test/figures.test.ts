import { describe, expect, it } from "vitest";
import { bucketed, failuresBy, spanOf } from "../src/figures";

const NOW = Date.parse("2026-03-10T12:00:00Z") / 1000;

function asked(text: string) {
  return spanOf(new URLSearchParams(text), NOW);
}

describe("spans of time", () => {
  it("takes a word for the time until now, and a day where none is known", () => {
    expect(asked("range=week")).toEqual({ word: "week", from: NOW - 7 * 86_400, to: NOW, count: 28 });
    expect(asked("range=aeon").word).toBe("day");
    expect(asked("").from).toBe(NOW - 86_400);
  });

  it("takes two moments, the last of which is now where none or a later one is told", () => {
    const begin = NOW - 7200;
    expect(asked("from=2026-03-10T10:00:00Z&to=2026-03-10T11:00:00Z")).toMatchObject({ word: "", from: begin, to: NOW - 3600 });
    expect(asked("from=2026-03-10T10:00:00Z")).toMatchObject({ from: begin, to: NOW });
    expect(asked("from=2026-03-10T10:00:00Z&to=2027-01-01T00:00:00Z").to).toBe(NOW);
  });

  it("goes back to a word where the moments are none, or the wrong way round", () => {
    expect(asked("from=yesterday&range=month").word).toBe("month");
    expect(asked("from=2026-03-10T10:00:00Z&to=2026-03-10T09:00:00Z").word).toBe("day");
    expect(asked("from=2027-03-10T10:00:00Z").word).toBe("day");
  });

  it("is never shorter than an hour", () => {
    expect(asked("from=2026-03-10T10:00:00Z&to=2026-03-10T10:01:00Z")).toMatchObject({ from: NOW - 7140 - 3600, to: NOW - 7140 });
  });
});

describe("failures", () => {
  it("are counted by every feature of the board that failed", () => {
    const jobs = [
      { State: "FAILED", has: ["hdmi", "ram 4"] },
      { State: "FAILED", has: ["hdmi"] },
      { State: "DONE", has: ["hdmi"] },
      { State: "DONE", has: ["usb3"] },
    ] as const;
    expect(failuresBy(jobs, (job) => job.has)).toEqual([
      { name: "hdmi", jobs: 3, failures: 2 },
      { name: "ram 4", jobs: 1, failures: 1 },
    ]);
  });

  it("are in the part of the plot in which they ended", () => {
    const at = (seconds: number) => new Date((NOW + seconds) * 1000).toISOString();
    const job = { WorkerUUID: "a", Timeout: at(0), Granted: at(-90) };
    const figures = bucketed([{ State: "FAILED", Job: job, Created: at(-100), Finished: at(-10) }], 1, NOW - 120, NOW, 2);
    expect(figures.failed).toEqual([0, 1]);
    expect(figures.middle).toEqual([10, null]);
    expect(figures.lent.map((part) => Math.round(part * 60))).toEqual([30, 50]);
  });
});

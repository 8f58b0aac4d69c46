import { describe, expect, it } from "vitest";
import { SPAN_PATTERN, limitWords, limitsOf, priorities, secondsOf, typedLimits, typedSpan, usualPriority } from "../src/limits";

describe("limits", () => {
  it("reads spans as the command line does, and nothing else", () => {
    const wholly = new RegExp(`^(?:${SPAN_PATTERN})$`, "v");
    for (const [text, seconds] of [["30m", 1800], [" 1h30m ", 5400], ["2d", 172_800], ["0s", 0], ["1d2h3m4s", 93_784]] as const) {
      expect(secondsOf(text)).toBe(seconds);
      expect(wholly.test(text), "the browser's own check").toBe(true);
    }
    for (const text of ["", "30", "m", "30m1h", "-1h", "1.5h", "1h x", "1 h", "12345678h"]) {
      expect(secondsOf(text), text).toBeNull();
      expect(wholly.test(text), text).toBe(false);
    }
  });

  it("writes spans so that they are read as the same", () => {
    for (const seconds of [0, 1, 59, 60, 3599, 3600, 5400, 86_399, 86_400, 100_000]) expect(secondsOf(typedSpan(seconds))).toBe(seconds);
  });

  it("leaves out what is left empty, and keeps a limit of nothing", () => {
    const limits = { Jobs: 0, Waiting: 20, JobTime: 1800, HighestPriority: 4, LowestPriority: 16, ProlongTime: 7200 };
    expect(limitsOf(typedLimits(limits))).toEqual(limits);
    expect(limitsOf(typedLimits({}))).toEqual({});
    expect(limitsOf({ ...typedLimits(limits), waiting: " ", jobTime: "" })).not.toHaveProperty("Waiting");
  });

  it("bounds the priority that is taken unless another is named", () => {
    expect(priorities({})).toEqual({ highest: 1, lowest: 16 });
    for (const [limits, usual] of [[{}, 8], [{ HighestPriority: 10 }, 10], [{ LowestPriority: 4 }, 4]] as const) expect(usualPriority(limits)).toBe(usual);
  });

  it("says limits in one line", () => {
    expect(limitWords({})).toBe("");
    expect(limitWords({ Jobs: 1, Waiting: 20, HighestPriority: 4, LowestPriority: 16, JobTime: 5400 })).toBe(
      "1 job, 20 waiting, priority 4 to 16, 1h30m a job",
    );
    expect(limitWords({ HighestPriority: 4 })).toBe("priority 4 at best");
  });
});

import { describe, expect, it } from "vitest";
import { changedTimes, countdown, forInput, localised, moment, span } from "../src/times";

const NOW = Date.parse("2026-11-30T13:00:00Z");

describe("times", () => {
  it("tells spans in the units that say enough", () => {
    expect([0, 45, 89, 90, 3600, 4800, 86_400, 100_000, 1_000_000].map(span)).toEqual([
      "0 s", "45 s", "89 s", "2 min", "1 h", "1 h 20 min", "1 d", "1 d 4 h", "11 d",
    ]);
  });

  it("counts the last ten minutes down by the second", () => {
    expect([-5, 0, 59.9, 582, 600].map(countdown)).toEqual(["0:00", "0:00", "0:59", "9:42", "10 min"]);
  });

  it("puts the server's UTC times into the reader's zone", () => {
    expect(moment("2026-11-30T13:05:00Z", NOW)).toBe("14:05");
    expect(moment("2027-11-24T11:00:00Z", NOW)).toMatch(/^(24 Nov|Nov 24),? 2027$/);
    expect(localised("held by ann until 13:05 UTC", NOW)).toBe("held by ann until 14:05");
    expect(localised("expected start between 13:05 and 13:35 UTC", NOW)).toBe("expected start between 14:05 and 14:35");
    expect(localised("until 2026-11-30 23:30 UTC", NOW)).toMatch(/until Tue,? (1 Dec|Dec 1),? 00:30/);
    expect(localised("nothing to change at 13:05", NOW)).toBe("nothing to change at 13:05");
  });

  it("sends of typed times only what was changed, from the reader's zone", () => {
    const before = { notBefore: forInput("2026-11-30T18:00:42Z"), deadline: forInput("2026-12-30T12:30:59Z") };
    expect(before).toEqual({ notBefore: "2026-11-30T19:00", deadline: "2026-12-30T13:30" });
    expect(changedTimes(before, before, NOW)).toEqual({});
    expect(changedTimes(before, { ...before, notBefore: "2026-12-01T08:15" }, NOW)).toEqual({
      ValidAfter: "2026-12-01T07:15:00.000Z",
    });
    expect(changedTimes(before, { notBefore: "", deadline: "2026-07-01T12:00" }, NOW)).toEqual({
      ValidAfter: "2026-11-30T13:00:00.000Z",
      Deadline: "2026-07-01T10:00:00.000Z",
    });
    expect(changedTimes(before, { ...before, deadline: "" }, NOW)).toEqual({});
  });
});

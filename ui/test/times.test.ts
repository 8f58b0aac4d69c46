import { describe, expect, it } from "vitest";
import { countdown, localised, moment, span } from "../src/times";

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
    expect(localised("held by ann until 13:05 UTC", NOW)).toBe("held by ann until 14:05");
    expect(localised("expected start between 13:05 and 13:35 UTC", NOW)).toBe("expected start between 14:05 and 14:35");
    expect(localised("until 2026-11-30 23:30 UTC", NOW)).toMatch(/until Tue,? (1 Dec|Dec 1),? 00:30/);
    expect(localised("nothing to change at 13:05", NOW)).toBe("nothing to change at 13:05");
  });
});

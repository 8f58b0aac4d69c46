import { describe, expect, it } from "vitest";
import { groupKinds, isSelector, keeps, standingOf, standingWord, wishOf } from "../src/kinds";
import type { Request, Worker } from "../src/types";

function board(name: string, more: Partial<Worker> = {}): Worker {
  return {
    WorkerUUID: `uuid-${name}`,
    Name: name,
    State: "IDLE",
    Groups: null,
    Caps: { board: "rpi4", arch: "arm64" },
    Since: "2026-11-30T12:00:00Z",
    ...more,
  };
}

function request(more: Partial<Request>): Request {
  return { ID: 1, State: "WAITING", Priority: 8, Owner: { Groups: null }, Caps: null, Job: null, Created: "", ...more };
}

describe("kinds", () => {
  it("groups boards by what names them, and sorts both as people count", () => {
    const found = groupKinds(
      [board("x10"), board("x9"), board("y", { Caps: { device_type: "odroid" } }), board("z", { Caps: {} })],
      new Map(),
      [],
    );
    expect(found.map((kind) => [kind.value, kind.units.map((unit) => unit.Name)])).toEqual([
      ["odroid", ["y"]],
      ["rpi4", ["x9", "x10"]],
      ["other boards", ["z"]],
    ]);
    expect(found[1]?.common).toEqual([["arch", "arm64"]]);
  });

  it("counts who waits for a kind, and knows when the first of it comes free", () => {
    const held = request({ ID: 2, State: "IN PROGRESS", Job: { WorkerUUID: "uuid-a", Timeout: "2026-11-30T14:00:00Z" } });
    const later = request({ ID: 3, State: "IN PROGRESS", Job: { WorkerUUID: "uuid-b", Timeout: "2026-11-30T15:00:00Z" } });
    const [kind] = groupKinds(
      [board("a", { State: "RUNNING" }), board("b", { State: "RUNNING" }), board("c", { State: "FAILED" })],
      new Map([
        ["uuid-a", held],
        ["uuid-b", later],
      ]),
      [held, later, request({ Caps: { board: "rpi4" } }), request({ Caps: { board: "rpi3" } })],
    );
    expect(kind).toMatchObject({ free: 0, held: 2, trouble: 1, waiting: 1, next: Date.parse("2026-11-30T14:00:00Z") });
  });

  it("tells an unreachable board from a free one", () => {
    const lost = board("a", { UnreachableSince: "2026-11-30T12:00:00Z" });
    expect([standingOf(lost), standingWord(lost)]).toEqual(["trouble", "unreachable"]);
    expect(standingWord(board("a", { State: "FAILED", UnreachableSince: "x" }))).toBe("failed");
  });
});

describe("searching", () => {
  const all = { text: "", states: new Set<never>(), group: "" };

  it("wants every word, in names, capabilities, reasons and holders", () => {
    const one = board("lab-1", { Reason: "new SD card", State: "MAINTENANCE" });
    expect(keeps({ ...all, text: "LAB sd" }, one, undefined)).toBe(true);
    expect(keeps({ ...all, text: "lab rpi3" }, one, undefined)).toBe(false);
    expect(keeps({ ...all, text: "ann" }, one, request({ Owner: { Groups: [], Name: "Ann" } }))).toBe(true);
  });

  it("knows a selector from words", () => {
    for (const text of ["board=rpi4", "ram >= 2", "board in (a, b)", "!broken"]) expect(isSelector(text), text).toBe(true);
    for (const text of ["rpi4", "lab rpi4", "in the lab", ""]) expect(isSelector(text), text).toBe(false);
  });

  it("writes a wish as people do", () => {
    expect(wishOf({ Caps: { board: "rpi4" }, Selector: "ram >= 2" })).toBe("board=rpi4, ram >= 2");
    expect(wishOf({ Caps: null })).toBe("any board");
  });
});

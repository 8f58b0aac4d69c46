import { describe, expect, it } from "vitest";
import { happeningsOf, merged, troublesOf } from "../src/health";
import { readable } from "../src/said";
import type { Request, RequestState } from "../src/types";

function request(id: number, state: RequestState, reason?: string): Request {
  return {
    ID: id,
    State: state,
    Priority: 8,
    Owner: { Groups: null },
    Caps: null,
    Job: null,
    Created: "",
    ...(reason === undefined ? {} : { Reason: reason }),
  };
}

describe("a board's health", () => {
  it("tells failures by reason, the most frequent first and each with its newest request", () => {
    const found = troublesOf([
      request(9, "FAILED", "no prompt"),
      request(8, "DONE", "closed by ann"),
      request(7, "FAILED", "no power"),
      request(6, "FAILED", "no prompt"),
      request(5, "FAILED"),
    ]);
    expect(found.map(({ reason, count, last }) => [reason, count, last.ID])).toEqual([
      ["no prompt", 2, 9],
      ["no power", 1, 7],
      ["no reason was told", 1, 5],
    ]);
    expect(troublesOf([])).toEqual([]);
  });

  it("puts a newer page before what was read already, and nothing twice", () => {
    const known = [5, 4, 3, 2, 1].map((id) => request(id, "DONE"));
    const newest = [7, 6, 5, 4].map((id) => request(id, "DONE"));
    expect(merged(newest, known).map((one) => one.ID)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(merged([], known).map((one) => one.ID)).toEqual([5, 4, 3, 2, 1]);
    expect(merged(newest, []).map((one) => one.ID)).toEqual([7, 6, 5, 4]);
  });

  it("tells the audit in words, the newest first", () => {
    const entry = (Number: number, Actor: string, Action: string, Detail: object) =>
      JSON.stringify({ Number, At: "2026-11-30T12:00:00Z", Actor, Source: "", Action, Subject: "worker 1", Detail });
    const lines = [
      entry(1, "agent 1", "worker.registered", { state: "MAINTENANCE" }),
      entry(2, "ann", "worker.state", { state: "PREPARE" }),
      entry(3, "ann", "worker.state", { state: "PREPARE" }),
      entry(4, "farm", "worker.failed", { state: "FAILED", reason: "no prompt" }),
      entry(5, "ann", "worker.state", { state: "MAINTENANCE", reason: "new card" }),
    ];
    expect(happeningsOf(`${lines.join("\n")}\n`).map((one) => [one.who, one.what, one.reason, one.trouble])).toEqual([
      ["ann", "to maintenance", "new card", false],
      ["the farm", "failed", "no prompt", true],
      ["ann", "back to service", "", false],
      ["its agent", "registered", "", false],
    ]);
  });
});

describe("what a console said", () => {
  it("is shown without what steers a terminal", () => {
    expect(readable("U-Boot\r\n\x1b[2J\x1b[1;31mred\x1b[0m\x00\x07 end\r\n")).toBe("U-Boot\nred end\n");
    expect(readable("\x1b]0;a title\x07=> help\x1b(B\x1b7\n")).toBe("=> help\n");
    expect(readable("10 %\r50 %\r100 %\r\r\ndone")).toBe("100 %\ndone");
    expect(readable("grüß\tdich")).toBe("grüß\tdich");
  });

  it("takes what is cut in the middle", () => {
    expect(readable("text\x1b[")).toBe("text");
    expect(readable("a\x1b]0;no end\nb\x1bPq\nc")).toBe("a\nb\nc");
  });
});

import { describe, expect, it } from "vitest";
import { Cast, LONGEST } from "../src/cast";

function lines(cast: Cast): unknown[] {
  return cast.text.trimEnd().split("\n").map((line) => JSON.parse(line) as unknown);
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe("a recording", () => {
  it("is asciicast of version 2", () => {
    const cast = new Cast(80, 24, 1000.5);
    cast.said(bytes("ls\r\n\u001b[1mx"), 1001);
    cast.resized(100, 30, 1002.25);
    expect(lines(cast)).toEqual([
      { version: 2, width: 80, height: 24, timestamp: 1000, env: { TERM: "xterm-256color" } },
      [0.5, "o", "ls\r\n\u001b[1mx"],
      [1.75, "r", "100x30"],
    ]);
    expect(cast.text.endsWith("\n")).toBe(true);
  });

  it("keeps letters whole that came in pieces", () => {
    const cast = new Cast(80, 24, 0);
    const word = bytes("grüß");
    cast.said(word.slice(0, 3), 1);
    cast.said(word.slice(3), 2);
    expect(lines(cast).slice(1)).toEqual([
      [1, "o", "gr"],
      [2, "o", "üß"],
    ]);
  });

  it("ends where there is no more room, and says so", () => {
    const cast = new Cast(80, 24, 0);
    cast.said(bytes("x".repeat(LONGEST)), 1);
    expect(cast.full).toBe(false);
    cast.said(bytes("y"), 2);
    expect(cast.full).toBe(true);
    expect(lines(cast)).toHaveLength(2);
  });
});

import { describe, expect, it } from "vitest";
import { Messages } from "../src/stream";

describe("messages", () => {
  it("are the same in whatever pieces they come", () => {
    const text = "retry: 1000\n: listening\n\nid: 7\nevent: worker.state\ndata: {\"a\":1}\n\n: still here\n\nevent: resync\ndata: {}\n\n";
    const whole = new Messages().add(text);
    for (let size = 1; size < 9; size++) {
      const cut = new Messages();
      const found = [];
      for (let at = 0; at < text.length; at += size) found.push(...cut.add(text.slice(at, at + size)));
      expect(found).toEqual(whole);
    }
    expect(whole.map((message) => message.event)).toEqual(["alive", "worker.state", "alive", "resync"]);
    expect(whole[1]?.data).toBe('{"a":1}');
  });
});

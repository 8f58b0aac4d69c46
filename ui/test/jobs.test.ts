import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Request } from "../src/types";

const BEGAN = Date.UTC(2026, 0, 1) / 1000;
/** Requests of the farm: one a second, numbered from 1. */
let all = 0;
let asked: (number | undefined)[] = [];
let failing = false;

vi.mock("../src/farm", () => ({ me: { peek: () => ({ Name: "ann" }) } }));
vi.mock("../src/api", () => ({
  post: async (_path: string, body: { Paginator: { Limit: number; ID?: number } }): Promise<Request[]> => {
    asked.push(body.Paginator.ID);
    if (failing) throw new Error("no word from the server");
    const newest = (body.Paginator.ID ?? all + 1) - 1;
    return Array.from(
      { length: Math.min(body.Paginator.Limit, newest) },
      (_, at) => ({ ID: newest - at, Created: new Date((BEGAN + newest - at) * 1000).toISOString() }) as Request,
    );
  },
}));

async function read(from: number): Promise<[number, string][]> {
  const { jobsSince } = await import("../src/jobs");
  const told: [number, string][] = [];
  await jobsSince(from, (found, reach) => {
    told.push([found.length, reach]);
    return true;
  });
  return told;
}

beforeEach(() => {
  vi.resetModules();
  asked = [];
  failing = false;
});

describe("requests for figures", () => {
  it("are read back to where a plot begins, page by page, each once", async () => {
    all = 12_000;
    expect(await read(BEGAN + 11_000)).toEqual([[5000, "all"]]);
    expect(await read(BEGAN + 4000)).toEqual([
      [5000, "reading"],
      [10_000, "all"],
    ]);
    expect(asked).toEqual([undefined, 7001]);
    expect((await read(0)).at(-1)).toEqual([12_000, "all"]);
    expect(asked).toEqual([undefined, 7001, 2001]);
  });

  it("are not read without end", async () => {
    all = 1_000_000;
    expect((await read(0)).at(-1)).toEqual([50_000, "cut"]);
    expect(asked).toHaveLength(10);
  });

  it("are asked for again where that failed", async () => {
    all = 6000;
    failing = true;
    await expect(read(0)).rejects.toThrow("no word");
    failing = false;
    expect((await read(0)).at(-1)).toEqual([6000, "all"]);
  });

  it("are no longer read when nobody wants them", async () => {
    all = 20_000;
    const { jobsSince } = await import("../src/jobs");
    await jobsSince(0, () => false);
    expect(asked).toHaveLength(1);
  });
});

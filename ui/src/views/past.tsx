// What was lent, to whom, for how long, and how it ended.

import { useEffect, useState } from "preact/hooks";
import { post, wordsOf } from "../api";
import { boardOf, lastEvents } from "../farm";
import { Empty, Field } from "../parts/ui";
import { query, refine } from "../router";
import type { Request } from "../types";
import { HistoryLines } from "./board";

const PAGE = 100;
const ENDED = ["DONE", "FAILED", "CANCELLED", "TIMEOUT", "INVALID"];

export function Past() {
  const [found, setFound] = useState<Request[] | null>(null);
  const [more, setMore] = useState(false);
  const [problem, setProblem] = useState("");
  const [fresh, setFresh] = useState(0);
  const state = query.value.get("state") ?? "";
  const owner = query.value.get("owner") ?? "";
  const selector = query.value.get("s") ?? "";
  const newest = lastEvents.value.find((event) => event.Kind === "request.finished")?.Number ?? 0;

  async function read(before: number | null): Promise<void> {
    const wishes = [selector, owner && `owner = ${JSON.stringify(owner)}`].filter(Boolean).join(", ");
    try {
      const page = await post<Request[]>("reqs/list", {
        Filter: { States: state ? [state] : ENDED, Selector: wishes || null },
        Sorter: { Item: "id", Order: "descending" },
        Paginator: { Limit: PAGE, ...(before ? { ID: before } : {}) },
      });
      setFound((known) => (before && known ? [...known, ...page] : page));
      setMore(page.length === PAGE);
      setProblem("");
    } catch (error) {
      setProblem(wordsOf(error));
    }
  }
  useEffect(() => {
    const timer = setTimeout(() => {
      setFresh(newest);
      void read(null);
    }, 200);
    return () => clearTimeout(timer);
  }, [state, owner, selector]);

  const last = found?.at(-1)?.ID ?? null;
  return (
    <div class="narrow">
      <h1>History</h1>
      <div class="filters">
        <Field label="How it ended">
          {(id) => (
            <select id={id} value={state} onChange={(event) => refine({ state: event.currentTarget.value })}>
              <option value="">in any way</option>
              {ENDED.map((one) => (
                <option key={one} value={one}>
                  {one.toLowerCase()}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Owner">
          {(id) => <input id={id} type="text" value={owner} onChange={(event) => refine({ owner: event.currentTarget.value })} />}
        </Field>
        <Field label="Selector">
          {(id) => (
            <input
              id={id}
              type="text"
              class="mono"
              placeholder="board = rpi4"
              value={selector}
              onChange={(event) => refine({ s: event.currentTarget.value })}
            />
          )}
        </Field>
      </div>
      {problem && <p class="problem">{problem}</p>}
      {newest > fresh && found && (
        <button type="button" onClick={() => (setFresh(newest), void read(null))}>
          Show what has ended since
        </button>
      )}
      {found && !found.length && !state && !owner && !selector ? (
        <Empty title="Nothing has ended yet">
          <p>Every board that was lent and given back is told of here.</p>
        </Empty>
      ) : (
        <HistoryLines requests={found} empty="Nothing matches." boards={boardOf} />
      )}
      {more && (
        <div class="buttons">
          <button type="button" onClick={() => void read(last)}>
            Show older ones
          </button>
        </div>
      )}
    </div>
  );
}

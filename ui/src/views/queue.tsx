// Who waits, in order, and why: the server's own words.

import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { call, get, wordsOf } from "../api";
import { boardOf, explanations, isMine, lastEvents, me, mine, now, requests, requestsLoaded } from "../farm";
import { wishOf } from "../kinds";
import { Act, Ago, Empty, Loading, Until, say } from "../parts/ui";
import { boardPath, requestPath } from "../router";
import { countdown, localised, secondsBetween } from "../times";
import type { Explanation, Request } from "../types";
import { offer } from "./borrow";
import { Change } from "./change";

/** Explanations of others' requests, asked for when their row comes into sight. */
const asked = signal<ReadonlyMap<number, Explanation | string>>(new Map());
const inSight = new Set<number>();

async function ask(id: number): Promise<void> {
  try {
    const told = await get<Explanation>(`reqs/${id}/explain?brief=1`);
    asked.value = new Map(asked.value).set(id, told);
  } catch (error) {
    asked.value = new Map(asked.value).set(id, wordsOf(error));
  }
}

/** Those who wait, one's own first. */
function inOrder(): Request[] {
  const own = new Set(mine.value.map((request) => request.ID));
  const waiting = requests.value
    .filter((request) => request.State === "WAITING")
    .sort((a, b) => a.Priority - b.Priority || a.ID - b.ID);
  return [...waiting.filter((one) => own.has(one.ID)), ...waiting.filter((one) => !own.has(one.ID))];
}

/** Rows that are shown with their words at once: what is below them is out of sight. */
const FIRST = 12;
/** Milliseconds that the words of the first rows are waited for: rows that grow make others jump. */
const WAITED_FOR = 1500;

export function Queue() {
  const [told, setTold] = useState(false);
  const at = lastEvents.value[0]?.Number ?? 0;
  useEffect(() => {
    // The queue has moved: what is in sight is asked anew, at most once in two seconds.
    const timer = setTimeout(() => {
      for (const id of [...inSight].slice(0, 30)) void ask(id);
    }, 2000);
    return () => clearTimeout(timer);
  }, [at]);
  useEffect(() => {
    if (!requestsLoaded.value) return;
    const first = inOrder().slice(0, FIRST).filter((request) => !asked.peek().has(request.ID));
    const timer = setTimeout(() => setTold(true), WAITED_FOR);
    void Promise.all(first.map((request) => ask(request.ID))).then(() => setTold(true));
    return () => clearTimeout(timer);
  }, [requestsLoaded.value]);
  if (!requestsLoaded.value || !told) return <Loading />;
  const own = new Set(mine.value.map((request) => request.ID));
  const ahead = inOrder();
  const running = requests.value.filter((request) => request.State === "IN PROGRESS").sort((a, b) => a.ID - b.ID);
  const users = me.value?.Groups !== null;
  return (
    <div class="narrow">
      <h1>Queue</h1>
      {ahead.length === 0 ? (
        <Empty title="Nobody waits">
          <p>Who asks for a board now gets one as soon as one fits.</p>
          <button type="button" class="main" onClick={() => offer({})}>
            Borrow a board
          </button>
        </Empty>
      ) : (
        <ol class="queue">
          {ahead.slice(0, 200).map((request) => (
            <Waiting key={request.ID} request={request} own={users && own.has(request.ID)} may={isMine(request, me.value)} />
          ))}
        </ol>
      )}
      {ahead.length > 200 && <p class="muted">and {ahead.length - 200} more</p>}
      {running.length > 0 && (
        <>
          <h2>Running</h2>
          <ul class="lines running">
            {running.slice(0, 200).map((request) => {
              const board = request.Job && boardOf(request.Job.WorkerUUID);
              return (
                <li key={request.ID}>
                  <a href={requestPath(request.ID)}>{request.ID}</a>
                  <span class="cut">{board ? <a href={boardPath(board.Name)}>{board.Name}</a> : "…"}</span>
                  <span class="cut">{request.Owner.Name ?? ""}</span>
                  <span class="cut muted">{wishOf(request)}</span>
                  <span>{request.Job && `${countdown(secondsBetween(now.value, request.Job.Timeout))} left`}</span>
                </li>
              );
            })}
          </ul>
        </>
      )}
    </div>
  );
}

function Waiting({ request, own, may }: { request: Request; own: boolean; may: boolean }) {
  const row = useRef<HTMLLIElement>(null);
  useEffect(() => {
    const watcher = new IntersectionObserver((seen) => {
      if (seen.some((one) => one.isIntersecting)) {
        inSight.add(request.ID);
        if (!asked.peek().has(request.ID)) void ask(request.ID);
      } else inSight.delete(request.ID);
    });
    if (row.current) watcher.observe(row.current);
    return () => {
      watcher.disconnect();
      inSight.delete(request.ID);
    };
  }, [request.ID]);
  const told = explanations.value.get(request.ID) ?? asked.value.get(request.ID);
  const why = typeof told === "object" ? told : undefined;
  return (
    <li ref={row} class={own ? "own" : ""}>
      <span class="position" title="Position among those who compete for the same boards">
        {why?.Position ?? "·"}
      </span>
      <div>
        <p class="head">
          <a href={requestPath(request.ID)}>{wishOf(request)}</a>
          <span class="muted">
            request {request.ID}
            {request.Owner.Name && ` of ${request.Owner.Name}`}, priority {request.Priority}, filed <Ago at={request.Created} />
            <Until request={request} />
          </span>
        </p>
        <p>{typeof told === "string" ? told : why ? localised(why.Text, now.value) : ""}</p>
      </div>
      {may && (
        <div class="buttons">
          <Change request={request} />
          <Act
            act={async () => {
              await call("POST", `reqs/${request.ID}/close`);
              say(`request ${request.ID} is cancelled`);
            }}
            ask="Really cancel?"
          >
            Cancel
          </Act>
        </div>
      )}
    </li>
  );
}

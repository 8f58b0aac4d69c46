// One board: now, what it has, what it did, and what admins may do with it.

import { useEffect, useState } from "preact/hooks";
import { call, get, post, wordsOf } from "../api";
import { boardNamed, holders, isMine, loaded, me } from "../farm";
import { merged } from "../health";
import { kindOf, shownCaps, standingWord, toolsOf, wishOf } from "../kinds";
import { ConsoleLog } from "../parts/log";
import { Act, At, Badge, Caps, Empty, Field, Loading, RequestBadge, Sheet, say } from "../parts/ui";
import { boardPath, go, requestPath } from "../router";
import { secondsBetween, span } from "../times";
import type { Request, Worker } from "../types";
import { offer } from "./borrow";
import { Health } from "./health";

/** So many past jobs are read at a time. */
const PAGE = 50;

export function mayManage(): boolean {
  const self = me.value;
  return Boolean(self && self.Scope === "admin" && (self.Role === "admin" || self.Role === "group-admin"));
}

export function BoardView({ name }: { name: string }) {
  const board = boardNamed(name);
  const [whole, setWhole] = useState<Worker | null>(null);
  const [history, setHistory] = useState<Request[] | null>(null);
  const [older, setOlder] = useState(true);
  const [log, setLog] = useState<number | null>(null);
  const uuid = board?.WorkerUUID;
  const since = board?.Since;
  useEffect(() => {
    if (!uuid) return;
    get<Worker>(`workers/${uuid}`).then(setWhole, () => setWhole(null));
    jobsOf(uuid).then(
      (page) => {
        if (page.length < PAGE) setOlder(false);
        setHistory((known) => merged(page, known ?? []));
      },
      (error: unknown) => say(wordsOf(error), "trouble"),
    );
  }, [uuid, since]);
  async function readOlder(): Promise<void> {
    const last = history?.at(-1);
    if (!uuid || !last) return;
    const page = await jobsOf(uuid, last.ID);
    setOlder(page.length === PAGE);
    setHistory((known) => [...(known ?? []), ...page]);
  }
  if (!board)
    return loaded.value ? (
      <Empty title={`There is no board ${name}`}>
        <p>It may have been renamed or deregistered.</p>
        <a href="/">All boards</a>
      </Empty>
    ) : (
      <Loading />
    );
  const holder = holders.value.get(board.WorkerUUID);
  const facts = Object.entries((whole ?? board).Board ?? {});
  const photo = whole?.Photo?.startsWith("https://") ? whole.Photo : "";
  return (
    <div class="board">
      <header class="page-head">
        <h1>{board.Name}</h1>
        <span class="muted">{kindOf(board).value}</span>
        <Badge worker={board} />
        <span class="grow" />
        {mayManage() && <Manage board={board} />}
        <button
          type="button"
          class={board.State === "IDLE" ? "main" : ""}
          onClick={() => offer({ name: board.Name })}
          disabled={board.State === "MAINTENANCE"}
        >
          {board.State === "IDLE" ? "Borrow" : "Queue me"}
        </button>
      </header>
      <div class="columns">
        <section class="box">
          <h2>Now</h2>
          {holder?.Job ? (
            <p>
              Held{holder.Owner.Name && ` by ${holder.Owner.Name}`} until <At at={holder.Job.Timeout} />,{" "}
              <a href={requestPath(holder.ID)}>request {holder.ID}</a>
            </p>
          ) : (
            <p>
              {board.Reason ?? firstUp(standingWord(board))}, since <At at={board.Since} />
            </p>
          )}
          {board.UnreachableSince && (
            <p class="trouble-words">
              Its agent is out of reach since <At at={board.UnreachableSince} />.
            </p>
          )}
          {board.Dispute && <p class="trouble-words">{board.Dispute}</p>}
          {board.AfterJob && <p>Goes to maintenance when its job ends.</p>}
          {whole?.Notes && (
            <>
              <h3>Notes</h3>
              <p class="notes">{whole.Notes}</p>
            </>
          )}
          {photo && <img class="photo" src={photo} alt={`Photo of ${board.Name}`} loading="lazy" referrerpolicy="no-referrer" />}
        </section>
        <section class="box">
          <h2>Has</h2>
          <Caps caps={shownCaps(board)} />
          {toolsOf(board).length > 0 && (
            <>
              <h3>Tools</h3>
              <Caps caps={toolsOf(board).map((tool) => [tool, ""])} />
            </>
          )}
          <dl>
            {board.Groups && (
              <>
                <dt>Serves</dt>
                <dd>{board.Groups.join(", ")}</dd>
              </>
            )}
            <dt>UUID</dt>
            <dd class="mono">{board.WorkerUUID}</dd>
            {facts.map(([fact, value]) => (
              <>
                <dt>{fact}</dt>
                <dd>{value}</dd>
              </>
            ))}
          </dl>
        </section>
      </div>
      <Health board={board} />
      <h2>History</h2>
      <HistoryLines
        requests={history}
        empty="Nobody has had this board yet."
        log={toolsOf(board).includes("console") ? setLog : undefined}
      />
      {older && history && history.length >= PAGE && (
        <div class="buttons">
          <Act act={readOlder}>Show older ones</Act>
        </div>
      )}
      {log !== null && (
        <Sheet title={`What the console said in request ${log}`} close={() => setLog(null)} wide>
          <ConsoleLog request={log} />
        </Sheet>
      )}
    </div>
  );
}

/** What a board was lent for, the newest first. */
function jobsOf(uuid: string, before?: number): Promise<Request[]> {
  return post<Request[]>("reqs/list", {
    Filter: { Selector: `worker = ${uuid}` },
    Sorter: { Item: "id", Order: "descending" },
    Paginator: { Limit: PAGE, ...(before ? { ID: before } : {}) },
  });
}

/** Whether what the console said may be the reader's to see; the server has the last word. */
function mayHear(request: Request): boolean {
  const self = me.value;
  return Boolean(self && (self.Role === "admin" || isMine(request, self) || request.SharedWith?.includes(self.Name)));
}

function firstUp(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function HistoryLines({
  requests,
  empty,
  boards,
  log,
}: {
  requests: Request[] | null;
  empty: string;
  boards?: (uuid: string) => Worker | undefined;
  /** Called with the request whose console log is wanted; without it none is offered. */
  log?: ((id: number) => void) | undefined;
}) {
  if (!requests) return <Loading />;
  if (!requests.length) return <p class="muted">{empty}</p>;
  return (
    <ul class={`lines history${boards ? " with-boards" : ""}${log ? " with-logs" : ""}`}>
      {requests.map((request) => {
        const board = request.Job && boards?.(request.Job.WorkerUUID);
        return (
          <li key={request.ID}>
            <a href={requestPath(request.ID)}>{request.ID}</a>
            <RequestBadge state={request.State} />
            <span class="cut">{request.Owner.Name ?? ""}</span>
            {boards && <span class="cut">{board ? <a href={boardPath(board.Name)}>{board.Name}</a> : ""}</span>}
            <span class="cut muted" title={request.Reason ?? undefined}>
              {request.Reason ?? wishOf(request)}
            </span>
            <span>
              <At at={request.Job?.Granted ?? request.Created} />
            </span>
            <span class="muted">
              {request.Job?.Granted && request.Finished ? span(secondsBetween(request.Job.Granted, request.Finished)) : ""}
            </span>
            {log && (
              <span>
                {request.Finished && mayHear(request) && (
                  <button type="button" class="quiet" aria-label={`Console log of request ${request.ID}`} onClick={() => log(request.ID)}>
                    Log
                  </button>
                )}
              </span>
            )}
          </li>
        );
      })}
    </ul>
  );
}

type Doing = "maintenance" | "rename" | "groups" | "describe" | "deregister";

function Manage({ board }: { board: Worker }) {
  const [doing, setDoing] = useState<Doing | null>(null);
  const away = board.State === "MAINTENANCE";
  const close = () => setDoing(null);
  return (
    <>
      {away ? (
        <Act act={() => call("POST", `workers/${board.WorkerUUID}/setstate`, { WorkerState: "IDLE" })}>Back to service</Act>
      ) : (
        <button type="button" onClick={() => setDoing("maintenance")}>
          Maintenance
        </button>
      )}
      <details class="account">
        <summary aria-label={`More for ${board.Name}`}>More</summary>
        <div class="menu">
          <button type="button" onClick={() => setDoing("rename")}>
            Rename
          </button>
          <button type="button" onClick={() => setDoing("groups")}>
            Groups
          </button>
          <button type="button" onClick={() => setDoing("describe")}>
            Notes and photo
          </button>
          <button
            type="button"
            disabled={board.State !== "MAINTENANCE" && board.State !== "FAILED"}
            title="Only in maintenance or when failed"
            onClick={() => setDoing("deregister")}
          >
            Deregister
          </button>
        </div>
      </details>
      {doing === "maintenance" && <Maintenance board={board} close={close} />}
      {doing === "rename" && <Rename board={board} close={close} />}
      {doing === "groups" && <Groups board={board} close={close} />}
      {doing === "describe" && <Describe board={board} close={close} />}
      {doing === "deregister" && <Deregister board={board} close={close} />}
    </>
  );
}

async function attempt(work: () => Promise<unknown>, close: () => void): Promise<void> {
  try {
    await work();
    close();
  } catch (error) {
    say(wordsOf(error), "trouble");
  }
}

function Maintenance({ board, close }: { board: Worker; close: () => void }) {
  const [reason, setReason] = useState("");
  const [after, setAfter] = useState(board.State === "RUNNING");
  const holder = holders.value.get(board.WorkerUUID);
  return (
    <Sheet title={`${board.Name} to maintenance`} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void attempt(async () => {
            const before = board.State;
            await call("POST", `workers/${board.WorkerUUID}/setstate`, {
              WorkerState: "MAINTENANCE",
              Reason: reason,
              AfterJob: after,
            });
            say(`${board.Name} goes to maintenance`, "told", () =>
              void attempt(
                () => call("POST", `workers/${board.WorkerUUID}/setstate`, { WorkerState: "IDLE" }),
                () => say(before === "RUNNING" && after ? "It stays in service" : `${board.Name} comes back`),
              ),
            );
          }, close);
        }}
      >
        <Field label="Reason, for everybody to read">
          {(id) => <input id={id} type="text" maxLength={200} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />}
        </Field>
        {holder && (
          <label class="check">
            <input type="checkbox" checked={after} onChange={(event) => setAfter(event.currentTarget.checked)} />
            after the running job{holder.Owner.Name && ` of ${holder.Owner.Name}`}; else it is ended and its request fails
          </label>
        )}
        <div class="buttons">
          <button type="submit" class="main">
            {holder && !after ? "End the job now" : "To maintenance"}
          </button>
        </div>
      </form>
    </Sheet>
  );
}

function Rename({ board, close }: { board: Worker; close: () => void }) {
  const [name, setName] = useState(board.Name);
  return (
    <Sheet title={`Rename ${board.Name}`} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void attempt(async () => {
            await call("POST", `workers/${board.WorkerUUID}/setname`, name.trim());
            go(boardPath(name.trim()), true);
          }, close);
        }}
      >
        <Field label="Name, unique in the farm">
          {(id) => <input id={id} type="text" required value={name} onInput={(event) => setName(event.currentTarget.value)} />}
        </Field>
        <div class="buttons">
          <button type="submit" class="main">
            Rename
          </button>
        </div>
      </form>
    </Sheet>
  );
}

function Groups({ board, close }: { board: Worker; close: () => void }) {
  const [text, setText] = useState((board.Groups ?? []).join(", "));
  const groups = text.split(",").map((one) => one.trim()).filter(Boolean);
  const orphans = useOrphans(`workers/${board.WorkerUUID}/orphans?groups=${encodeURIComponent(groups.join(","))}`);
  return (
    <Sheet title={`Groups of ${board.Name}`} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void attempt(() => call("POST", `workers/${board.WorkerUUID}/setgroups`, groups), close);
        }}
      >
        <Field label="Groups, separated by commas" hint="None: the board serves everybody.">
          {(id) => <input id={id} type="text" value={text} onInput={(event) => setText(event.currentTarget.value)} />}
        </Field>
        <Orphans count={orphans} />
        <div class="buttons">
          <button type="submit" class="main">
            Save
          </button>
        </div>
      </form>
    </Sheet>
  );
}

function Describe({ board, close }: { board: Worker; close: () => void }) {
  const [notes, setNotes] = useState<string | null>(null);
  const [photo, setPhoto] = useState("");
  useEffect(() => {
    get<Worker>(`workers/${board.WorkerUUID}`).then(
      (whole) => {
        setNotes(whole.Notes ?? "");
        setPhoto(whole.Photo ?? "");
      },
      (error: unknown) => say(wordsOf(error), "trouble"),
    );
  }, []);
  return (
    <Sheet title={`Notes on ${board.Name}`} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void attempt(() => call("POST", `workers/${board.WorkerUUID}/describe`, { Notes: notes, Photo: photo }), close);
        }}
      >
        <Field label="Notes">
          {(id) => (
            <textarea id={id} rows={5} disabled={notes === null} value={notes ?? ""} onInput={(event) => setNotes(event.currentTarget.value)} />
          )}
        </Field>
        <Field label="Photo" hint="An https address">
          {(id) => <input id={id} type="url" value={photo} onInput={(event) => setPhoto(event.currentTarget.value)} />}
        </Field>
        <div class="buttons">
          <button type="submit" class="main" disabled={notes === null}>
            Save
          </button>
        </div>
      </form>
    </Sheet>
  );
}

function Deregister({ board, close }: { board: Worker; close: () => void }) {
  const orphans = useOrphans(`workers/${board.WorkerUUID}/orphans`);
  return (
    <Sheet title={`Deregister ${board.Name}`} close={close}>
      <p>The board leaves the farm; its history stays. It can join again.</p>
      <Orphans count={orphans} />
      <div class="buttons">
        <Act
          kind="danger"
          act={() =>
            attempt(async () => {
              await call("POST", `workers/${board.WorkerUUID}/deregister`);
              go("/");
            }, close)
          }
        >
          Deregister
        </Act>
      </div>
    </Sheet>
  );
}

function useOrphans(path: string): number | null {
  const [count, setCount] = useState<number | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => {
      get<{ Count: number }>(path).then(
        (told) => setCount(told.Count),
        () => setCount(null),
      );
    }, 200);
    return () => clearTimeout(timer);
  }, [path]);
  return count;
}

function Orphans({ count }: { count: number | null }) {
  if (count === null) return <p class="muted">What this hits is being counted…</p>;
  return count ? (
    <p class="trouble-words">
      {count === 1 ? "1 waiting request loses" : `${count} waiting requests lose`} the last board that could serve it.
    </p>
  ) : (
    <p class="muted">No waiting request loses its last board.</p>
  );
}

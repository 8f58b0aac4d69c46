// A request: the cockpit while it runs, the waiting card before, the story afterwards.

import { signal } from "@preact/signals";
import { lazy } from "../parts/lazy";
import { ConsoleLog } from "../parts/log";
import { useEffect, useState } from "preact/hooks";
import { call, get, post, wordsOf } from "../api";
import {
  boardOf,
  endedRequest,
  isMine,
  lastEvents,
  loaded,
  me,
  now,
  requestNumbered,
  requestsLoaded,
} from "../farm";
import { kindOf, shownCaps, toolsOf, wishOf } from "../kinds";
import { Act, Ago, At, Badge, Caps, Copy, Empty, Loading, RequestBadge, Sheet, TimeBar, Until, say, Field } from "../parts/ui";
import { boardPath, go, query, refine } from "../router";
import { countdown, exactly, secondsBetween, span } from "../times";
import type { Access, Request, Worker } from "../types";
import { WaitingCard, offer } from "./borrow";
import { Change } from "./change";
import { Device } from "./device";

const Terminal = lazy(() => import("../parts/terminal").then((module) => module.Terminal));
const Image = lazy(() => import("./image").then((module) => module.Image));

export function RequestView({ id }: { id: number }) {
  const live = requestNumbered(id) ?? endedRequest(id);
  const [read, setRead] = useState<Request | null>(null);
  const [problem, setProblem] = useState("");
  const missing = !live && requestsLoaded.value;
  useEffect(() => {
    if (!missing) return;
    get<Request>(`reqs/${id}`).then(setRead, (error: unknown) => setProblem(wordsOf(error)));
  }, [id, missing]);
  const request = live ?? (read?.ID === id ? read : null);
  if (problem && !request)
    return (
      <Empty title={`Request ${id}`}>
        <p>{problem}</p>
        <a href="/queue">To the queue</a>
      </Empty>
    );
  if (!request || !loaded.value) return <Loading />;
  if (request.State === "IN PROGRESS" && request.Job) return <Cockpit request={request} />;
  if (request.State === "WAITING") return <Waits request={request} />;
  return <Story request={request} />;
}

function Waits({ request }: { request: Request }) {
  return (
    <div class="narrow">
      <header class="page-head">
        <h1>{wishOf(request)}</h1>
        <RequestBadge state={request.State} />
      </header>
      <p class="muted">
        request {request.ID}
        {request.Owner.Name && ` of ${request.Owner.Name}`}, priority {request.Priority}, filed <Ago at={request.Created} />
        <Until request={request} />
      </p>
      <WaitingCard id={request.ID} />
      {isMine(request, me.value) && (
        <div class="buttons">
          <Change request={request} />
          <Act act={() => call("POST", `reqs/${request.ID}/close`)} ask="Really cancel?">
            Cancel the request
          </Act>
        </div>
      )}
      <p class="muted">This page becomes your board's as soon as it is there.</p>
    </div>
  );
}

/** Requests whose giving back can still be undone, by id. */
const closing = signal<ReadonlySet<number>>(new Set());

function giveBack(request: Request): void {
  const id = request.ID;
  closing.value = new Set([...closing.value, id]);
  const timer = setTimeout(async () => {
    forget();
    try {
      await call("POST", `reqs/${id}/close`);
    } catch (error) {
      say(wordsOf(error), "trouble");
    }
  }, 5000);
  function forget() {
    closing.value = new Set([...closing.value].filter((one) => one !== id));
  }
  say("The board is given back in 5 s", "told", () => {
    clearTimeout(timer);
    forget();
  });
}

type Tab = "terminal" | "console" | "image" | "activity" | "board";

function Cockpit({ request }: { request: Request }) {
  const job = request.Job;
  const board = job ? boardOf(job.WorkerUUID) : undefined;
  const own = isMine(request, me.value);
  const shared = Boolean(me.value && request.SharedWith?.includes(me.value.Name));
  const tools = board ? toolsOf(board) : [];
  const consoles = tools.includes("console");
  const tab = (query.value.get("tab") ?? "terminal") as Tab;
  const beside = query.value.get("beside") === "1" && consoles && tab !== "image" && tab !== "activity";
  const [marked, setMarked] = useState(false);
  const [sharing, setSharing] = useState(false);
  useEffect(() => {
    if (tab === "console" || beside) setMarked(false);
  }, [tab, beside, marked]);
  if (!job || !board) return <Loading />;
  const left = secondsBetween(now.value, job.Timeout);
  const leaving = closing.value.has(request.ID);
  const tabs: [Tab, string][] = [
    ["terminal", "Terminal"],
    ...(consoles ? ([["console", "Console"]] as [Tab, string][]) : []),
    ...(tools.includes("storage") ? ([["image", "Image"]] as [Tab, string][]) : []),
    ["activity", "Activity"],
    ["board", "Board"],
  ];
  const may = own || shared;
  return (
    <div class="cockpit">
      <header class="cockpit-head">
        <div>
          <h1>{board.Name}</h1>
          <span class="muted">{kindOf(board).value}</span>
          <Badge worker={board} />
          {!own && (
            <span class="muted">
              held by {request.Owner.Name}
              {shared && ", shared with you"}
            </span>
          )}
        </div>
        <div class="left-time">
          <span title={exactly(job.Timeout)} class={left < 300 ? "short" : ""}>
            <b>{countdown(left)}</b> left
          </span>
          <TimeBar from={job.Granted ?? request.Created} to={job.Timeout} />
        </div>
        {own && (
          <div class="buttons">
            <Act
              act={async () => {
                await call("POST", `reqs/${request.ID}/prolong`, { Length: 1800 });
                say("30 minutes more");
              }}
            >
              +30 min
            </Act>
            <button type="button" onClick={() => setSharing(true)}>
              Share
            </button>
            <button type="button" class="main" disabled={leaving} onClick={() => giveBack(request)}>
              Give back
            </button>
          </div>
        )}
      </header>
      {board.UnreachableSince && (
        <p class="problem" role="alert">
          The board's agent is out of reach since <At at={board.UnreachableSince} />; the job goes on, and ends with its time.
        </p>
      )}
      <div class="tabs">
        <div role="tablist" aria-label="Parts of the board">
        {tabs.map(([name, word]) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-controls={`panel-${name}`}
            aria-selected={tab === name}
            class={name === "board" ? "phone-only" : ""}
            onClick={() => refine({ tab: name })}
          >
            {word}
            {name === "console" && marked && tab !== "console" && !beside && <i class="mark" title="new bytes" />}
          </button>
        ))}
        </div>
        <span class="grow" />
        {consoles && (
          <button type="button" class="quiet wide-only" aria-pressed={beside} onClick={() => refine(beside ? { beside: null } : { beside: "1", tab: tab === "console" ? tab : "terminal" })}>
            Side by side
          </button>
        )}
      </div>
      <div class={`cockpit-body${beside ? " beside" : ""} on-${tab}`}>
        <div class="panels">
          {may ? (
            <>
              <Panel name="terminal" shown={tab === "terminal" || beside}>
                <Terminal request={request.ID} kind="shell" watch={!own} active={tab === "terminal"} />
              </Panel>
              {consoles && (
                <Panel name="console" shown={tab === "console" || beside}>
                  <Terminal request={request.ID} kind="console" watch={!own} active={tab === "console"} heard={() => setMarked(true)} />
                </Panel>
              )}
              {tab === "image" && (
                <Panel name="image" shown>
                  <Image request={request.ID} />
                </Panel>
              )}
            </>
          ) : (
            tab !== "activity" && (
              <Empty title="Not your board">
                <p>
                  Its owner may share it with you: <code>boruta share {request.ID}</code>
                </p>
              </Empty>
            )
          )}
          <Panel name="activity" shown={tab === "activity"}>
            <Activity request={request} />
          </Panel>
        </div>
        <aside aria-label="Board" id="panel-board">
          {own && <Ssh request={request} />}
          {may && tools.length > 0 && <Device request={request.ID} />}
          <Facts board={board} request={request} />
        </aside>
      </div>
      {sharing && <Share request={request} close={() => setSharing(false)} />}
    </div>
  );
}

function Panel({ name, shown, children }: { name: string; shown: boolean; children: preact.ComponentChildren }) {
  return (
    <div role="tabpanel" id={`panel-${name}`} aria-labelledby={`tab-${name}`} hidden={!shown} class="panel">
      {children}
    </div>
  );
}

function Ssh({ request }: { request: Request }) {
  const [access, setAccess] = useState<Access | null>(null);
  const [saved, setSaved] = useState(false);
  const file = `boruta-${request.ID}.pem`;
  function save(key: string) {
    const url = URL.createObjectURL(new Blob([key], { type: "application/x-pem-file" }));
    const anchor = Object.assign(document.createElement("a"), { href: url, download: file });
    anchor.click();
    URL.revokeObjectURL(url);
    setSaved(true);
  }
  const host = access ? (access.Addr.Zone ? `${access.Addr.IP}%${access.Addr.Zone}` : access.Addr.IP) : "";
  return (
    <section class="box">
      <h2>Your own ssh</h2>
      {access ? (
        <>
          <Copy
            label="the ssh line"
            text={`ssh -p ${access.Addr.Port}${access.Key ? ` -i ${file}` : ""} ${access.Username}@${host}`}
          />
          {access.Key &&
            (saved ? (
              <p class="muted">
                {file} is saved; <code>chmod 600 {file}</code> before its first use.
              </p>
            ) : (
              <button type="button" onClick={() => save(access.Key)}>
                Download the key
              </button>
            ))}
          {access.HostKey && (
            <details>
              <summary>The board's host key</summary>
              <code class="wrap">{access.HostKey}</code>
            </details>
          )}
        </>
      ) : (
        <Act
          act={async () => setAccess(await post<Access>(`reqs/${request.ID}/acquire_worker`))}
          title="Handing out the key is entered in the audit"
        >
          Show address and key
        </Act>
      )}
    </section>
  );
}

function Facts({ board, request }: { board: Worker; request: Request }) {
  return (
    <section class="box">
      <h2>
        <a href={boardPath(board.Name)}>{board.Name}</a>
      </h2>
      <Caps caps={shownCaps(board)} />
      <dl>
        <dt>Ends</dt>
        <dd>{request.Job && <At at={request.Job.Timeout} />}</dd>
        {request.Job?.Limit && (
          <>
            <dt>At the latest</dt>
            <dd>
              <At at={request.Job.Limit} />
            </dd>
          </>
        )}
        {request.SharedWith && request.SharedWith.length > 0 && (
          <>
            <dt>Shared with</dt>
            <dd>{request.SharedWith.join(", ")}</dd>
          </>
        )}
        <dt>Request</dt>
        <dd>
          {request.ID}, priority {request.Priority}
        </dd>
      </dl>
    </section>
  );
}

function Share({ request, close }: { request: Request; close: () => void }) {
  const [account, setAccount] = useState("");
  const users = me.value?.Groups !== null;
  return (
    <Sheet title="Share this board" close={close}>
      {users ? (
        <>
          <p>
            A colleague sees your terminal and console in the page, and his own SSH keys open the board's session, for this
            job only.
          </p>
          <form
            onSubmit={async (event) => {
              event.preventDefault();
              try {
                await call("POST", `reqs/${request.ID}/share`, { Account: account.trim() });
                say(`shared with ${account.trim()}`);
                setAccount("");
              } catch (error) {
                say(wordsOf(error), "trouble");
              }
            }}
          >
            <Field label="Account">
              {(id) => <input id={id} type="text" required value={account} onInput={(event) => setAccount(event.currentTarget.value)} />}
            </Field>
            <div class="buttons">
              <button type="submit" class="main">
                Share
              </button>
            </div>
          </form>
          {(request.SharedWith ?? []).map((name) => (
            <p key={name} class="row">
              <span class="grow">{name}</span>
              <Act act={() => call("POST", `reqs/${request.ID}/unshare`, { Account: name })}>Stop sharing</Act>
            </p>
          ))}
        </>
      ) : (
        <p>This farm knows no users: whoever can open this page sees and uses the board already.</p>
      )}
      <h3>The address of this page</h3>
      <Copy label="the address" text={`${location.origin}/requests/${request.ID}`} />
    </Sheet>
  );
}

function Activity({ request }: { request: Request }) {
  const board = request.Job?.WorkerUUID;
  const events = lastEvents.value.filter((event) => event.Request === request.ID || event.Worker === board);
  return (
    <section class="activity">
      <ul class="lines">
        {events.map((event) => (
          <li key={event.Number}>
            <At at={event.At} />
            <span>{event.Kind.replace(".", " ")}</span>
            <span class="cut">{event.State?.toLowerCase() ?? ""}</span>
            <span class="cut muted">{event.Reason ?? ""}</span>
          </li>
        ))}
        {request.Job?.Granted && (
          <li>
            <At at={request.Job.Granted} />
            <span>board granted</span>
          </li>
        )}
        <li>
          <At at={request.Created} />
          <span>request filed</span>
        </li>
      </ul>
    </section>
  );
}

function Story({ request }: { request: Request }) {
  const board = request.Job ? boardOf(request.Job.WorkerUUID) : undefined;
  const [log, setLog] = useState(false);
  const own = isMine(request, me.value);
  return (
    <div class="narrow">
      <header class="page-head">
        <h1>{wishOf(request)}</h1>
        <RequestBadge state={request.State} />
      </header>
      {request.Reason && <p>{request.Reason}</p>}
      <dl class="box">
        <dt>Request</dt>
        <dd>{request.ID}</dd>
        {request.Owner.Name && (
          <>
            <dt>Owner</dt>
            <dd>{request.Owner.Name}</dd>
          </>
        )}
        <dt>Filed</dt>
        <dd>
          <At at={request.Created} />
        </dd>
        {request.Job?.Granted && (
          <>
            <dt>Waited</dt>
            <dd>{span(secondsBetween(request.Created, request.Job.Granted))}</dd>
            <dt>Board</dt>
            <dd>{board ? <a href={boardPath(board.Name)}>{board.Name}</a> : request.Job.WorkerUUID}</dd>
            {request.Finished && (
              <>
                <dt>Held for</dt>
                <dd>{span(secondsBetween(request.Job.Granted, request.Finished))}</dd>
              </>
            )}
          </>
        )}
        {request.Finished && (
          <>
            <dt>Ended</dt>
            <dd>
              <At at={request.Finished} />
            </dd>
          </>
        )}
      </dl>
      <div class="buttons">
        <button type="button" class="main" onClick={() => offer(request.Caps ?? {}, request.Selector ?? "")}>
          Borrow again
        </button>
        <button type="button" onClick={() => go("/")}>
          All boards
        </button>
        {own && request.Job && !log && (
          <button type="button" onClick={() => setLog(true)}>
            Show the console's log
          </button>
        )}
      </div>
      {log && <ConsoleLog request={request.ID} />}
    </div>
  );
}

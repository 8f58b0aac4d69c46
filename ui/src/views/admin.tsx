// What admins do that is of no single board: invitations, many boards at once, the audit; people, groups and
// tokens have files of their own.

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { call, post, wordsOf } from "../api";
import { holders, me, now, requests, requestsLoaded, workers } from "../farm";
import { entriesOf, type Entry } from "../health";
import { standingOf, standingWord } from "../kinds";
import { Act, At, Copy, Field, Loading, say } from "../parts/ui";
import { boardPath, path, query, refine } from "../router";
import { moment } from "../times";
import type { Token, Worker } from "../types";
import { Groups } from "./groups";
import { People } from "./people";
import { Tokens } from "./tokens";

const PARTS: [string, string][] = [
  ["boards", "Boards"],
  ["people", "People"],
  ["groups", "Groups"],
  ["tokens", "Tokens"],
  ["audit", "Audit"],
];

export function Admin({ part }: { part: string }) {
  const shown = part || "boards";
  const users = me.value?.Groups !== null;
  const parts = users ? PARTS : PARTS.filter(([name]) => name !== "people" && name !== "groups");
  return (
    <div>
      <header class="page-head">
        <h1>Admin</h1>
        <nav class="switch links" aria-label="Parts of administration">
          {parts.map(([name, word]) => (
            <a key={name} href={`/admin/${name}`} aria-current={shown === name ? "page" : undefined}>
              {word}
            </a>
          ))}
        </nav>
      </header>
      {shown === "boards" && (requestsLoaded.value ? <Bulk /> : <Loading />)}
      {shown === "people" && <People />}
      {shown === "groups" && <Groups />}
      {shown === "tokens" && <Tokens />}
      {shown === "audit" && <Audit />}
    </div>
  );
}

function Invitation() {
  const [uses, setUses] = useState("1");
  const [issued, setIssued] = useState<{ Secret: string; Token: Token } | null>(null);
  return (
    <section class="box">
      <h2>Invite boards</h2>
      {issued ? (
        <>
          <p>
            On the board's computer, until {moment(issued.Token.Expires, now.value)}; the token is shown this once:
          </p>
          <Copy label="the command" text={`sudo DRYAD_JOIN_TOKEN=${issued.Secret} dryad join ${location.origin}`} />
          <button type="button" onClick={() => setIssued(null)}>
            Another one
          </button>
        </>
      ) : (
        <form
          class="row"
          onSubmit={async (event) => {
            event.preventDefault();
            try {
              setIssued(
                await post("tokens/", { Kind: "join", Scope: "read", Name: "boards", Uses: Number(uses), Lifetime: 3600 }),
              );
            } catch (error) {
              say(wordsOf(error), "trouble");
            }
          }}
        >
          <Field label="How many boards">
            {(id) => (
              <input id={id} type="number" min={1} max={100000} value={uses} onInput={(event) => setUses(event.currentTarget.value)} />
            )}
          </Field>
          <button type="submit" class="main">
            Invite for 1 h
          </button>
        </form>
      )}
    </section>
  );
}

/** Boards that a bulk act is to hit. */
const picked = signal<ReadonlySet<string>>(new Set());

function Bulk() {
  const [reason, setReason] = useState("");
  const sorted = [...workers.value].sort((a, b) => rank(a) - rank(b) || a.Name.localeCompare(b.Name, undefined, { numeric: true }));
  // Rows keep their places under the hand that picks them: another order is offered.
  const [order, setOrder] = useState<readonly string[]>(() => sorted.map((worker) => worker.WorkerUUID));
  const places = new Map(order.map((uuid, place) => [uuid, place]));
  const place = (worker: Worker) => places.get(worker.WorkerUUID) ?? order.length;
  const troubled = [...sorted].sort((a, b) => place(a) - place(b));
  const moved = troubled.some((worker, index) => worker !== sorted[index]);
  const chosen = workers.value.filter((worker) => picked.value.has(worker.WorkerUUID));
  const running = chosen.filter((worker) => worker.State === "RUNNING");
  const waiting = requests.value.filter((request) => request.State === "WAITING").length;
  function pick(uuid: string, on: boolean) {
    const next = new Set(picked.value);
    if (on) next.add(uuid);
    else next.delete(uuid);
    picked.value = next;
  }
  async function each(act: (worker: Worker) => Promise<unknown>, word: string) {
    const outcomes = await Promise.allSettled(chosen.map(act));
    const failed = outcomes.filter((outcome) => outcome.status === "rejected");
    if (failed.length) say(`${failed.length} of ${chosen.length} refused: ${wordsOf(failed[0]?.reason)}`, "trouble");
    else say(`${chosen.length} boards ${word}`);
    picked.value = new Set();
  }
  return (
    <div class="admin-boards">
      <Invitation />
      <section class="box">
        <header class="page-head">
          <h2>Several boards at once</h2>
          <button type="button" disabled={!moved} onClick={() => setOrder(sorted.map((worker) => worker.WorkerUUID))}>
            Trouble first
          </button>
        </header>
        <div class="bulk">
          <p role="status">
            {chosen.length === 0
              ? "No board is chosen."
              : `${chosen.length} ${chosen.length === 1 ? "board" : "boards"}: ${running.length} lent now, ${waiting} ${waiting === 1 ? "request waits" : "requests wait"} in the farm.`}
          </p>
          <Field label="Reason, for everybody to read">
            {(id) => <input id={id} type="text" maxLength={200} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />}
          </Field>
          <div class="buttons">
            <Act
              disabled={!chosen.length}
              ask={`Really all ${chosen.length}, after running jobs?`}
              act={() =>
                each(
                  (worker) =>
                    call("POST", `workers/${worker.WorkerUUID}/setstate`, {
                      WorkerState: "MAINTENANCE",
                      Reason: reason,
                      AfterJob: true,
                    }),
                  "go to maintenance, those lent after their job",
                )
              }
            >
              To maintenance
            </Act>
            <Act
              disabled={!chosen.length}
              act={() => each((worker) => call("POST", `workers/${worker.WorkerUUID}/setstate`, { WorkerState: "IDLE" }), "come back to service")}
            >
              Back to service
            </Act>
            <button type="button" class="quiet" disabled={!chosen.length} onClick={() => (picked.value = new Set())}>
              None
            </button>
          </div>
        </div>
        <div class="scroll">
          <table class="stacks">
            <thead>
              <tr>
                <th scope="col">
                  <span class="unseen">Chosen</span>
                </th>
                <th scope="col">Board</th>
                <th scope="col">State</th>
                <th scope="col">Why, whose</th>
                <th scope="col">Since</th>
              </tr>
            </thead>
            <tbody>
              {troubled.slice(0, 500).map((worker) => (
                <tr key={worker.WorkerUUID}>
                  <td>
                    <input
                      type="checkbox"
                      aria-label={`Choose ${worker.Name}`}
                      checked={picked.value.has(worker.WorkerUUID)}
                      onChange={(event) => pick(worker.WorkerUUID, event.currentTarget.checked)}
                    />
                  </td>
                  <td>
                    <a href={boardPath(worker.Name)}>{worker.Name}</a>
                  </td>
                  <td>
                    <span class={`state ${standingOf(worker)}`}>
                      <i aria-hidden="true" />
                      {standingWord(worker)}
                    </span>
                  </td>
                  <td>{worker.Reason ?? holders.value.get(worker.WorkerUUID)?.Owner.Name ?? ""}</td>
                  <td>
                    <At at={worker.Since} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {troubled.length > 500 && <p class="muted">and {troubled.length - 500} more, all in order</p>}
      </section>
    </div>
  );
}

function rank(worker: Worker): number {
  return ["trouble", "away", "preparing", "held", "free"].indexOf(standingOf(worker));
}

const NEWEST = 500;

function Audit() {
  const [found, setFound] = useState<Entry[] | null>(null);
  const [problem, setProblem] = useState("");
  const filters = ["actor", "action", "subject"];
  const text = filters.map((name) => query.value.get(name) ?? "").join("\n");
  useEffect(() => {
    if (path.peek() !== "/admin/audit") return;
    const since = query.peek().get("since") ?? new Date(now.peek() - 7 * 86_400_000).toISOString();
    const wanted = new URLSearchParams({ since });
    for (const name of filters) {
      const value = query.peek().get(name);
      if (value) wanted.set(name, value);
    }
    call("GET", `audit?${wanted}`)
      .then((answer) => answer.text())
      .then(
        (lines) => {
          setFound(entriesOf(lines).slice(-NEWEST).reverse());
          setProblem("");
        },
        (error: unknown) => setProblem(wordsOf(error)),
      );
  }, [text, query.value.get("since")]);
  return (
    <section class="box">
      <div class="filters">
        {filters.map((name) => (
          <Field key={name} label={name[0]?.toUpperCase() + name.slice(1)}>
            {(id) => (
              <input
                id={id}
                type="text"
                placeholder={name === "action" ? "key.read" : name === "subject" ? "request 12" : "ann"}
                value={query.value.get(name) ?? ""}
                onChange={(event) => refine({ [name]: event.currentTarget.value })}
              />
            )}
          </Field>
        ))}
        <span class="muted">of the last seven days, newest first</span>
      </div>
      {problem && <p class="problem">{problem}</p>}
      {!found ? (
        <Loading />
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Who</th>
                <th scope="col">What</th>
                <th scope="col">To what</th>
                <th scope="col">More</th>
              </tr>
            </thead>
            <tbody>
              {found.map((entry) => (
                <tr key={entry.Number}>
                  <td>
                    <At at={entry.At} />
                  </td>
                  <td title={entry.Source}>{entry.Actor}</td>
                  <td>{entry.Action}</td>
                  <td>{entry.Subject}</td>
                  <td class="muted">
                    {Object.entries(entry.Detail)
                      .map(([name, value]) => `${name}: ${value}`)
                      .join(", ")}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

// How a board does: whether it is flaky, why its jobs failed, and what happened to it between them.

import { useEffect, useState } from "preact/hooks";
import { call, wordsOf } from "../api";
import { me, now } from "../farm";
import { judge, type Record } from "../flaky";
import { happeningsOf, troublesOf, type Happening, type Trouble } from "../health";
import { recentJobs } from "../jobs";
import { Act, At, Loading, State } from "../parts/ui";
import { requestPath } from "../router";
import type { Request, Worker } from "../types";

const FAILURES = 200;
const DAYS = 30;

interface Found {
  record: Record | undefined;
  troubles: Trouble[];
  failures: number;
}

export function Health({ board }: { board: Worker }) {
  const [found, setFound] = useState<Found | null>(null);
  const [problem, setProblem] = useState("");
  const [events, setEvents] = useState<Happening[] | null>(null);
  const uuid = board.WorkerUUID;
  useEffect(() => {
    let left = false;
    const failed = call("POST", "reqs/list", {
      Filter: { States: ["FAILED"], Selector: `worker = ${uuid}` },
      Sorter: { Item: "id", Order: "descending" },
      Paginator: { Limit: FAILURES },
    });
    Promise.all([failed, recentJobs()])
      .then(async ([answer, jobs]) => {
        const requests = (await answer.json()) as Request[];
        if (left) return;
        // What has failed since the farm's figures were read counts, too.
        const read = new Set(jobs.map((job) => job.ID));
        const all = [...requests.filter((request) => request.ID > (jobs[0]?.ID ?? 0) && !read.has(request.ID)), ...jobs];
        setFound({
          record: judge(all).find((record) => record.worker === uuid),
          troubles: troublesOf(requests),
          failures: Number(answer.headers.get("boruta-list-total") ?? requests.length),
        });
        setProblem("");
      })
      .catch((error: unknown) => {
        if (!left) setProblem(wordsOf(error));
      });
    return () => {
      left = true;
    };
  }, [uuid, board.Since]);
  const role = me.value?.Role;
  return (
    <section class="box" aria-label="Health">
      <h2>Health</h2>
      {problem && <p class="problem">{problem}</p>}
      {found ? <Verdict found={found} /> : !problem && <Loading />}
      {found && found.troubles.length > 0 && (
        <ul class="lines troubles">
          {found.troubles.slice(0, 10).map(({ reason, count, last }) => (
            <li key={reason}>
              <b>{count}×</b>
              <span>{reason}</span>
              <span class="muted">
                {count > 1 && "last "}
                <At at={last.Finished ?? last.Created} />, <a href={requestPath(last.ID)}>request {last.ID}</a>
              </span>
            </li>
          ))}
        </ul>
      )}
      {events && <Events board={uuid} events={events} />}
      {!events && (role === "admin" || role === "auditor") && (
        <div class="buttons">
          <Act
            act={async () => {
              const since = new Date(now.peek() - DAYS * 86_400_000).toISOString();
              const answer = await call("GET", `audit?${new URLSearchParams({ subject: `worker ${uuid}`, since })}`);
              setEvents(happeningsOf(await answer.text()));
            }}
          >
            What happened to it in {DAYS} days
          </Act>
        </div>
      )}
    </section>
  );
}

function Verdict({ found: { record, failures } }: { found: Found }) {
  if (!record) return <p class="muted">{failures ? "No job of it has ended lately." : "No job of it has ended yet."}</p>;
  const jobs = record.jobs === 1 ? "Its last job" : `${record.failures || "None"} of its last ${record.jobs} jobs`;
  return (
    <p class="verdict">
      {record.flaky && <State tone="trouble">flaky</State>}
      {!record.failures && <State tone="free">sound</State>}
      <span>
        {record.jobs === 1 ? `${jobs} ${record.failures ? "failed" : "went well"}` : `${jobs} failed`}
        {record.flaky && ", more than chance and the others' failures explain"}
        {record.failures > 0 && !record.flaky && ", no more than chance and the others' failures explain"}.{" "}
        <a href="/numbers">Compare all boards</a>
      </span>
    </p>
  );
}

function Events({ board, events }: { board: string; events: Happening[] }) {
  return (
    <>
      <h3>What happened in {DAYS} days</h3>
      {events.length ? (
        <ul class="lines happenings">
          {events.slice(0, 200).map((event) => (
            <li key={event.number}>
              <At at={event.at} />
              <span class={event.trouble ? "trouble-words" : ""}>{event.what}</span>
              <span>{event.reason}</span>
              <span class="muted">{event.who}</span>
            </li>
          ))}
        </ul>
      ) : (
        <p class="muted">Nothing.</p>
      )}
      <p>
        <a href={`/admin/audit?subject=${encodeURIComponent(`worker ${board}`)}`}>All of it in the audit</a>
      </p>
    </>
  );
}

// The farm in figures: how much is lent, how long people wait, what fails, and which boards are flaky.

import "uplot/dist/uPlot.min.css";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { wordsOf } from "../api";
import { boardOf, now, workers } from "../farm";
import { evidenceOf, isFlaky, judge } from "../flaky";
import { jobsSince, PAGE, type Reach } from "../jobs";
import { kindOf, shownCaps } from "../kinds";
import { At, Empty, Field, Loading, State } from "../parts/ui";
import { boardPath, query, refine } from "../router";
import { bucketed, failuresBy, percentile, spanOf, SPANS, type Share } from "../figures";
import { forInput, span } from "../times";
import type { Request } from "../types";

export function Numbers() {
  const [found, setFound] = useState<Request[] | null>(null);
  const [reach, setReach] = useState<Reach>("reading");
  const [problem, setProblem] = useState("");
  const range = ["range", "from", "to"].map((name) => query.value.get(name)).join();
  useEffect(() => {
    let left = false;
    setReach("reading");
    jobsSince(spanOf(query.peek(), now.peek() / 1000).from, (jobs, reached) => {
      if (left) return false;
      setFound(jobs);
      setReach(reached);
      return true;
    }).catch((error: unknown) => {
      if (!left) setProblem(wordsOf(error));
    });
    return () => {
      left = true;
    };
  }, [range]);
  if (problem) return <p class="problem">{problem}</p>;
  if (!found) return <Loading />;
  const jobs = found.filter((request) => request.Job?.Granted);
  if (!jobs.length)
    return (
      <Empty title="No figures yet">
        <p>They begin with the first board that is lent.</p>
      </Empty>
    );
  const shown = spanOf(query.value, now.peek() / 1000);
  const figures = bucketed(jobs, workers.value.length, shown.from, shown.to, shown.count);
  const within = jobs.filter((request) => {
    const granted = Date.parse(request.Job?.Granted ?? "") / 1000;
    return granted > shown.from && granted <= shown.to;
  });
  const waits = within.map((request) => (Date.parse(request.Job?.Granted ?? "") - Date.parse(request.Created)) / 1000);
  const failed = within.filter((request) => request.State === "FAILED").length;
  // As each board's own place judges it, whatever the range.
  const records = judge(found.slice(0, PAGE));
  const flaky = records.filter((record) => record.flaky);
  const oldest = found.at(-1)?.Created;
  return (
    <div>
      <header class="page-head">
        <h1>Numbers</h1>
        <div class="switch" role="group" aria-label="Range">
          {SPANS.map(([name]) => (
            <button
              key={name}
              type="button"
              aria-pressed={shown.word === name}
              onClick={() => refine({ range: name, from: null, to: null })}
            >
              {name}
            </button>
          ))}
        </div>
        <Moment label="From" at={shown.from} pick={(from) => refine({ range: null, from, to: moment(shown.to) })} />
        <Moment label="To" at={shown.to} pick={(to) => refine({ range: null, from: moment(shown.from), to })} />
        {reach !== "all" && oldest && (
          <span class="muted" role="status">
            {reach === "cut" ? "only" : "reading: so far"} the last {found.length} requests, since <At at={oldest} />
          </span>
        )}
      </header>
      <div class="figures">
        <Figure value={String(within.length)} word="boards lent" />
        <Figure value={`${Math.round((figures.lent.reduce((a, b) => a + b, 0) / shown.count) * 100)} %`} word="of the boards' time lent" />
        <Figure value={waits.length ? span(percentile(waits, 0.5)) : "–"} word="waited, in the middle" />
        <Figure value={waits.length ? span(percentile(waits, 0.95)) : "–"} word="waited by the unluckiest twentieth" />
        <Figure value={String(failed)} word="failed" />
      </div>
      <div class="plots">
        <Plot title="Lent, in % of all boards" times={figures.times} lines={[["lent", figures.lent.map((part) => part * 100), "--held"]]} unit="%" />
        <Plot
          title="Waited, in minutes"
          times={figures.times}
          lines={[
            ["middle", figures.middle.map(inMinutes), "--waiting"],
            ["95 of 100", figures.late.map(inMinutes), "--away"],
          ]}
          unit="min"
        />
        <Plot title="Failed requests" times={figures.times} lines={[["failed", figures.failed, "--trouble"]]} unit="" />
      </div>
      <div class="plots">
        <Failures
          title="Failures by capability"
          shares={failuresBy(within, (request) => capabilitiesOf(request))}
          jobs={within.length}
          failures={failed}
        />
        <Failures
          title="Failures by board"
          shares={failuresBy(within, (request) => [boardNamed(request)])}
          jobs={within.length}
          failures={failed}
        />
      </div>
      <section class="box">
        <h2>Flaky boards</h2>
        {flaky.length ? (
          <p>
            {flaky.length === 1 ? "One board fails" : `${flaky.length} boards fail`} more often than the others' failures explain: by
            chance that happens to less than one board of a hundred.
          </p>
        ) : (
          <p class="muted">No board fails more often than chance explains.</p>
        )}
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">Board</th>
                <th scope="col">Kind</th>
                <th scope="col" class="number">
                  Jobs
                </th>
                <th scope="col" class="number">
                  Failed
                </th>
                <th scope="col">Verdict</th>
              </tr>
            </thead>
            <tbody>
              {records
                .filter((record) => record.failures > 0)
                .slice(0, 20)
                .map((record) => {
                  const board = boardOf(record.worker);
                  return (
                    <tr key={record.worker}>
                      <td>{board ? <a href={boardPath(board.Name)}>{board.Name}</a> : record.worker}</td>
                      <td>{board ? kindOf(board).value : ""}</td>
                      <td class="number">{record.jobs}</td>
                      <td class="number">{record.failures}</td>
                      <td>{record.flaky ? <State tone="trouble">flaky</State> : <span class="muted">by chance</span>}</td>
                    </tr>
                  );
                })}
            </tbody>
          </table>
        </div>
      </section>
    </div>
  );
}

/** A moment as the address holds it. */
function moment(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** One end of the range; nothing happens before it is a moment. */
function Moment({ label, at, pick }: { label: string; at: number; pick: (moment: string) => void }) {
  return (
    <Field label={label}>
      {(id) => (
        <input
          id={id}
          type="datetime-local"
          value={forInput(at * 1000)}
          onChange={(event) => {
            const typed = Date.parse(event.currentTarget.value);
            if (!Number.isNaN(typed)) pick(moment(typed / 1000));
          }}
        />
      )}
    </Field>
  );
}

/** What the board of a job is: its kind and what else it has. */
function capabilitiesOf(request: Request): string[] {
  const board = request.Job && boardOf(request.Job.WorkerUUID);
  if (!board) return [];
  const kind = kindOf(board);
  return [[kind.name, kind.value] as [string, string], ...shownCaps(board)].map(([name, value]) => `${name} ${value}`.trim());
}

function boardNamed(request: Request): string {
  const uuid = request.Job?.WorkerUUID ?? "";
  return boardOf(uuid)?.Name ?? uuid;
}

const MOST_SHARES = 10;

function Failures({ title, shares, jobs, failures }: { title: string; shares: Share[]; jobs: number; failures: number }) {
  const most = shares[0]?.failures ?? 1;
  return (
    <section class="box">
      <h2>{title}</h2>
      {shares.length ? (
        <ul class="shares">
          {shares.slice(0, MOST_SHARES).map((share) => (
            <li key={share.name}>
              <span class="cut">{share.name}</span>
              <span class="share" aria-hidden="true">
                <i style={{ width: `${(share.failures / most) * 100}%` }} />
              </span>
              <span class="number">
                {share.failures} of {share.jobs}
              </span>
              {isFlaky(evidenceOf(share.jobs, share.failures, jobs - share.jobs, failures - share.failures)) && (
                <State tone="trouble">more than others</State>
              )}
            </li>
          ))}
        </ul>
      ) : (
        <p class="muted">Nothing has failed.</p>
      )}
    </section>
  );
}

const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** What stands below a line of the grid: the hour, or the day where it begins. */
function tick(seconds: number): string {
  const at = new Date(seconds * 1000);
  return at.getHours() || at.getMinutes() ? hour.format(at) : date.format(at);
}

function inMinutes(seconds: number | null): number | null {
  return seconds === null ? null : seconds / 60;
}

function Figure({ value, word }: { value: string; word: string }) {
  return (
    <div>
      <b>{value}</b>
      <span>{word}</span>
    </div>
  );
}

function Plot({ title, times, lines, unit }: { title: string; times: number[]; lines: [string, (number | null)[], string][]; unit: string }) {
  const place = useRef<HTMLDivElement>(null);
  const newest = lines.map(([name, values]) => `${name} ${(values.at(-1) ?? 0).toFixed(1)} ${unit}`.trim()).join(", ");
  useEffect(() => {
    const at = place.current;
    if (!at) return;
    let plot: uPlot | null = null;
    const draw = () => {
      plot?.destroy();
      const style = getComputedStyle(at);
      const colour = (name: string) => {
        // Canvas knows neither variables nor light-dark(): the browser resolves them.
        at.style.color = `var(${name})`;
        const found = getComputedStyle(at).color;
        at.style.color = "";
        return found;
      };
      const axis = { stroke: style.color, grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
      plot = new uPlot(
        {
          width: at.clientWidth,
          height: 220,
          legend: { show: lines.length > 1 },
          cursor: { y: false, drag: { x: true, y: false, setScale: false } },
          hooks: {
            setSelect: [
              (plot) => {
                const [from, to] = [plot.select.left, plot.select.left + plot.select.width].map((at) => plot.posToVal(at, "x"));
                if (plot.select.width && from && to) refine({ range: null, from: moment(from), to: moment(to) });
              },
            ],
          },
          scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
          axes: [{ ...axis, space: 64, values: (_plot, at) => at.map(tick) }, { ...axis, size: 48 }],
          series: [
            {},
            ...lines.map(([label, values, name]) => ({
              label,
              stroke: colour(name),
              fill: lines.length === 1 ? `color-mix(in srgb, ${colour(name)} 15%, transparent)` : "transparent",
              width: 2,
              // No line goes through a single one.
              points: { show: values.filter((value) => value !== null).length === 1 },
              spanGaps: true,
              value: (_plot: uPlot, value: number | null) => (value === null ? "–" : `${value.toFixed(1)} ${unit}`),
            })),
          ],
        },
        [times, ...lines.map(([, values]) => values)],
        at,
      );
    };
    draw();
    const watcher = new ResizeObserver(() => plot?.setSize({ width: at.clientWidth, height: 220 }));
    watcher.observe(at);
    // Paper is light, whatever the screen is.
    const media = ["(prefers-color-scheme: dark)", "print"].map((one) => matchMedia(one));
    for (const one of media) one.addEventListener("change", draw);
    return () => {
      watcher.disconnect();
      for (const one of media) one.removeEventListener("change", draw);
      plot?.destroy();
    };
  }, [times.join(), newest]);
  return (
    <figure class="box plot">
      <figcaption>
        <h2>{title}</h2>
        <span class="unseen">now: {newest}</span>
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}

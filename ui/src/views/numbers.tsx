// The farm in figures: how much is lent, how long people wait, what fails, and which boards are flaky.

import "uplot/dist/uPlot.min.css";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { wordsOf } from "../api";
import { boardOf, now, workers } from "../farm";
import { judge } from "../flaky";
import { MOST, recentJobs } from "../jobs";
import { kindOf } from "../kinds";
import { At, Empty, Loading, State } from "../parts/ui";
import { boardPath, query, refine } from "../router";
import { bucketed, percentile } from "../figures";
import { span } from "../times";
import type { Request } from "../types";

const RANGES: [string, number, number][] = [
  ["day", 86_400, 24],
  ["week", 7 * 86_400, 28],
  ["month", 30 * 86_400, 30],
];

export function Numbers() {
  const [found, setFound] = useState<Request[] | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    recentJobs().then(setFound, (error: unknown) => setProblem(wordsOf(error)));
  }, []);
  if (problem) return <p class="problem">{problem}</p>;
  if (!found) return <Loading />;
  const jobs = found.filter((request) => request.Job?.Granted);
  if (!jobs.length)
    return (
      <Empty title="No figures yet">
        <p>They begin with the first board that is lent.</p>
      </Empty>
    );
  const wanted = query.value.get("range") ?? "day";
  const [, seconds, buckets] = RANGES.find(([name]) => name === wanted) ?? (RANGES[0] as [string, number, number]);
  const end = Math.ceil(now.peek() / 1000);
  const figures = bucketed(jobs, workers.value.length, end - seconds, end, buckets);
  const within = jobs.filter((request) => Date.parse(request.Job?.Granted ?? "") / 1000 > end - seconds);
  const waits = within.map((request) => (Date.parse(request.Job?.Granted ?? "") - Date.parse(request.Created)) / 1000);
  const failed = within.filter((request) => request.State === "FAILED").length;
  const records = judge(found);
  const flaky = records.filter((record) => record.flaky);
  const oldest = found.length === MOST ? found.at(-1)?.Created : undefined;
  return (
    <div>
      <header class="page-head">
        <h1>Numbers</h1>
        <div class="switch" role="group" aria-label="Range">
          {RANGES.map(([name]) => (
            <button key={name} type="button" aria-pressed={wanted === name} onClick={() => refine({ range: name })}>
              {name}
            </button>
          ))}
        </div>
        {oldest && (
          <span class="muted">
            from the last {MOST} requests, since <At at={oldest} />
          </span>
        )}
      </header>
      <div class="figures">
        <Figure value={String(within.length)} word="boards lent" />
        <Figure value={`${Math.round((figures.lent.reduce((a, b) => a + b, 0) / buckets) * 100)} %`} word="of the boards' time lent" />
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
          cursor: { y: false },
          scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
          axes: [{ ...axis, space: 64, values: (_plot, at) => at.map(tick) }, { ...axis, size: 48 }],
          series: [
            {},
            ...lines.map(([label, , name]) => ({
              label,
              stroke: colour(name),
              fill: lines.length === 1 ? `color-mix(in srgb, ${colour(name)} 15%, transparent)` : "transparent",
              width: 2,
              points: { show: false },
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
    const theme = matchMedia("(prefers-color-scheme: dark)");
    theme.addEventListener("change", draw);
    return () => {
      watcher.disconnect();
      theme.removeEventListener("change", draw);
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

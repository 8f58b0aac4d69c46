// All boards: kinds first, their units inside, as cards or as a table.

import { computed, effect, signal } from "@preact/signals";
import { useLayoutEffect, useState } from "preact/hooks";
import { post, wordsOf } from "../api";
import { holders, loaded, lastEvents, now, requests, requestsLoaded, workers } from "../farm";
import {
  groupKinds,
  isSelector,
  keeps,
  kindOf,
  shownCaps,
  standingOf,
  toolsOf,
  type Kind,
  type Standing,
} from "../kinds";
import { At, Badge, Caps, Copy, Empty, Loading } from "../parts/ui";
import { Rows, type Row } from "../parts/rows";
import { boardPath, go, path, query, refine, requestPath } from "../router";
import { secondsBetween, span } from "../times";
import type { Worker } from "../types";
import { offer } from "./borrow";

const STATES: [Standing, string][] = [
  ["free", "Free"],
  ["held", "Held"],
  ["trouble", "Trouble"],
  ["away", "Maintenance"],
];
const MANY = 60;

const folded = signal<ReadonlySet<string>>(new Set(JSON.parse(localStorage.getItem("folded") ?? "[]") as string[]));
const unfolded = signal<ReadonlySet<string>>(new Set());
const layout = signal(localStorage.getItem("layout") ?? "cards");
export const chosen = signal(-1);

const states = computed(
  () => new Set((query.value.get("state") ?? "").split(",").filter(Boolean) as Standing[]),
);
const selected = signal<{ text: string; uuids: ReadonlySet<string> | null; error: string }>({
  text: "",
  uuids: null,
  error: "",
});

// A selector is evaluated by the server, which alone knows its language; a board that changes
// state may change the answer, so it is asked again, at most once a second.
let asking: ReturnType<typeof setTimeout> | undefined;
effect(() => {
  const text = (query.value.get("q") ?? "").trim();
  lastEvents.value;
  if (path.value !== "/") return;
  clearTimeout(asking);
  if (!isSelector(text)) {
    if (selected.peek().text) selected.value = { text: "", uuids: null, error: "" };
    return;
  }
  const wait = selected.peek().text === text ? 1000 : 150;
  asking = setTimeout(async () => {
    try {
      const found = await post<{ WorkerUUID: string }[]>("workers/list?fields=WorkerUUID", {
        Filter: { Selector: text },
      });
      selected.value = { text, uuids: new Set(found.map((one) => one.WorkerUUID)), error: "" };
    } catch (error) {
      selected.value = { text, uuids: null, error: wordsOf(error) };
    }
  }, wait);
});

const shown = computed(() => {
  const text = (query.value.get("q") ?? "").trim();
  const bySelector = isSelector(text) && selected.value.text === text ? selected.value.uuids : null;
  const filter = {
    text: isSelector(text) ? "" : text,
    states: states.value,
    group: query.value.get("group") ?? "",
  };
  const held = holders.value;
  return workers.value.filter(
    (worker) =>
      (!bySelector || bySelector.has(worker.WorkerUUID)) &&
      keeps(filter, worker, held.get(worker.WorkerUUID)),
  );
});

export const kinds = computed(() => groupKinds(shown.value, holders.value, requests.value));
const groups = computed(() => [...new Set(workers.value.flatMap((worker) => worker.Groups ?? []))].sort());

/** How wide the content is: as wide as the window, up to a point. */
function usePageWidth(): number {
  const measure = () => Math.min(document.documentElement.clientWidth, 1680) - (innerWidth <= 720 ? 32 : 48);
  const [width, setWidth] = useState(measure);
  useLayoutEffect(() => {
    const look = () => setWidth(measure());
    addEventListener("resize", look);
    return () => removeEventListener("resize", look);
  }, []);
  return width;
}

function isOpen(kind: Kind, filtered: boolean): boolean {
  if (unfolded.value.has(kind.value)) return true;
  if (folded.value.has(kind.value)) return false;
  return filtered || workers.value.length <= MANY;
}

function toggle(kind: Kind, open: boolean): void {
  const [from, to] = open ? [unfolded, folded] : [folded, unfolded];
  from.value = new Set([...from.value].filter((value) => value !== kind.value));
  to.value = new Set([...to.value, kind.value]);
  localStorage.setItem("folded", JSON.stringify([...folded.value].slice(-200)));
}

export function Boards() {
  const width = usePageWidth();
  if (!loaded.value) return <Loading />;
  if (!workers.value.length) return <NoBoards />;
  const filtered = Boolean(query.value.get("q") || states.value.size || query.value.get("group"));
  const table = layout.value === "table" && width >= 640;
  const columns = Math.max(1, Math.floor((width + 12) / 300));
  const rows: Row[] = [];
  const units: Worker[] = [];
  for (const kind of kinds.value) {
    const [only, ...others] = kind.units;
    if (only && !others.length) {
      // A row for the kind and another for its one board would tell the same twice.
      const index = units.push(only) - 1;
      rows.push({ key: `kind ${kind.value}`, height: width <= 688 ? 112 : 68, show: () => <OnlyRow kind={kind} unit={only} index={index} /> });
      continue;
    }
    const open = isOpen(kind, filtered);
    rows.push({ key: `kind ${kind.value}`, height: width <= 688 ? 92 : 68, show: () => <KindRow kind={kind} open={open} /> });
    if (!open) continue;
    if (table)
      kind.units.forEach((unit) => {
        const index = units.push(unit) - 1;
        rows.push({ key: unit.WorkerUUID, height: 40, show: () => <UnitRow unit={unit} index={index} /> });
      });
    else
      for (let from = 0; from < kind.units.length; from += columns) {
        const some = kind.units.slice(from, from + columns);
        const first = units.length;
        units.push(...some);
        rows.push({
          key: some[0]?.WorkerUUID ?? "",
          height: 124,
          show: () => (
            <div class="cards" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
              {some.map((unit, index) => (
                <UnitCard key={unit.WorkerUUID} unit={unit} index={first + index} common={kind.common} />
              ))}
            </div>
          ),
        });
      }
    rows.push({ key: `end ${kind.value}`, height: 12, show: () => <span /> });
  }
  inView.units = units;
  inView.tops = [];
  let height = 0;
  for (const row of rows) {
    inView.tops.push([row.key, height, row.height]);
    height += row.height;
  }
  return (
    <div>
      <Filters />
      <div>
        {rows.length ? (
          <Rows rows={rows} label="Boards by kind" />
        ) : (
          <Empty title="No board matches">
            <p>{selected.value.error || "Nothing has all that is searched for."}</p>
            <button type="button" onClick={() => refine({ q: null, state: null, group: null })}>
              Show all boards
            </button>
          </Empty>
        )}
      </div>
    </div>
  );
}

/** What the keys j, k and Enter move through. */
const inView: { units: Worker[]; tops: [string, number, number][] } = { units: [], tops: [] };

export function move(by: number): void {
  const last = inView.units.length - 1;
  if (last < 0) return;
  chosen.value = Math.max(0, Math.min(last, chosen.value + by));
  requestAnimationFrame(() => {
    const found = document.querySelector<HTMLElement>(`[data-unit="${chosen.value}"] a`);
    if (found) found.focus();
    else scrollBy(0, by * 160);
  });
}

export function openChosen(): void {
  const unit = inView.units[chosen.value];
  if (unit) go(boardPath(unit.Name));
}

function Filters() {
  const counts = new Map<Standing, number>();
  for (const worker of workers.value) {
    const standing = standingOf(worker);
    const counted = standing === "preparing" ? "held" : standing;
    counts.set(counted, (counts.get(counted) ?? 0) + 1);
  }
  function pick(standing: Standing) {
    const next = new Set(states.value);
    if (!next.delete(standing)) next.add(standing);
    refine({ state: [...next].join(",") });
  }
  return (
    <div class="filters" role="group" aria-label="Filters">
      <div class="chips">
        {STATES.map(([standing, word]) => (
          <button
            key={standing}
            type="button"
            class={`chip ${standing}`}
            aria-pressed={states.value.has(standing)}
            onClick={() => pick(standing)}
          >
            <i aria-hidden="true" /> {word} <b>{counts.get(standing) ?? 0}</b>
          </button>
        ))}
      </div>
      {groups.value.length > 0 && (
        <select
          aria-label="Group"
          value={query.value.get("group") ?? ""}
          onChange={(event) => refine({ group: event.currentTarget.value })}
        >
          <option value="">all groups</option>
          {groups.value.map((group) => (
            <option key={group}>{group}</option>
          ))}
        </select>
      )}
      {selected.value.error && <span class="problem">{selected.value.error}</span>}
      <div class="grow" />
      <div class="switch" role="group" aria-label="Layout">
        {["cards", "table"].map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={layout.value === one}
            onClick={() => {
              layout.value = one;
              localStorage.setItem("layout", one);
            }}
          >
            {one === "cards" ? "Cards" : "Table"}
          </button>
        ))}
      </div>
    </div>
  );
}

/** What a kind's units are doing, in one line of words. */
export function kindWords(kind: Kind): string {
  if (kind.free) return `${kind.free} of ${kind.units.length} free`;
  if (kind.trouble + kind.away === kind.units.length) return "out of service";
  const none = `none of ${kind.units.length} free`;
  if (kind.next === null) return none;
  const left = secondsBetween(now.value, kind.next);
  return `${none}, next in ${left < 60 ? "a minute" : span(Math.round(left / 60) * 60)}`;
}

function KindRow({ kind, open }: { kind: Kind; open: boolean }) {
  return (
    <div class="kind">
      <button type="button" class="fold" aria-expanded={open} onClick={() => toggle(kind, open)}>
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <path d="M5 3l6 5-6 5" fill="none" stroke="currentColor" stroke-width="2" />
        </svg>
        <span class="kind-name">{kind.value}</span>
      </button>
      <span class={`kind-words${kind.free ? " some" : ""}`}>
        {kindWords(kind)}
        {kind.waiting > 0 && <span class="muted"> · {kind.waiting} waiting</span>}
        {kind.trouble > 0 && <span class="trouble-words"> · {kind.trouble} in trouble</span>}
      </span>
      <span class="kind-caps">
        <Caps caps={kind.common.slice(0, 6)} />
      </span>
      <Meter kind={kind} />
      <button type="button" class={kind.free ? "inviting" : ""} onClick={() => offer(kind.name ? { [kind.name]: kind.value } : {})}>
        {kind.free ? "Borrow" : "Queue me"}
        <span class="unseen"> {kind.value}</span>
      </button>
    </div>
  );
}

/** A kind that has one board: the board stands where others have their count. */
function OnlyRow({ kind, unit, index }: { kind: Kind; unit: Worker; index: number }) {
  return (
    <div class={`kind only ${standingOf(unit)}`} data-unit={index}>
      <span class="fold">
        <span class="kind-name">{kind.value}</span>
      </span>
      <span class="kind-words">
        <a href={boardPath(unit.Name)} title={unit.Name}>
          {unit.Name}
        </a>{" "}
        <Badge worker={unit} />
        {kind.waiting > 0 && <span class="muted"> · {kind.waiting} waiting</span>}
      </span>
      <span class="kind-about cut">{unit.State === "IDLE" && !unit.UnreachableSince ? <Caps caps={kind.common.slice(0, 6)} /> : away(unit)}</span>
      <button type="button" class={kind.free ? "inviting" : ""} onClick={() => offer(kind.name ? { [kind.name]: kind.value } : { name: unit.Name })}>
        {kind.free ? "Borrow" : "Queue me"}
        <span class="unseen"> {kind.value}</span>
      </button>
    </div>
  );
}

/** Whole words, as many as there is room for. */
function Tools({ unit }: { unit: Worker }) {
  return (
    <span class="muted tools">
      {toolsOf(unit).map((tool) => (
        <span key={tool}>{tool}</span>
      ))}
    </span>
  );
}

export function Meter({ kind }: { kind: Kind }) {
  const parts: [string, number][] = [
    ["held", kind.held],
    ["free", kind.free],
    ["trouble", kind.trouble],
    ["away", kind.away],
  ];
  return (
    <span class="meter" aria-hidden="true">
      {parts.map(([tone, count]) => count > 0 && <i key={tone} class={tone} style={{ flexGrow: count }} />)}
    </span>
  );
}

function Holder({ unit }: { unit: Worker }) {
  const request = holders.value.get(unit.WorkerUUID);
  if (unit.State === "RUNNING" && request?.Job)
    return (
      <span>
        {request.Owner.Name ? <b>{request.Owner.Name}</b> : <a href={requestPath(request.ID)}>request {request.ID}</a>} until{" "}
        <At at={request.Job.Timeout} />
      </span>
    );
  if (unit.State === "RUNNING" && !requestsLoaded.value) return <span class="muted">…</span>;
  if (unit.UnreachableSince)
    return (
      <span>
        out of reach since <At at={unit.UnreachableSince} />
      </span>
    );
  if (unit.Reason) return <span class="reason">{unit.Reason}</span>;
  return null;
}

function away(unit: Worker) {
  return unit.Reason || unit.UnreachableSince || unit.State === "RUNNING" ? (
    <Holder unit={unit} />
  ) : (
    <span class="muted">
      since <At at={unit.Since} />
    </span>
  );
}

function UnitCard({ unit, index, common }: { unit: Worker; index: number; common: [string, string][] }) {
  const known = new Set(common.map(([name]) => name));
  const caps = shownCaps(unit).filter(([name]) => !known.has(name));
  return (
    <article class={`card ${standingOf(unit)}`} data-unit={index}>
      <header>
        <a href={boardPath(unit.Name)} title={unit.Name}>
          {unit.Name}
        </a>
        <Badge worker={unit} />
      </header>
      <p class="line">{away(unit)}</p>
      <footer>
        {caps.length ? <Caps caps={caps.slice(0, 4)} /> : <Tools unit={unit} />}
        {unit.State === "IDLE" && !unit.UnreachableSince && (
          <button type="button" onClick={() => offer({ name: unit.Name })}>
            Borrow<span class="unseen"> {unit.Name}</span>
          </button>
        )}
      </footer>
    </article>
  );
}

function UnitRow({ unit, index }: { unit: Worker; index: number }) {
  return (
    <div class="unit" data-unit={index}>
      <a href={boardPath(unit.Name)}>{unit.Name}</a>
      <Badge worker={unit} />
      <span class="cut">{away(unit)}</span>
      <span class="cut muted">
        {shownCaps(unit)
          .map(([name, value]) => (value === "yes" ? name : `${name}=${value}`))
          .join("  ")}
      </span>
      <Tools unit={unit} />
      {unit.State === "IDLE" && !unit.UnreachableSince ? (
        <button type="button" onClick={() => offer({ name: unit.Name })}>
          Borrow<span class="unseen"> {unit.Name}</span>
        </button>
      ) : (
        <span />
      )}
    </div>
  );
}

export function NoBoards() {
  return (
    <Empty title="No boards yet">
      <p>On a board's computer, with Boruta installed there:</p>
      <Copy text={`dryad join ${location.origin}`} label="the command that joins a board" />
      <p class="muted">It registers the board and stays. The board then shows up here by itself.</p>
    </Empty>
  );
}

export { kindOf };

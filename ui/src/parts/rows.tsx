// Thousands of rows, of which only those in sight exist. The page itself scrolls.

import type { JSX } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

export interface Row {
  key: string;
  height: number;
  show: () => JSX.Element;
}

const BEYOND = 600;
/** Pixels that may be scrolled before other rows are put in sight. */
const STEP = 300;

/** The first and last row that reach into a span of pixels; rows lie one below the other. */
export function inSight(tops: readonly number[], from: number, to: number): [number, number] {
  let low = 0;
  let high = tops.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((tops[middle] ?? 0) <= from) low = middle;
    else high = middle - 1;
  }
  let last = low;
  while (last + 1 < tops.length && (tops[last + 1] ?? 0) < to) last++;
  return [low, last];
}

export function Rows({ rows, label }: { rows: readonly Row[]; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  const [sight, setSight] = useState({ from: 0, to: 1200 });
  useLayoutEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      const top = place.current?.getBoundingClientRect().top ?? 0;
      const from = Math.floor((-top - BEYOND) / STEP) * STEP;
      setSight((known) => (known.from === from ? known : { from, to: from + innerHeight + 2 * BEYOND + STEP }));
    };
    const soon = () => (frame ||= requestAnimationFrame(look));
    // On paper nobody scrolls.
    const all = () => setSight({ from: -Infinity, to: Infinity });
    look();
    addEventListener("beforeprint", all);
    addEventListener("afterprint", look);
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("beforeprint", all);
      removeEventListener("afterprint", look);
      removeEventListener("scroll", soon);
      removeEventListener("resize", soon);
    };
  }, [rows.length]);
  // What was shown once stays the same object, and Preact leaves it alone while one scrolls.
  const shown = useMemo(() => new Map<string, JSX.Element>(), [rows]);
  const tops: number[] = [];
  let height = 0;
  for (const row of rows) {
    tops.push(height);
    height += row.height;
  }
  const [first, last] = rows.length ? inSight(tops, sight.from, sight.to) : [0, -1];
  return (
    <div ref={place} class="rows" role="list" aria-label={label} style={{ height: `${height}px` }}>
      {rows.slice(first, last + 1).map((row, index) => {
        let element = shown.get(row.key);
        if (!element) {
          element = (
            <div
              key={row.key}
              role="listitem"
              aria-setsize={rows.length}
              aria-posinset={first + index + 1}
              style={{ top: `${tops[first + index] ?? 0}px`, height: `${row.height}px` }}
            >
              {row.show()}
            </div>
          );
          shown.set(row.key, element);
        }
        return element;
      })}
    </div>
  );
}

"""Measure the matching index: time per event, memory per waiting request, time to rebuild.

    python -m bench.scheduler                           the whole table (half an hour)
    python -m bench.scheduler --workers 1000 --waiting 1000 100000 --demands 10 1000
    python -m bench.scheduler --serial asked            every demand names one worker's serial

Columns: ``create`` a request joins the queue; ``idle`` a worker becomes idle and is proposed to
the most important request; ``found`` a request comes and is proposed an idle worker; ``grant``
either change of an accepted proposal is folded; ``new`` a request joins with a selector that
nobody asked for before; its cost follows the number of distinct offers. Microseconds of processor
time, median and 99th percentile, so that what else runs on the machine counts less. A quarter of
the demands are selectors; every worker has a serial number of its own.
"""

import argparse
import gc
import random
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from bench.boards import (
    HOUR,
    NOW,
    SEED,
    SPARE,
    Wanted,
    ask,
    make_demands,
    make_request,
    make_waiting,
    make_worker,
)
from boruta_farm.core.jobs import Grant
from boruta_farm.matching.index import Index
from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.server.main import GC_THRESHOLDS

KINDS = ("create", "idle", "found", "grant")
MOST_P50, MOST_P99, MOST_BYTES, MOST_SECONDS = 30.0, 250.0, 400.0, 10.0
NEW_EVENTS = 200


@dataclass(kw_only=True)
class Times:
    """Collect what each kind of event cost, in seconds."""

    create: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    found: list[float] = field(default_factory=list)
    grant: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Carry one row: per kind of event median and 99th percentile in microseconds."""

    workers: int
    waiting: int
    demands: int
    serial: str
    events: dict[str, tuple[float, float]]
    bytes_each: float
    rebuild: float

    @property
    def missed(self) -> list[str]:
        """Return what is above its aim."""
        found = [
            f"{kind} {name}"
            for kind in KINDS
            for name, value, most in zip(
                ("p50", "p99"), self.events[kind], (MOST_P50, MOST_P99), strict=True
            )
            if value > most
        ]
        # A thousand requests do not outweigh what an allocator takes at once.
        if self.waiting > 1000 and self.bytes_each > MOST_BYTES:
            found.append("bytes")
        return found + (["rebuild"] if self.rebuild > MOST_SECONDS else [])


def resident() -> int:
    """Return the process's memory in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


class Course:
    """Drive one index through one row of the table."""

    def __init__(self, workers: int, waiting: int, demands: int, serial: str) -> None:
        self.workers = [make_worker(n, workers, serial != "none") for n in range(workers)]
        self.demands = make_demands(demands, workers, serial == "asked")
        self.waiting = waiting
        self.index = Index(NOW)
        self.requests = 0
        self.events = 0
        self.times = Times()
        self.source = random.Random(SEED)

    def build(self) -> tuple[float, float]:
        """Return the seconds a rebuild takes and the bytes per waiting request."""
        spent = 0.0
        asked = [ask(wanted) for wanted in self.demands]
        gc.collect()
        before = resident()
        loading = self.index.loading()
        while self.requests < self.waiting:
            # Records are made outside the measured time and die at once, as rows would.
            numbers = range(self.requests + 1, min(self.requests + 1000, self.waiting) + 1)
            batch = [make_waiting(number, self.source.choice(asked)) for number in numbers]
            started = time.thread_time()
            for waiting in batch:
                loading.put(waiting)
            spent += time.thread_time() - started
            self.requests = numbers[-1]
        del batch, loading
        gc.collect()
        taken = resident() - before
        started = time.thread_time()
        for worker in self.workers:
            self.index.put_worker(worker)
        while self.index.proposals(NOW):
            continue
        return spent + time.thread_time() - started, taken / self.waiting

    def run(self, events: int) -> None:
        """Go through turnover: a request comes, a worker becomes idle and is granted."""
        spares = [Wanted({"type": SPARE, "lab": f"l{number}"}) for number in range(10)]
        for number, wanted in enumerate((*self.demands, *spares)):
            # Each was asked for before, as in a farm at work; "new" measures those that were not.
            self.index.candidates(make_request(number, wanted))
        busy = [n for n, w in enumerate(self.workers) if w.state is WorkerState.RUNNING]
        for _ in range(events):
            self._create(self.request(), self.times.create)
            number = self.source.choice(busy)
            idle = self._changed(number, WorkerState.IDLE)
            self._accept(self._timed(self.times.idle, worker=idle))
            spare = self.request(self.source.choice(spares))
            self._accept(self._create(spare, self.times.found))
        for number in range(NEW_EVENTS):
            unheard = Wanted({}, f"arch = a1, ram >= {1 + number / 1000:.3f}")
            self._create(self.request(unheard), self.times.new)

    def request(self, wanted: Wanted | None = None) -> Request:
        """Return a new request, of a demand drawn at random unless one is given."""
        self.requests += 1
        return make_request(self.requests, wanted or self.source.choice(self.demands))

    def _changed(self, number: int, state: WorkerState) -> Worker:
        worker = self.workers[number]
        changed = replace(worker, state=state, revision=worker.revision + 1)
        self.workers[number] = changed
        return changed

    def _create(self, request: Request, spent: list[float]) -> tuple[Grant, ...]:
        return self._timed(spent, request=request)

    def _timed(
        self, spent: list[float], request: Request | None = None, worker: Worker | None = None
    ) -> tuple[Grant, ...]:
        change = self._change(request, worker)
        started = time.thread_time()
        self.index.fold(change)
        grants = self.index.proposals(NOW)
        spent.append(time.thread_time() - started)
        return grants

    def _change(self, request: Request | None, worker: Worker | None) -> Change:
        self.events += 1
        event = Event(number=self.events, at=NOW, kind=EventKind.REQUEST_UPDATED)
        return Change(event=event, request=request, worker=worker)

    def _accept(self, grants: tuple[Grant, ...]) -> None:
        for grant in grants:
            job = Job(
                request_id=grant.request_id,
                worker=grant.worker,
                epoch=grant.epoch,
                phase=JobPhase.LIVE,
                granted=NOW,
                timeout=NOW + HOUR,
                limit=NOW + 24 * HOUR,
            )
            request = replace(
                make_request(grant.request_id, Wanted({})), state=RequestState.IN_PROGRESS, job=job
            )
            worker = self._changed(int(grant.worker), WorkerState.RUNNING)
            changes = self._change(request, None), self._change(None, worker)
            for change in changes:
                started = time.thread_time()
                self.index.fold(change)
                self.index.proposals(NOW)
                self.times.grant.append(time.thread_time() - started)


def reference() -> float:
    """Return the microseconds that 1,000 additions of looked-up numbers take: how fast it is here.

    A quiet core of 2026 takes 35 to 45.
    """
    table = {number: number for number in range(1000)}
    spent = []
    for _ in range(500):
        started = time.thread_time()
        sum(table[number] for number in range(1000))
        spent.append(time.thread_time() - started)
    return median(spent) * 1e6


def summary(spent: list[float]) -> tuple[float, float]:
    """Return median and 99th percentile in microseconds."""
    if not spent:
        return 0.0, 0.0
    return median(spent) * 1e6, sorted(spent)[int(len(spent) * 0.99)] * 1e6


def measure(workers: int, waiting: int, demands: int, serial: str, events: int) -> Figures:
    """Return one row of the table."""
    # As the server does: by default the collector would look at all there is again and again.
    gc.set_threshold(*GC_THRESHOLDS)
    course = Course(workers, waiting, demands, serial)
    rebuild, taken = course.build()
    gc.collect()
    # As the server does after its start: the collector need not visit what stays anyway.
    gc.freeze()
    course.run(events)
    times = course.times
    return Figures(
        workers=workers,
        waiting=waiting,
        demands=len(course.demands),
        serial=serial,
        events={kind: summary(getattr(times, kind)) for kind in (*KINDS, "new")},
        bytes_each=taken,
        rebuild=rebuild,
    )


def measure_apart(workers: int, waiting: int, demands: int, serial: str, events: int) -> Figures:
    """Measure in a process of its own: what an earlier row left allocated would count as free."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, workers, waiting, demands, serial, events).result()


HEADINGS = ("workers", "waiting", "demands", "serial", *KINDS, "new", "bytes", "rebuild s", "")


def cells(found: Figures) -> list[str]:
    """Return a row's cells as text."""
    return [
        f"{found.workers:,}",
        f"{found.waiting:,}",
        f"{found.demands:,}",
        found.serial,
        *(f"{p50:.1f} / {p99:.0f}" for p50, p99 in found.events.values()),
        f"{found.bytes_each:.0f}" if found.waiting > 1000 else "-",
        f"{found.rebuild:.2f}",
        f"MISSED: {', '.join(found.missed)}" if found.missed else "met",
    ]


def plan(given: argparse.Namespace) -> list[tuple[int, int, int, str]]:
    """Return the rows to measure: the product, and the same with serial numbers asked for."""
    if given.serial is not None:
        return [
            (*row, given.serial) for row in product(given.workers, given.waiting, given.demands)
        ]
    rows = [(*row, "unused") for row in product(given.workers, given.waiting, given.demands)]
    most = max(given.waiting)
    return rows + [(workers, most, max(given.demands), "asked") for workers in given.workers]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--waiting", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--demands", type=int, nargs="+", default=[10, 1_000, 10_000])
    parser.add_argument("--events", type=int, default=3_000)
    parser.add_argument("--serial", choices=["none", "unused", "asked"], default=None)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    given = parser.parse_args()
    print(
        f"us of processor time per event: p50 / p99; seed {SEED}; "
        f"1,000 look-ups take {reference():.0f} us here"
    )
    print(
        f"aims: p50 <= {MOST_P50:.0f}, p99 <= {MOST_P99:.0f} but for 'new', "
        f"<= {MOST_BYTES:.0f} bytes per waiting request, rebuild <= {MOST_SECONDS:.0f} s"
    )
    widths = (8, 10, 8, 7, *(13,) * len(KINDS), 17, 6, 10, 5)
    print("".join(f"{name:>{width}}" for name, width in zip(HEADINGS, widths, strict=True)))
    table = [f"| {' | '.join(HEADINGS)} |", f"|{' ---: |' * len(HEADINGS)}"]
    for workers, waiting, demands, serial in plan(given):
        row = cells(measure_apart(workers, waiting, demands, serial, given.events))
        line = "".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        print(line.rstrip(), flush=True)
        table.append(f"| {' | '.join(row)} |")
    if given.markdown is not None:
        given.markdown.write_text("\n".join(table) + "\n")


if __name__ == "__main__":
    main()

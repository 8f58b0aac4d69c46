"""Measure the matching index: time per event, memory per waiting request, time to rebuild.

    python bench/scheduler.py                               the whole table (long)
    python bench/scheduler.py --workers 1000 --waiting 1000 100000 --demands 10 1000
    python bench/scheduler.py --serial asked                every demand names one worker's serial

Columns: ``create`` a request joins the queue; ``idle`` a worker becomes idle and is proposed to
the most important request; ``found`` a request comes and is proposed an idle worker; ``grant``
both changes of an accepted proposal are folded. Microseconds, median and 99th percentile.
"""

import argparse
import gc
import random
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from boruta_farm.core.jobs import Grant
from boruta_farm.core.matching import Index
from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Fence, Worker, WorkerState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEED = 7
FLAGS = ("hdmi", "usb", "can", "wifi")
SPARE = "spare"
"""The kind of boards that stay idle until a request asks for one."""


@dataclass(kw_only=True)
class Times:
    """Collect what each kind of event cost, in seconds."""

    create: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    found: list[float] = field(default_factory=list)
    grant: list[float] = field(default_factory=list)


def make_worker(number: int, workers: int, serial: bool) -> Worker:
    """Return one of the farm's boards, a hundredth of them spare and idle."""
    source = random.Random(number)
    spare = number % 100 == 99
    kind = source.randrange(min(100, workers // 10))
    caps = {
        "UUID": f"{number:08}",
        "arch": f"a{kind % 4}",
        "type": SPARE if spare else f"t{kind}",
        "lab": f"l{source.randrange(10)}",
        **{flag: "yes" for flag in FLAGS if source.random() < 0.5},
    }
    if serial:
        caps["serial"] = f"s{number}"
    return Worker(
        uuid=f"{number:08}",
        name=f"board-{number}",
        state=WorkerState.IDLE if spare else WorkerState.RUNNING,
        since=NOW,
        caps=caps,
        groups=(),
        epoch=1,
        fence=Fence.AGENT,
        dryad_address="192.0.2.1:7175",
        ssh_address="192.0.2.1:22",
        port=20000,
        registered=NOW,
    )


def make_demands(count: int, workers: int, asked: bool) -> list[dict[str, str]]:
    """Return distinct demands, nearly all of which some board can serve."""
    if asked:
        return [{"serial": f"s{n}"} for n in range(workers) if n % 100 != 99][:count]
    types = min(100, workers // 10)
    subsets = [{f: "yes" for f, on in zip(FLAGS, bits, strict=True) if on} for bits in _bits()]
    special = [
        {"type": f"t{t}", "lab": f"l{lab}", **flags}
        for t, lab, flags in product(range(types), range(10), subsets)
    ]
    special += [{**wanted, "arch": f"a{int(wanted['type'][1:]) % 4}"} for wanted in special]
    random.Random(SEED).shuffle(special)
    plain = [{"type": f"t{t}"} for t in range(types)] + [{"lab": f"l{n}"} for n in range(10)]
    return (plain[: count // 10] + special)[:count]


def _bits() -> Iterator[tuple[bool, ...]]:
    return product((False, True), repeat=len(FLAGS))


def make_request(number: int, caps: dict[str, str]) -> Request:
    """Return a waiting request; the priorities are spread over three."""
    return Request(
        id=number,
        owner="ann",
        owner_groups=None,
        priority=7 + number % 3,
        valid_after=NOW,
        deadline=NOW + 1000 * HOUR + timedelta(microseconds=number),
        state=RequestState.WAITING,
        caps=caps,
        created=NOW,
    )


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
        gc.collect()
        before = resident()
        while self.requests < self.waiting:
            # Records are made outside the measured time and die at once, as rows would.
            batch = [self._request() for _ in range(min(1000, self.waiting - self.requests))]
            started = time.perf_counter()
            for request in batch:
                self.index.put_request(request)
            spent += time.perf_counter() - started
        del batch
        gc.collect()
        taken = resident() - before
        started = time.perf_counter()
        for worker in self.workers:
            self.index.put_worker(worker)
        while self.index.proposals(NOW):
            continue
        return spent + time.perf_counter() - started, taken / self.waiting

    def run(self, events: int) -> None:
        """Go through turnover: a request comes, a worker becomes idle and is granted."""
        busy = [n for n, w in enumerate(self.workers) if w.state is WorkerState.RUNNING]
        for _ in range(events):
            self._create(self._request(), self.times.create)
            number = self.source.choice(busy)
            idle = self._changed(number, WorkerState.IDLE)
            self._accept(self._timed(self.times.idle, worker=idle))
            spare = {"type": SPARE, "lab": f"l{self.source.randrange(10)}"}
            self._accept(self._create(self._request(spare), self.times.found))

    def _request(self, caps: dict[str, str] | None = None) -> Request:
        self.requests += 1
        return make_request(self.requests, dict(caps or self.source.choice(self.demands)))

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
        started = time.perf_counter()
        self.index.fold(change)
        grants = self.index.proposals(NOW)
        spent.append(time.perf_counter() - started)
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
                make_request(grant.request_id, {}), state=RequestState.IN_PROGRESS, job=job
            )
            worker = self._changed(int(grant.worker), WorkerState.RUNNING)
            changes = self._change(request, None), self._change(None, worker)
            started = time.perf_counter()
            for change in changes:
                self.index.fold(change)
            self.index.proposals(NOW)
            self.times.grant.append(time.perf_counter() - started)


def cell(spent: list[float]) -> str:
    """Return median and 99th percentile in microseconds."""
    if not spent:
        return f"{'-':>14}"
    p99 = sorted(spent)[int(len(spent) * 0.99)]
    return f"{median(spent) * 1e6:6.1f} {p99 * 1e6:7.1f}"


def measure(workers: int, waiting: int, demands: int, serial: str, events: int) -> str:
    """Return one row of the table."""
    course = Course(workers, waiting, demands, serial)
    rebuild, taken = course.build()
    gc.collect()
    # As the server does after its start: the collector need not visit what stays anyway.
    gc.freeze()
    course.run(events)
    times = course.times
    cells = (times.create, times.idle, times.found, times.grant)
    shown = "".join(f"{cell(spent):>16}" for spent in cells)
    return f"{workers:>8}{waiting:>9}{len(course.demands):>8}{shown}{taken:>7.0f}{rebuild:>11.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--waiting", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--demands", type=int, nargs="+", default=[10, 1_000, 10_000])
    parser.add_argument("--events", type=int, default=5_000)
    parser.add_argument("--serial", choices=["none", "unused", "asked"], default="unused")
    given = parser.parse_args()
    print(f"serial numbers: {given.serial}; seed {SEED}; us per event: p50 and p99")
    kinds = "".join(f"{name:>16}" for name in ("create", "idle", "found", "grant"))
    print(f"{'workers':>8}{'waiting':>9}{'demands':>8}{kinds}{'bytes':>7}{'rebuild s':>11}")
    # A process for each row: what an earlier row left in the allocator would count as free.
    context = get_context("spawn")
    for workers, waiting, demands in product(given.workers, given.waiting, given.demands):
        with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
            row = pool.submit(measure, workers, waiting, demands, given.serial, given.events)
            print(row.result(), flush=True)


if __name__ == "__main__":
    main()

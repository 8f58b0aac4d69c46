"""``./run soak --hours N``: a farm under steady load for long, and whether it grows.

At every sample a line goes to a CSV file: memory and descriptors of server, relay and front door,
the latency of calls since the sample before, jobs done. Ended early (Ctrl-C, SIGTERM), it tells
what it has.
"""

import argparse
import csv
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from itertools import takewhile
from pathlib import Path
from statistics import linear_regression, median

from bench.fill import READY
from bench.generator import LoadError
from bench.lab import Lab
from bench.lines import Line, page
from bench.machine import describe
from bench.processes import StartError
from bench.scene import Crowd, Household, Scene, calls, scene
from boruta_farm.server.folder import DATABASE_FILE

CLIENTS = 8
HISTORY = 5_000
"""Finished requests that are kept: few, so that the farm comes to be as large as it ever is."""

GROWTH = 2.0
"""Percent a day that memory and descriptors may grow."""

JUDGED_AFTER = 6.0
"""Hours from which growth is judged: a shorter run's noise, reckoned up to a day, is more."""

WARM_UP = 0.25
"""The part of a run that does not count for growth."""

DAY = 86_400.0
MEBIBYTE = 1 << 20
NEW = {"Caps": READY, "Priority": 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Carry one line of the file: seconds since the begin, and what was found then."""

    seconds: float
    memory: int
    descriptors: int
    database: int
    calls: int
    p50: float
    p99: float
    jobs: int
    tunnels: int


def samples_of(lab: Lab, running: Scene, every: float, pace: float, jobs: int) -> Iterator[Sample]:
    """Put load on a farm, and yield a sample after each while of it. Raises LoadError."""
    asked = calls(0)
    began = time.monotonic()
    with ThreadPoolExecutor(1) as aside:
        while True:
            load = lab.own_load
            turnover = aside.submit(load.drain, running.server.port, NEW, jobs, True, every * 2)
            found = load.pace(running.server.port, asked, CLIENTS, pace, every)
            done = turnover.result()
            household = Household.of(running.data)
            yield Sample(
                seconds=round(time.monotonic() - began, 1),
                memory=household.memory,
                descriptors=household.descriptors,
                database=sum(
                    file.stat().st_size for file in running.data.glob(f"{DATABASE_FILE}*")
                ),
                calls=found.requests,
                p50=round(found.p50, 3),
                p99=round(found.p99, 3),
                jobs=done.requests,
                tunnels=running.tunnels.alive(),
            )


def soak(
    lab: Lab,
    crowd: Crowd,
    *,
    seconds: float,
    every: float,
    pace: float,
    jobs: int,
    to: Path,
    going_on: Callable[[], bool] = lambda: True,
) -> list[Sample]:
    """Run for so long; write each sample to ``to`` (CSV) and draw all beside it (SVG)."""
    found: list[Sample] = []
    with to.open("w", newline="") as file, scene(lab, crowd) as running:
        lines = csv.DictWriter(file, [field.name for field in fields(Sample)])
        lines.writeheader()
        samples = samples_of(lab, running, every, pace, jobs)
        for sample in takewhile(lambda _: going_on(), samples):
            lines.writerow(asdict(sample))
            file.flush()
            found.append(sample)
            to.with_suffix(".svg").write_text(drawn(found))
            print(told(sample), flush=True)
            if sample.seconds >= seconds:
                break
    return found


def growth(samples: Sequence[Sample], of: Callable[[Sample], float]) -> float | None:
    """Return by how many percent a figure grows in a day; None for fewer than 3 samples.

    The slope of the straight line that fits the samples after the warm-up, against their median.
    """
    kept = samples[int(len(samples) * WARM_UP) :]
    if len(kept) < 3:
        return None
    figures = [of(sample) for sample in kept]
    slope, _ = linear_regression([sample.seconds for sample in kept], figures)
    return slope * DAY / median(figures) * 100


def drawn(samples: Sequence[Sample]) -> str:
    """Return memory, descriptors and latency over time as a picture."""
    hours = [sample.seconds / 3600 for sample in samples]

    def line(name: str, of: Callable[[Sample], float]) -> Line:
        return Line(name=name, points=tuple(zip(hours, map(of, samples), strict=True)))

    return page(
        "hours",
        (
            ("memory, MiB", (line("server, relay, door", lambda s: s.memory / MEBIBYTE),)),
            ("descriptors", (line("server, relay, door", lambda s: s.descriptors),)),
            ("calls, ms", (line("p99", lambda s: s.p99), line("p50", lambda s: s.p50))),
        ),
    )


def told(sample: Sample) -> str:
    """Return a sample as a line for people."""
    return (
        f"{sample.seconds / 3600:6.2f} h  {sample.memory / MEBIBYTE:7.1f} MiB  "
        f"{sample.descriptors:6} descriptors  database {sample.database / MEBIBYTE:.0f} MiB  "
        f"p50 {sample.p50:.1f} ms  p99 {sample.p99:.1f} ms  {sample.jobs} jobs  "
        f"{sample.tunnels} tunnels"
    )


def main() -> int:
    """Soak; return 1 when something grew beyond its measure, or a tunnel was lost."""
    options = _options()
    ending: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda which, _: ending.append(which))
    crowd = Crowd(
        agents=options.agents, tunnels=options.tunnels, queued=0, closed=0, history=HISTORY
    )
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=options.folder) as place:
        for line in describe(Path(place)):
            print(line)
        try:
            found = soak(
                Lab.equipped(Path(place)),
                crowd,
                seconds=options.hours * 3600,
                every=options.every,
                pace=options.calls,
                jobs=options.jobs,
                to=options.csv,
                going_on=lambda: not ending,
            )
        except (LoadError, StartError) as error:
            print(f"soak: {error}", file=sys.stderr)
            return 1
    return judged(found, crowd)


def judged(samples: Sequence[Sample], crowd: Crowd) -> int:
    """Tell what grew; return 1 where that is too much."""
    wrong = any(sample.tunnels != crowd.tunnels for sample in samples)
    if wrong:
        print("soak: a tunnel was lost")
    hours = samples[-1].seconds / 3600 if samples else 0.0
    for name, of in (("memory", _memory), ("descriptors", _descriptors)):
        grown = growth(samples, of)
        if grown is None:
            print(f"{name}: too few samples to tell")
            continue
        words = f"{name}: {grown:+.1f} % a day (at most {GROWTH:g} %)"
        if hours < JUDGED_AFTER:
            print(f"{words}; not judged: {hours:.2f} h are too few, {JUDGED_AFTER:g} are needed")
        else:
            print(f"{words}: {'met' if grown <= GROWTH else 'MISSED'}")
            wrong |= grown > GROWTH
    return 1 if wrong else 0


def _memory(sample: Sample) -> float:
    return sample.memory


def _descriptors(sample: Sample) -> float:
    return sample.descriptors


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between samples")
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--tunnels", type=int, default=50)
    parser.add_argument("--calls", type=float, default=50.0, help="calls a second")
    parser.add_argument("--jobs", type=int, default=60, help="jobs between two samples")
    parser.add_argument("--csv", type=Path, default=Path("soak.csv"), help="plotted beside it")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="a folder on a disk")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

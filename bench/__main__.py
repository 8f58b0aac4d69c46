"""``./run bench [NAME ...]``: measure, and print the result beside what is aimed for."""

import argparse
import asyncio
import importlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import table
from bench.generator import LoadError
from bench.lab import Lab, SkippedError
from bench.machine import describe
from bench.processes import StartError
from bench.table import Row

ALONE = frozenset({"load", "recovery", "history", "replicas"})
"""What takes minutes, and is measured when it is named."""

LONGEST = 480.0
"""Seconds after which no further measure is begun."""

SCHEDULER = (
    *("--workers", "1000", "--waiting", "1000", "100000", "--demands", "10", "1000"),
    *("--serial", "unused", "--events", "1000"),
)
SCHEDULER_WITHIN = 90


def _of(module: str, function: str) -> Callable[[Lab], list[Row]]:
    """Return a measure that is imported when it is taken."""

    def measure(lab: Lab) -> list[Row]:
        found: list[Row] = getattr(importlib.import_module(f"bench.{module}"), function)(lab)
        return found

    return measure


def _tunnel(_lab: Lab) -> list[Row]:
    from bench.tunnel import measure

    return asyncio.run(measure(runs=5, streams=100, seconds=1.0))


def _console(_lab: Lab) -> list[Row]:
    from bench.console import measure

    return asyncio.run(measure())


def _scheduler(_lab: Lab) -> list[Row]:
    """Print the whole table where it is all that was asked for, else a corner of it."""
    command = [sys.executable, "-m", "bench.scheduler"]
    if _options().names == ["scheduler"]:
        subprocess.run(command, check=True)
    else:
        subprocess.run([*command, *SCHEDULER], check=True, timeout=SCHEDULER_WITHIN)
    return []


def _rebuild(_lab: Lab) -> list[Row]:
    from bench.rebuild import measure

    return measure(waiting=1_000_000, workers=10_000, demands=1_000)


def _load(lab: Lab) -> list[Row]:
    from bench.crowded import load
    from bench.scene import Crowd

    options = _options()
    crowd = Crowd(agents=options.agents, tunnels=options.tunnels, queued=options.queued)
    return load(lab, crowd, options.calls, options.seconds)


def _history(lab: Lab) -> list[Row]:
    from bench.history import history

    return history(lab, _options().stored)


MEASURES: dict[str, tuple[str, Callable[[Lab], list[Row]]]] = {
    "post": ("durable POST against a POST that does nothing", _of("calls", "post")),
    "cost": ("durable POST against a bare server, and against --before", _of("cost", "cost")),
    "get": ("GET against a GET that does nothing", _of("calls", "get")),
    "original": ("calls against a stand-in for the original", _of("original", "original")),
    "hold": ("how long any one call holds the loop", _of("hold", "hold")),
    "streams": ("POST while many follow the events", _of("streams", "streams")),
    "list": ("lists of 100 requests out of 120,000", _of("calls", "lists")),
    "grant": ("POST until the IN PROGRESS event arrives", _of("jobs", "grant")),
    "grant10k": ("the same among 10,000 boards", _of("jobs", "grant_huge")),
    "drain100": ("10,000 jobs over 100 boards", _of("jobs", "drain_many")),
    "drain": ("10,000 jobs over 10 boards", _of("jobs", "drain")),
    "wake": ("100 boards from MAINTENANCE to IDLE", _of("jobs", "wake")),
    "replicas": (
        "servers over PostgreSQL, against SQLite; by name only",
        _of("replicas", "replicas"),
    ),
    "auth": ("who calls: per call, and after revoking", _of("people", "auth")),
    "tunnel": ("a tunnel against a direct connection", _tunnel),
    "door": ("plain ssh through the front door", _of("door", "door")),
    "console": ("a key echoed through ssh, and ten consoles that talk", _console),
    "start": ("start and restart to the first answer", _of("process", "start")),
    "memory": ("memory with 1,000 boards and 100,000 requests", _of("process", "memory")),
    "bystander": ("a GET while original boards register", _of("bystander", "bystander")),
    "flash": ("an image on a card, against dd", _of("flash", "flash")),
    "agent": ("an idle agent: start, memory, processor", _of("agent", "idle")),
    "crowd": ("3,000 connected agents that idle", _of("crowd", "crowd")),
    "scheduler": ("the matching index by itself; alone: the whole table", _scheduler),
    "explain": ("why a request waits, among 10,000 boards", _of("explain", "explain")),
    "page": ("the page with 1,000 boards, and those who follow it", _of("page", "page")),
    "load": ("calls while agents, tunnels and a queue are there; by name only", _load),
    "recovery": ("kill -9 with a long history; by name only", _of("crowded", "recovery")),
    "history": ("lists and pruning in a long history; by name only", _history),
    "rebuild": ("a million requests read while calls are served", _rebuild),
}


def main() -> int:
    """Take the named measures, or all; return 1 when one went wrong (a missed aim is none)."""
    options = _options()
    names = options.names or [name for name in MEASURES if name not in ALONE]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    rows: list[Row] = []
    wrong = False
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=options.folder) as place:
        folder = Path(place)
        for line in describe(folder):
            print(line)
        lab = Lab.equipped(folder, options.before)
        for name in names:
            started = time.monotonic()
            print(f"\n{name}: {MEASURES[name][0]}", flush=True)
            if started - began > LONGEST:
                print("skipped: the whole bench has taken long enough; name it to take it alone")
                continue
            try:
                found = MEASURES[name][1](lab)
            except SkippedError as reason:
                print(f"skipped: {reason}")
                continue
            except (LoadError, StartError, OSError, subprocess.SubprocessError) as error:
                found = [Row(name=name, value=f"ERROR: {error}", met=False)]
                wrong = True
            rows += found
            table.print_table(found, options.compare)
            print(f"({time.monotonic() - started:.0f} s)", flush=True)
    if options.markdown is not None:
        options.markdown.write_text(table.markdown(rows))
    print(f"\nall of it: {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    listed = "\n".join(f"  {name:<10} {words}" for name, (words, _) in MEASURES.items())
    parser = argparse.ArgumentParser(
        prog="bench",
        description=f"measures:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*MEASURES, []])
    crowd = parser.add_argument_group("load")
    crowd.add_argument("--agents", type=int, default=5000)
    crowd.add_argument("--tunnels", type=int, default=1000, help="jobs with an open connection")
    crowd.add_argument("--queued", type=int, default=100_000, help="requests that wait")
    crowd.add_argument("--calls", type=float, default=300.0, help="calls a second")
    crowd.add_argument("--seconds", type=float, default=30.0)
    past = parser.add_argument_group("history")
    past.add_argument("--stored", type=int, default=1_000_000, help="requests that are kept")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="a folder on a disk")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument(
        "--before",
        type=Path,
        metavar="FOLDER",
        help="a checkout of an earlier commit, measured in turn with this one where that is done",
    )
    parser.add_argument(
        "--compare",
        type=_earlier,
        metavar="FILE",
        help="print beside it what an earlier run has written with --markdown",
    )
    return parser.parse_args()


def _earlier(name: str) -> dict[table.Key, str]:
    try:
        return table.read_markdown(Path(name).read_text())
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())

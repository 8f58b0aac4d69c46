"""``./run sim``: a farm, its boards and its people in one process, through faults by the seed.

``--seeds N`` plays the seeds 1 to N, ``--hours H`` seed after seed for so long, ``--seed S`` one of
them, twice, to show that it runs the same, and shrunk where it fails. ``--planted`` shows that the
simulation bites: each planted bug is found by its recorded seed, with ``--search`` by any of the
first thousand.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context

from tests.sim.history import Result, begin, forget_template, play
from tests.sim.planting import prove
from tests.sim.reached import Reached, measured
from tests.sim.shrinking import shrink
from tests.sim.steps import draw

SHOWN = 40
MEASURED = 6
"""Seeds played once more while it is noted which branches they reach, which takes three times as
long."""


def main() -> int:
    """Play what is asked for; return 1 where a promise was broken."""
    given = options()
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets of texts is part of what a seed decides.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.sim", *sys.argv[1:]])
    begin()
    if given.planted is not None:
        return prove(given.planted, given.jobs, search=given.search)
    if given.seed is not None:
        return show(given.seed)
    seeds: Iterable[int] = range(given.first, given.first + given.seeds)
    until = None
    if given.hours is not None:
        seeds, until = count(given.first), time.monotonic() + given.hours * 3600
    return play_all(seeds, given.jobs, until)


def options() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="./run sim", description="Simulate a farm with faults.")
    parser.add_argument("--seeds", type=int, default=300, help="how many seeds (default 300)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--hours", type=float, help="go on for so many hours instead")
    parser.add_argument("--planted", nargs="*", metavar="NAME", help="find planted bugs, or these")
    parser.add_argument("--search", action="store_true", help="look for them by all seeds")
    parser.add_argument("--seed", type=int, help="play one seed, show and shrink it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    return parser.parse_args()


def play_all(seeds: Iterable[int], jobs: int, until: float | None) -> int:
    """Play seeds on all processors; tell those that fail, and in the end what it amounts to."""
    began, results = time.monotonic(), list[Result]()
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=begin) as pool:
        for result in _played(pool, seeds, jobs, until):
            results.append(result)
            if result.broken is not None:
                print(f"seed {result.seed}, step {result.at}: {result.broken[:600]}", flush=True)
            if len(results) % 50 == 0:
                print(f"{len(results)} seeds after {time.monotonic() - began:.0f} s", flush=True)
        reached = [pool.submit(measured, seed) for seed in range(1, MEASURED + 1)]
        tell(results, time.monotonic() - began)
        print(Reached.of(each.result() for each in reached))
    return 1 if any(result.broken is not None for result in results) else 0


def _played(
    pool: ProcessPoolExecutor, seeds: Iterable[int], jobs: int, until: float | None
) -> Iterator[Result]:
    """Yield results in the order of the seeds, a few of them under way at a time."""
    waiting = []
    for seed in seeds:
        if until is not None and time.monotonic() > until:
            break
        waiting.append(pool.submit(play, seed))
        if len(waiting) > 2 * jobs:
            yield waiting.pop(0).result()
    for each in waiting:
        yield each.result()


def tell(results: list[Result], real: float) -> None:
    """Print what was played."""
    virtual = sum(result.virtual for result in results)
    worked = sum(result.real for result in results)
    faults = sum(result.faults for result in results)
    verbs: Counter[str] = Counter()
    for result in results:
        verbs.update(result.verbs)
    print(f"{len(results)} seeds, {sum(r.broken is not None for r in results)} failed")
    print(f"{virtual / 3600:.1f} simulated hours in {real:.0f} s")
    print(f"{virtual / worked:.0f} times as fast as real time on one processor")
    print(f"{faults} faults, {sum(r.requests for r in results)} requests filed")
    print(f"{sum(r.checks for r in results)} times all promises were checked")
    print(", ".join(f"{name} {number}" for name, number in sorted(verbs.items())))


def show(seed: int) -> int:
    """Play one seed twice; shrink it where it fails, and show its end."""
    first, second = play(seed), play(seed)
    same = "the same again" if first.digest == second.digest else f"NOT the same: {second.digest}"
    print(f"seed {seed}: {first.lines} lines of trace, hash {first.digest}, {same}")
    hours = first.virtual / 3600
    print(f"{hours:.2f} simulated hours in {first.real:.1f} s, {first.faults} faults")
    if first.broken is None:
        print("every promise held")
        return 0 if first.digest == second.digest else 1
    print(f"at step {first.at}: {first.broken}")
    steps = draw(seed, first.steps)
    left = shrink(steps, first.broken, lambda fewer: play(seed, fewer))
    again = play(seed, left)
    print(f"shrunk to {len(left)} of {len(steps)} steps, hash {again.digest}: {again.broken}")
    for step in left:
        print(f"  {step}")
    print("\n".join(again.tail[-SHOWN:]))
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        forget_template()

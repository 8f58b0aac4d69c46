"""How the cost of one event grows, the index beside a scan of everything, as a plot.

    python -m bench.growth docs/images/growth.svg [MOST]

MOST bounds how many requests and workers there are (default: a million).

A worker becomes idle: who waits for it? A request comes: who can serve it? The scan looks at all of
them each time, as the original does. A queue of a million is not scanned: the records alone would
fill the memory of a small machine.
"""

import gc
import sys
import time
from pathlib import Path
from statistics import median

from bench.boards import make_demands, make_request, make_worker
from bench.plot import Curve, Plot, page
from bench.scheduler import measure
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker
from boruta_farm.selectors.selector import parse

WAITING = (1_000, 10_000, 100_000, 1_000_000)
WORKERS = (1_000, 10_000, 100_000)
DEMANDS = 1_000
SCANNED = 100_000
EVENTS = 500
SCANS = 7


def scan_requests(requests: list[Request], worker: Worker) -> Request | None:
    """Return the most important request that a worker fits, by looking at all of them."""
    caps = worker.caps
    fitting = (
        request
        for request in requests
        if request.required.items() <= caps.items()
        and (request.selector is None or parse(request.selector).matches(caps))
    )
    return min(fitting, key=lambda request: (request.priority, request.id), default=None)


def scan_workers(workers: list[Worker], request: Request) -> Worker | None:
    """Return the least capable worker that fits a request, by looking at all of them."""
    selector, wanted = parse(request.selector or ""), request.required.items()
    fitting = (w for w in workers if wanted <= w.caps.items() and selector.matches(w.caps))
    return min(fitting, key=lambda worker: (len(worker.caps), worker.uuid), default=None)


def naive(workers: int, waiting: int) -> tuple[float, float]:
    """Return the microseconds of a scan for a worker's request, and for a request's worker."""
    demands = make_demands(DEMANDS, workers, asked=False)
    boards = [make_worker(number, workers, serial=True) for number in range(workers)]
    requests = [make_request(n, demands[n % len(demands)]) for n in range(waiting)]
    gc.collect()
    idle, found = [], []
    for number in range(SCANS):
        started = time.thread_time()
        scan_requests(requests, boards[number * 7])
        idle.append(time.thread_time() - started)
        started = time.thread_time()
        scan_workers(boards, requests[number * 7])
        found.append(time.thread_time() - started)
    return median(idle) * 1e6, median(found) * 1e6


def draw(most: int) -> str:
    """Measure, and return the picture: growing queues on the left, growing farms on the right."""
    queues = [n for n in WAITING if n <= most]
    farms = [n for n in WORKERS if n <= most]
    by_waiting = {n: measure(1_000, n, DEMANDS, "unused", EVENTS) for n in queues}
    by_workers = {n: measure(n, 1_000, DEMANDS, "unused", EVENTS) for n in farms}
    scanned = {n: naive(1_000, n)[0] for n in queues if n <= SCANNED}
    scanned_workers = {n: naive(n, 1_000)[1] for n in farms}
    left = Plot(
        title="a worker becomes idle (1,000 workers)",
        axis="waiting requests",
        curves=(
            Curve(name="scan of everything", points=tuple(scanned.items())),
            Curve(
                name="index, 99 %",
                points=tuple((n, f.events["idle"][1]) for n, f in by_waiting.items()),
            ),
            Curve(
                name="index, median",
                points=tuple((n, f.events["idle"][0]) for n, f in by_waiting.items()),
            ),
        ),
    )
    right = Plot(
        title="a request comes (1,000 waiting)",
        axis="workers",
        curves=(
            Curve(name="scan of everything", points=tuple(scanned_workers.items())),
            Curve(
                name="index, 99 %",
                points=tuple((n, f.events["found"][1]) for n, f in by_workers.items()),
            ),
            Curve(
                name="index, median",
                points=tuple((n, f.events["found"][0]) for n, f in by_workers.items()),
            ),
        ),
    )
    return page((left, right))


def main() -> None:
    """Write the picture to the file named."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "growth.svg")
    target.write_text(draw(int(sys.argv[2]) if len(sys.argv) > 2 else max(WAITING)))
    print(f"written: {target}")


if __name__ == "__main__":
    main()

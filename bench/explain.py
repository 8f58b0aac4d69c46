"""How long an explanation takes: in the core alone, and as a call among 10,000 boards."""

import gc
import http.client
import random
import time
from statistics import median

from bench.boards import NOW, SEED
from bench.lab import HUGE, Lab
from bench.scheduler import Course
from bench.table import Row

WORKERS, WAITING = 10_000, 100_000
DEMANDS = (1_000, 10_000)
EXPLAINED = 1_000
CALLS = 500
MOST_MILLISECONDS = 5.0


def explain(lab: Lab) -> list[Row]:
    """Measure explanations of requests drawn from 100,000 that wait for 10,000 boards."""
    rows = []
    for demands in DEMANDS:
        rows += _alone(demands)
    return [*rows, _called(lab)]


def _alone(demands: int) -> list[Row]:
    """Ask the index itself, each time for a new request of any demand."""
    course = Course(WORKERS, WAITING, demands, "unused")
    course.build()
    gc.collect()
    gc.freeze()
    source = random.Random(SEED)
    spent: dict[bool, list[float]] = {False: [], True: []}
    for brief, times in spent.items():
        for _ in range(EXPLAINED):
            request = course.request(source.choice(course.demands))
            started = time.thread_time()
            course.index.explain(request, NOW, brief=brief)
            times.append(time.thread_time() - started)
    gc.unfreeze()
    half, most = _milliseconds(spent[False])
    return [
        Row(
            name=f"explain, core alone, {demands:,} demands",
            value=_words(half, most),
            aim=f"p99 <= {MOST_MILLISECONDS:.0f} ms",
            met=most <= MOST_MILLISECONDS,
        ),
        Row(name="  in short, as after a POST", value=_words(*_milliseconds(spent[True]))),
    ]


def _called(lab: Lab) -> Row:
    """Ask the server, one call after the other, over one connection."""
    source = random.Random(SEED)
    with lab.serve(HUGE) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)
        spent = []
        for number in range(CALLS + 50):
            path = f"/api/v1/reqs/{source.randrange(HUGE.waiting) + 1}/explain"
            started = time.perf_counter()
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            took = time.perf_counter() - started
            assert answer.status == http.client.OK, f"{path}: {answer.status}"
            # The first connections of the store and of the client are not what is measured.
            if number >= 50:
                spent.append(took)
        connection.close()
    half, most = _milliseconds(spent)
    return Row(
        name="GET explain among 10,000 boards and 100,000 waiting",
        value=_words(half, most),
        aim=f"p99 <= {MOST_MILLISECONDS:.0f} ms",
        met=most <= MOST_MILLISECONDS,
    )


def _milliseconds(spent: list[float]) -> tuple[float, float]:
    """Return median and 99th percentile of seconds."""
    return median(spent) * 1e3, sorted(spent)[int(len(spent) * 0.99)] * 1e3


def _words(half: float, most: float) -> str:
    return f"p50 {half:.2f} ms, p99 {most:.2f} ms"

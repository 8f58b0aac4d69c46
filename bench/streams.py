"""What those who file requests notice of those who follow the events."""

from statistics import median

from bench.calls import CLIENTS, NEW, WARM_UP
from bench.lab import Lab, Size
from bench.processes import processor_time
from bench.table import Row

ROUNDS = 3
SECONDS = 2.0
OF_ANOTHER = "?request=1000000000"
WAYS: tuple[tuple[int, str, float], ...] = (
    (10, "", 0.9),
    (100, "", 0.8),
    (500, "", 0.7),
    (500, OF_ANOTHER, 0.95),
)


def streams(lab: Lab) -> list[Row]:
    """Measure the rate of durable POSTs with event streams open, against none, in turn.

    Whoever reads the streams shares the processor with the server: so the server's own processor
    time for a POST is told too.
    """
    rows = []
    load = lab.own_load
    with lab.serve(Size()) as server:

        def post(seconds: float) -> tuple[float, float]:
            before = processor_time(server.pid)
            done = load.rate(server.port, [NEW], CLIENTS, seconds)
            return done.rate, (processor_time(server.pid) - before) / done.requests

        post(WARM_UP)
        for count, query, aim in WAYS:
            pairs = []
            for _ in range(ROUNDS):
                alone = post(SECONDS)
                with load.listening(server.port, count, query):
                    pairs.append((alone, post(SECONDS)))
            ratio = median(watched[0] / alone[0] for alone, watched in pairs)
            cost = median(watched[1] / alone[1] for alone, watched in pairs)
            what = "streams of another request" if query else "event streams"
            rows.append(
                Row(
                    name=f"POST with {count} {what} open, against none",
                    value=f"rate {ratio:.2f} times, processor time of a POST {cost:.2f} times",
                    aim=f"rate >= {aim:g} times",
                    met=ratio >= aim,
                )
            )
    return rows

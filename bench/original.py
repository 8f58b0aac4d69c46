"""Our calls against those of a small Go server in memory, which stands in for the original."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median

from bench.calls import CLIENTS, NEW, WARM_UP
from bench.fill import READY
from bench.generator import Sample
from bench.lab import Lab, Serving, Size
from bench.table import Row

ROUNDS = 5
SECONDS = 1.5
SHOWN = 100
"""Requests that are looked at in turn."""
LENT, LEND_WITHIN = 100, 20.0
BOARDS = 10
GET_AIM, LATER_AIM = 0.9, 0.45
LENT_AIM = 2.75
"""Milliseconds: 2.5 times what the original took, which does more than the stand-in for it."""


def original(lab: Lab) -> list[Row]:
    """Measure ours and the stand-in in turn, nobody waiting.

    Its requests are gone when it ends; ours are on the disk before they are acknowledged.
    """
    load = lab.own_load
    later = datetime.now(UTC) + timedelta(days=7)
    body = {"Caps": READY, "Priority": 8, "ValidAfter": later.isoformat()}
    later_post = Sample(method="POST", path="/api/v1/reqs/", body=body)
    shown = [Sample(method="GET", path=f"/api/v1/reqs/{n}") for n in range(1, SHOWN + 1)]

    def rate(samples: list[Sample]) -> Callable[[Serving], float]:
        return lambda server: load.rate(server.port, samples, CLIENTS, SECONDS).rate

    def lent(server: Serving) -> float:
        return load.lend(server.port, {"Caps": READY, "Priority": 8}, LENT, LEND_WITHIN).p50

    size = Size(ready=BOARDS)
    with lab.serve(size, boards=True) as ours, lab.serve_stand_in(BOARDS) as theirs:
        both = ours, theirs
        # The first of all: a request in the future makes an index larger, but waits for nobody.
        times = _in_turn(both, lent)
        for server in both:
            load.rate(server.port, [NEW], 1, WARM_UP)
        gets, posts = _in_turn(both, rate(shown)), _in_turn(both, rate([later_post]))
    ours_lent, theirs_lent = _medians(times)
    return [
        _row("GET of one request", gets, GET_AIM),
        _row("POST valid later", posts, LATER_AIM),
        Row(
            name="POST until IN PROGRESS, back to back",
            value=f"p50 {ours_lent:.1f} ms; stand-in {theirs_lent:.1f} ms",
            aim=f"<= {LENT_AIM:g} ms",
            met=ours_lent <= LENT_AIM,
        ),
    ]


def _in_turn(
    both: tuple[Serving, Serving], measure: Callable[[Serving], float]
) -> list[tuple[float, float]]:
    ours, theirs = both
    return [(measure(ours), measure(theirs)) for _ in range(ROUNDS)]


def _medians(found: list[tuple[float, float]]) -> tuple[float, float]:
    ours, theirs = zip(*found, strict=True)
    return median(ours), median(theirs)


def _row(name: str, found: list[tuple[float, float]], aim: float) -> Row:
    ratio = median(ours / theirs for ours, theirs in found)
    ours, theirs = _medians(found)
    return Row(
        name=f"{name}, {CLIENTS} clients, against the stand-in",
        value=f"{ours:,.0f}/s; stand-in {theirs:,.0f}/s; {ratio:.2f} times",
        aim=f">= {aim:g} times",
        met=ratio >= aim,
    )

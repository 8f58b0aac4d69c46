"""Calls against answers that do nothing, on the same server, in turn."""

from collections.abc import Sequence
from statistics import median

from bench.fill import busy
from bench.generator import Load, Sample
from bench.lab import Lab, Serving, Size
from bench.server import BARE, NOTHING
from bench.table import Row

CLIENTS = 16
SECONDS = 2.5
PAIRS = 4
WARM_UP = 1.0

POST_RATIO, POST_P99 = 0.45, 25.0
GET_RATIO = 0.7
LIST_RATE, FILTERED_RATE = 1000.0, 50.0
LISTED = Size(waiting=100_000, closed=20_000)

NEW = Sample(method="POST", path="/api/v1/reqs/", body={"Caps": busy(7), "Priority": 8})


def post(lab: Lab) -> list[Row]:
    """Measure durable POSTs."""
    with lab.serve(Size()) as server:
        nothing, real = in_turn(
            lab, server, [Sample(method="POST", path=NOTHING, body=NEW.body)], [NEW]
        )
        bare = _bare(lab, server, "POST", NEW.body)
    ratio = paired(nothing, real)
    p99 = median(load.p99 for load in real)
    return [
        Row(
            name=f"POST a request, durable, {CLIENTS} clients",
            value=f"{rate(real)}; no-op {rate(nothing)}; ratio {ratio:.2f}",
            aim=f"ratio >= {POST_RATIO}",
            met=ratio >= POST_RATIO,
        ),
        Row(
            name="  its latency",
            value=f"p50 {median(load.p50 for load in real):.1f} ms, p99 {p99:.1f} ms",
            aim=f"p99 <= {POST_P99:g} ms",
            met=p99 <= POST_P99,
        ),
        bare,
    ]


def get(lab: Lab) -> list[Row]:
    """Measure GETs of single requests among 120,000."""
    paths = [f"/api/v1/reqs/{2 + number * 97 % 100_000}" for number in range(1000)]
    with lab.serve(LISTED) as server:
        nothing, real = in_turn(
            lab,
            server,
            [Sample(method="GET", path=NOTHING)],
            [Sample(method="GET", path=path) for path in paths],
        )
        bare = _bare(lab, server, "GET", None)
    ratio = paired(nothing, real)
    return [
        Row(
            name=f"GET a request, {CLIENTS} clients",
            value=f"{rate(real)}; no-op {rate(nothing)}; ratio {ratio:.2f}",
            aim=f"ratio >= {GET_RATIO}",
            met=ratio >= GET_RATIO,
        ),
        bare,
    ]


def _bare(lab: Lab, server: Serving, method: str, body: object) -> Row:
    """Measure what the HTTP server alone can do, for orientation."""
    sample = Sample(method=method, path=BARE, body=body)
    load = lab.load.rate(server.port, [sample], CLIENTS, SECONDS)
    return Row(name=f"  the HTTP server alone, bare {method}", value=f"{load.rate:,.0f}/s")


def lists(lab: Lab) -> list[Row]:
    """Measure lists of 100 out of 120,000 requests."""
    waiting = {"States": ["WAITING"]}
    kinds: dict[str, tuple[list[object], float]] = {
        "unfiltered": ([page(None, border) for border in borders()], LIST_RATE),
        "unfiltered, from the end": ([page(None, None, direction="backward")], LIST_RATE),
        "by state": ([page(waiting, border) for border in borders()], LIST_RATE),
        "by the rarer state": ([page({"States": ["CANCELLED"]}, None)], LIST_RATE),
        "by priority": ([page({"Priorities": [3]}, None)], FILTERED_RATE),
        "by state and priority": ([page({**waiting, "Priorities": [3, 9]}, None)], FILTERED_RATE),
        "by 100 ids": ([page({"IDs": list(range(5, 100_005, 1000))}, None)], FILTERED_RATE),
        "sorted by deadline": ([page(None, None, item="deadline")], FILTERED_RATE),
        "by state, sorted by priority": ([page(waiting, None, item="priority")], FILTERED_RATE),
    }
    rows = []
    with lab.serve(LISTED) as server:
        for name, (bodies, aim) in kinds.items():
            samples = [Sample(method="POST", path="/api/v1/reqs/list", body=b) for b in bodies]
            loads = [lab.load.rate(server.port, samples, CLIENTS, 1.2) for _ in range(3)]
            found = median(load.rate for load in loads)
            rows.append(
                Row(
                    name=f"list 100 of 120,000 {name}",
                    value=f"{found:,.0f}/s",
                    aim=f">= {aim:,.0f}/s",
                    met=found >= aim,
                )
            )
    return rows


def page(
    where: object, border: int | None, *, direction: str = "forward", item: str | None = None
) -> object:
    """Return a list's body that asks for 100 requests."""
    paginator: dict[str, object] = {"Direction": direction, "Limit": 100}
    if border is not None:
        paginator["ID"] = border
    sorter = None if item is None else {"Item": item, "Order": "ascending"}
    return {"Filter": where, "Sorter": sorter, "Paginator": paginator}


def borders() -> list[int | None]:
    """Return where pages begin: at the start and anywhere."""
    return [None, *(2 + number * 1009 for number in range(100))]


def in_turn(
    lab: Lab, server: Serving, nothing: Sequence[Sample], real: Sequence[Sample]
) -> tuple[list[Load], list[Load]]:
    """Measure both in turn, so that whatever else the machine does slows both alike."""
    found: tuple[list[Load], list[Load]] = ([], [])
    for samples in (nothing, real):
        lab.load.rate(server.port, samples, CLIENTS, WARM_UP)
    for _ in range(PAIRS):
        for samples, loads in zip((nothing, real), found, strict=True):
            loads.append(lab.load.rate(server.port, samples, CLIENTS, SECONDS))
    return found


def paired(nothing: Sequence[Load], real: Sequence[Load]) -> float:
    """Return the median of the pairs' ratios."""
    return median(r.rate / n.rate for n, r in zip(nothing, real, strict=True))


def rate(loads: Sequence[Load]) -> str:
    """Return the median rate in words."""
    return f"{median(load.rate for load in loads):,.0f}/s"

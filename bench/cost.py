"""What a durable POST costs, against a bare server of the same parts and an earlier commit."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from bench.calls import NEW, WARM_UP
from bench.lab import Lab, Serving
from bench.processes import processor_time
from bench.table import Row

ROUNDS = 5
SECONDS = 1.5
CLIENTS = (1, 16, 64)
BARE_RATIO = {16: 0.6, 64: 0.6}
BEFORE_RATIO = {1: 0.4, 16: 0.65}

NOW, BARE, BEFORE = "now", "bare", "before"


@dataclass(slots=True)
class Found:
    """Collect, run by run, POSTs per second and the server's processor time of each in us."""

    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)


def cost(lab: Lab) -> list[Row]:
    """Measure rates and the server's own processor time, all servers in turn.

    The processor time stays what it is when others use the machine; rates do not.
    """
    rows: list[Row] = []
    with ExitStack() as stack:
        servers = {NOW: stack.enter_context(lab.serve_empty("bench.server"))}
        servers[BARE] = stack.enter_context(lab.serve_empty("bench.bare"))
        if lab.before is not None:
            earlier = lab.serve_empty("bench.server", lab.before.resolve())
            servers[BEFORE] = stack.enter_context(earlier)
        for clients in CLIENTS:
            found = {name: Found() for name in servers}
            for server in servers.values():
                lab.load.rate(server.port, [NEW], clients, WARM_UP)
            for _ in range(ROUNDS):
                for name, server in servers.items():
                    _measure(lab, server, clients, found[name])
            rows += _rows(clients, found)
    return rows


def _measure(lab: Lab, server: Serving, clients: int, found: Found) -> None:
    began = processor_time(server.pid)
    load = lab.load.rate(server.port, [NEW], clients, SECONDS)
    found.rates.append(load.rate)
    found.costs.append((processor_time(server.pid) - began) / load.requests * 1e6)


def _rows(clients: int, found: dict[str, Found]) -> list[Row]:
    now, bare = found[NOW], found[BARE]
    aim = BARE_RATIO.get(clients)
    ratio = _ratio(now.rates, bare.rates)
    people = f"{clients} clients" if clients > 1 else "1 client"
    rows = [
        Row(
            name=f"durable POST, {people}, against bare",
            value=f"{median(now.rates):,.0f}/s; bare {median(bare.rates):,.0f}/s; "
            f"ratio {ratio:.2f}",
            aim="" if aim is None else f"ratio >= {aim:g}",
            met=None if aim is None else ratio >= aim,
        )
    ]
    words = f"{median(now.costs):.0f} us; bare {median(bare.costs):.0f} us"
    aim = None
    if BEFORE in found:
        before = found[BEFORE]
        ratio, aim = _ratio(now.costs, before.costs), BEFORE_RATIO.get(clients)
        words += f"; before {median(before.costs):.0f} us; ratio {ratio:.2f}"
    rows.append(
        Row(
            name="  its processor time" + (", against before" if BEFORE in found else ""),
            value=words,
            aim="" if aim is None else f"ratio <= {aim:g}",
            met=None if aim is None else ratio <= aim,
        )
    )
    return rows


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return median(one / other for one, other in zip(ours, theirs, strict=True))

"""A long history: lists in it, and what it takes to remove its oldest part."""

import time

from bench.calls import page
from bench.copies import grown
from bench.generator import Sample
from bench.lab import START_WITHIN, Lab, matches
from bench.processes import figure, free_port, wait_until
from bench.scene import Crowd, prepared, serving
from bench.table import Row
from boruta_farm.server.folder import DATABASE_FILE

STORED = 1_000_000
REMOVED = 20_000
CLIENTS, SECONDS = 4, 2.0
LIST_RATE = 50.0
PACE, PACED_FOR = 100.0, 10.0
SLOWER = 2.0
SEED = Crowd(agents=10, tunnels=0, queued=8_000, closed=2_000)
REMOVED_WITHIN = 300.0


def history(lab: Lab, stored: int) -> list[Row]:
    """Measure lists among ``stored`` requests, then calls while some of them are removed."""
    data = prepared(lab, SEED)
    began = time.perf_counter()
    grown(data, stored)
    print(f"made {stored:,} requests in {time.perf_counter() - began:.0f} s", flush=True)
    size = (data / DATABASE_FILE).stat().st_size
    rows = []
    with serving(data, free_port()) as server:
        wait_until("matching", lambda: matches(server.port), START_WITHIN, server.log)
        for name, body in _lists(stored).items():
            samples = [Sample(method="POST", path="/api/v1/reqs/list", body=body)]
            found = lab.own_load.rate(server.port, samples, CLIENTS, SECONDS)
            rows.append(
                Row(
                    name=f"list 100 of {stored:,} {name}",
                    value=f"{found.rate:,.0f}/s, p99 {found.p99:.0f} ms",
                    aim=f">= {LIST_RATE:g}/s",
                    met=found.rate >= LIST_RATE,
                )
            )
        looking = [Sample(method="GET", path=f"/api/v1/reqs/{stored - n}") for n in range(500)]
        rest = lab.own_load.pace(server.port, looking, CLIENTS, PACE, PACED_FOR)
    with serving(data, free_port(), history=stored - REMOVED) as server:
        # Removing began with the server: what went before is neither timed nor counted.
        began, before = time.perf_counter(), stored_at(server.port)
        during = lab.own_load.pace(server.port, looking, CLIENTS, PACE, PACED_FOR)
        after = stored_at(server.port)
        took = time.perf_counter() - began
        wait_until(
            "the oldest removed",
            lambda: stored_at(server.port) <= stored - REMOVED,
            REMOVED_WITHIN,
            server.log,
        )
    rows.append(
        Row(
            name=f"  GET at {PACE:g} a second while {before - after:,.0f} of them are removed",
            value=f"p50 {during.p50:.1f} ms, p99 {during.p99:.1f} ms; at rest "
            f"p50 {rest.p50:.1f} ms, p99 {rest.p99:.1f} ms",
            aim=f"p50 <= {SLOWER:g} times",
            met=during.p50 <= SLOWER * rest.p50,
        )
    )
    rows.append(
        Row(
            name="  removed",
            value=f"{(before - after) / took:,.0f}/s; the database has {size / 1e6:,.0f} MB, "
            f"{size / stored:.0f} bytes a request",
        )
    )
    return rows


def _lists(stored: int) -> dict[str, object]:
    return {
        "unfiltered": page(None, None),
        "unfiltered, from the middle": page(None, stored // 2),
        "unfiltered, from the end": page(None, None, direction="backward"),
        "by the commoner state": page({"States": ["CANCELLED"]}, stored // 2),
        "by the rarer state": page({"States": ["WAITING"]}, None),
        "by priority": page({"Priorities": [3]}, None),
        "sorted by priority": page(None, None, item="priority"),
    }


def stored_at(port: int) -> float:
    """Return how many requests a server keeps."""
    return figure(port, "boruta_requests") + figure(port, "boruta_requests_kept")

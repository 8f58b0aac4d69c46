"""A long history: lists in it, and what it takes to remove its oldest part."""

import sqlite3
import time
from pathlib import Path

from bench.calls import page
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
SEED = Crowd(agents=10, tunnels=0, queued=1_000, closed=9_000)
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
        began = time.perf_counter()
        during = lab.own_load.pace(server.port, looking, CLIENTS, PACE, PACED_FOR)
        wait_until(
            "the oldest removed",
            lambda: stored_at(server.port) <= stored - REMOVED,
            REMOVED_WITHIN,
            server.log,
        )
        took = time.perf_counter() - began
    rows.append(
        Row(
            name=f"  GET at {PACE:g} a second while {REMOVED:,} of them are removed",
            value=f"p50 {during.p50:.1f} ms, p99 {during.p99:.1f} ms; at rest "
            f"p50 {rest.p50:.1f} ms, p99 {rest.p99:.1f} ms",
            aim=f"p50 <= {SLOWER:g} times",
            met=during.p50 <= SLOWER * rest.p50,
        )
    )
    rows.append(
        Row(
            name="  removed",
            value=f"{REMOVED / took:,.0f}/s; the database has {size / 1e6:,.0f} MB, "
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


def grown(data: Path, stored: int) -> None:
    """Copy a farm's closed requests, under new ids, until it keeps so many requests."""
    connection = sqlite3.connect(data / DATABASE_FILE, isolation_level=None)
    try:
        for words in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"):
            connection.execute(f"PRAGMA {words}")
        names = [row[1] for row in connection.execute("PRAGMA table_info(requests)")]
        others = ", ".join(name for name in names if name != "id")
        connection.execute("BEGIN")
        while (left := stored - _value(connection, "SELECT count(*) FROM requests")) > 0:
            last = _value(connection, "SELECT max(id) FROM requests")
            connection.execute(
                f"INSERT INTO requests (id, {others})"
                f" SELECT {last} + row_number() OVER (ORDER BY id), {others} FROM requests"
                f" WHERE state = 'CANCELLED' ORDER BY id LIMIT {left}"
            )
        connection.execute("DELETE FROM tallies")
        connection.execute(
            "INSERT INTO tallies (state, bucket, requests)"
            " SELECT state, id >> 10, count(*) FROM requests GROUP BY state, id >> 10"
        )
        for name, words in (("request", "max(id)"), ("requests", "count(*)")):
            connection.execute(
                f"UPDATE counters SET value = (SELECT {words} FROM requests) WHERE name = ?",
                (name,),
            )
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _value(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])

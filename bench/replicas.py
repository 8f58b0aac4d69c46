"""Several servers over one PostgreSQL, against one over SQLite, on one disk in the same run."""

import asyncio
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import psycopg
from tests.store.postgres_server import NoServerError, PostgresServer, running

from bench import processes
from bench.fill import READY, fill
from bench.generator import GoGenerator, Load, Sample
from bench.lab import START_WITHIN, VERSION, Lab, Serving, Size, SkippedError
from bench.table import Row
from boruta_farm.access.cipher import KEY_FILE

SERVERS = 3
BOARDS = 100
CLIENTS = 48
SECONDS = 3.0
WARM_UP = 1.0
TURNS = 3
JOBS, DRAIN_LIMIT = 1200, 60.0
LAGS, LAG_PACE = 1000, 100.0

POSTGRES_RATIO, REPLICAS_RATIO = 0.5, 0.7
LAG_P99 = 50.0

NEW = {"Caps": READY, "Priority": 8}
WAITING = Sample(
    method="POST", path="/api/v1/reqs/", body={"Caps": {"kind": "none"}, "Priority": 8}
)


def replicas(lab: Lab) -> list[Row]:
    """Measure POST and jobs per second over SQLite, one server and three; then how they hear."""
    load = lab.own_load
    # Its server runs as somebody who must get through to its own folder.
    lab.folder.chmod(0o711)
    try:
        with ExitStack() as stack:
            postgres = stack.enter_context(running(lab.folder, durable=True))
            rates: dict[int, list[float]] = {0: [], 1: [], SERVERS: []}
            jobs: dict[int, list[float]] = {0: [], 1: [], SERVERS: []}
            lags: list[Load] = []
            for _ in range(TURNS):
                for count in rates:
                    with _farm(lab, postgres, count) as servers:
                        _filing(load, servers, WARM_UP)
                        rates[count].append(_filing(load, servers, SECONDS))
                        jobs[count].append(_draining(load, servers))
                        if count == SERVERS:
                            lags.append(_lag(load, servers))
            numbering = {writers: _numbering(postgres, writers) for writers in (1, SERVERS)}
    except NoServerError as reason:
        raise SkippedError(str(reason)) from None
    return [
        *_rows(f"POST a request, durable, {CLIENTS} clients in all", "/s", rates),
        *_rows(f"jobs over {BOARDS} boards, closed at once", " jobs/s", jobs),
        _lag_row(lags),
        *(_numbering_row(writers, *found) for writers, found in numbering.items()),
    ]


@contextmanager
def _farm(lab: Lab, postgres: PostgresServer, count: int) -> Iterator[Sequence[Serving]]:
    """Run servers over a fresh database, all boards linked to each; none means one over SQLite."""
    size = Size(ready=BOARDS)
    if not count:
        with lab.serve(size, boards=True) as server:
            yield [server]
        return
    database = postgres.database()
    first = Path(lab.folder / f"replica-{time.monotonic_ns()}")
    first.mkdir(mode=0o700)
    asyncio.run(fill(first, ready=BOARDS, database=database))
    try:
        with ExitStack() as stack:
            servers = [
                stack.enter_context(_server(first, place, database)) for place in range(count)
            ]
            urls = [("--server", f"http://127.0.0.1:{server.port}") for server in servers]
            words = [word for url in urls for word in url]
            command = [sys.executable, "-m", "bench.fleet", *words, "--ready", str(BOARDS)]
            stack.enter_context(processes.running(command, servers[0].log))
            for server in servers:
                server.wait_for_agents(BOARDS)
            yield servers
    finally:
        postgres.drop(database)


@contextmanager
def _server(first: Path, place: int, database: str) -> Iterator[Serving]:
    data = first
    if place:
        data = first.with_name(f"{first.name}-{place}")
        data.mkdir(mode=0o700)
        shutil.copy2(first / KEY_FILE, data)
    port, log = processes.free_port(), data.with_suffix(".log")
    command = [sys.executable, "-m", "bench.server", "--data", str(data), "--port", str(port)]
    command += ["--database", database, "--tunnels", f"127.0.0.{1 + place}"]
    with processes.running(command, log) as pid:
        processes.wait_until(
            "an answer", lambda: processes.answers(port, VERSION), START_WITHIN, log
        )
        yield Serving(port=port, pid=pid, log=log, rpc_port=0)


def _together(servers: Sequence[Serving], run: Callable[[Serving], Load]) -> list[Load]:
    """Put load on all servers at once."""
    with ThreadPoolExecutor(len(servers)) as threads:
        return list(threads.map(run, servers))


def _filing(load: GoGenerator, servers: Sequence[Serving], seconds: float) -> float:
    """Return the requests that are filed in a second, over all servers together."""
    each = CLIENTS // len(servers)
    loads = _together(servers, lambda s: load.rate(s.port, [WAITING], each, seconds))
    return sum(found.rate for found in loads)


def _draining(load: GoGenerator, servers: Sequence[Serving]) -> float:
    """Return the jobs that are done in a second, over all servers together."""
    each, clients = JOBS // len(servers), CLIENTS // len(servers)
    began = time.monotonic()
    loads = _together(servers, lambda s: load.drain(s.port, NEW, each, False, DRAIN_LIMIT, clients))
    return sum(found.requests for found in loads) / (time.monotonic() - began)


def _lag(load: GoGenerator, servers: Sequence[Serving]) -> Load:
    """Return how much later a server tells what was filed at another one."""
    return load.lag(servers[0].port, servers[1].port, WAITING.body, LAGS, LAG_PACE)


def _numbering(postgres: PostgresServer, writers: int) -> tuple[float, float]:
    """Return transactions per second that number their event by a counter, and by a sequence.

    Each inserts one event and commits durably; only the counter gives numbers in the order of
    commits, since it stays locked until there is one.
    """
    address = postgres.database()
    counter = "UPDATE bench_counter SET value = value + 1 RETURNING value"
    sequence = "SELECT nextval('bench_numbers')"
    try:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE TABLE bench_counter (value BIGINT)")
            connection.execute("INSERT INTO bench_counter VALUES (0)")
            connection.execute("CREATE SEQUENCE bench_numbers")
            connection.execute("CREATE TABLE bench_events (number BIGINT PRIMARY KEY, said TEXT)")
        found = []
        for statement in (counter, sequence):
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute("TRUNCATE bench_events")
            found.append(_transactions(address, statement.encode(), writers))
        return found[0], found[1]
    finally:
        postgres.drop(address)


def _transactions(address: str, statement: bytes, writers: int) -> float:
    stop = threading.Event()

    def write(_: int) -> int:
        count = 0
        with psycopg.connect(address, autocommit=True) as connection:
            while not stop.is_set():
                with connection.transaction():
                    (number,) = connection.execute(statement).fetchone() or (0,)
                    connection.execute(
                        "INSERT INTO bench_events VALUES (%s, %s)", (number, "request.filed" * 9)
                    )
                count += 1
        return count

    with ThreadPoolExecutor(writers) as threads:
        began = time.monotonic()
        running_ones = [threads.submit(write, place) for place in range(writers)]
        stop.wait(SECONDS)
        stop.set()
        return sum(each.result() for each in running_ones) / (time.monotonic() - began)


def _rows(name: str, unit: str, found: dict[int, list[float]]) -> list[Row]:
    one = _paired(found[1], found[0])
    many = _paired(found[SERVERS], found[1])
    return [
        Row(name=f"{name}: SQLite", value=f"{median(found[0]):,.0f}{unit}"),
        Row(
            name="  one server over PostgreSQL",
            value=f"{median(found[1]):,.0f}{unit}, {one:.2f} of SQLite's",
            aim=f"ratio >= {POSTGRES_RATIO:g}",
            met=one >= POSTGRES_RATIO,
        ),
        Row(
            name=f"  {SERVERS} servers over PostgreSQL",
            value=f"{median(found[SERVERS]):,.0f}{unit}, {many:.2f} of one's",
            aim=f"ratio >= {REPLICAS_RATIO:g}",
            met=many >= REPLICAS_RATIO,
        ),
    ]


def _paired(found: Sequence[float], others: Sequence[float]) -> float:
    return median(a / b for a, b in zip(found, others, strict=True))


def _lag_row(loads: Sequence[Load]) -> Row:
    p99 = median(load.p99 for load in loads)
    return Row(
        name=f"  an event heard on another server, {LAG_PACE:g} filed a second",
        value=f"p50 {median(load.p50 for load in loads):.1f} ms, p99 {p99:.1f} ms later",
        aim=f"p99 <= {LAG_P99:g} ms",
        met=p99 <= LAG_P99,
    )


def _numbering_row(writers: int, counter: float, sequence: float) -> Row:
    words = "one writer" if writers == 1 else f"{writers} writers"
    return Row(
        name=f"  one event a COMMIT, {words}",
        value=f"{counter:,.0f}/s in order, {sequence:,.0f}/s by a sequence without; "
        f"{counter / sequence:.2f}",
    )

"""The server as a process: how fast it starts, how much memory it takes."""

import gc
import sys
import time
from pathlib import Path
from statistics import median

from bench.lab import LARGE, START_WITHIN, VERSION, Lab, Size, matches
from bench.machine import resident
from bench.processes import answers, free_port, running, wait_until
from bench.table import Row

STARTS = 5
FIRST_ANSWER, RESTARTED = 0.7, 2.0
MEMORY = 200
MEBIBYTE = 1 << 20
FULL = Size(waiting=100_000)


def start(lab: Lab) -> list[Row]:
    """Measure the real command from its start to its first answers."""
    fresh = [_start(lab.data(Size()), lab.folder, full=False)[0] for _ in range(STARTS)]
    empty = [_start(_empty(lab, number), lab.folder, full=False)[0] for number in range(STARTS)]
    again = [_start(lab.data(FULL), lab.folder, full=True) for _ in range(STARTS)]
    answer = median(first for first, _ in again)
    return [
        _row("start to first answer", median(fresh), FIRST_ANSWER),
        _row("  the same on an empty folder, which makes the database", median(empty), None),
        _row("restart with 100,000 requests, first answer", answer, RESTARTED),
        _row("  until matching goes on", median(matching for _, matching in again), None),
    ]


def memory(lab: Lab) -> list[Row]:
    """Measure the server's memory with 1,000 connected boards and 100,000 requests."""
    with lab.serve(LARGE, boards=True) as server:
        found = resident(server.pid) / MEBIBYTE
    with lab.serve(Size()) as server:
        bare = resident(server.pid) / MEBIBYTE
    return [
        Row(
            name="memory, 1,000 boards and 100,000 requests",
            value=f"{found:.0f} MiB ({bare:.0f} MiB when empty)",
            aim=f"<= {MEMORY} MB",
            met=found * MEBIBYTE <= MEMORY * 1e6,
        )
    ]


def _empty(lab: Lab, number: int) -> Path:
    folder = lab.folder / f"empty-{number}"
    folder.mkdir(mode=0o700)
    return folder


def _start(data: Path, folder: Path, *, full: bool) -> tuple[float, float]:
    """Return the seconds until the first answer and until matching goes on."""
    port, log = free_port(), folder / "start.log"
    config = folder / "start.toml"
    config.write_text("keep_relay = false\n")
    serve = ("serve", "--config", str(config), "--data", str(data))
    command = [sys.executable, "-m", "boruta_farm.cli", *serve, "--api-addr", f"127.0.0.1:{port}"]
    path = "/api/v1/reqs/2" if full else VERSION
    gc.collect()
    began = time.perf_counter()
    with running(command, log):
        wait_until("an answer", lambda: answers(port, path), START_WITHIN, log)
        first = time.perf_counter() - began
        if full:
            wait_until("matching", lambda: matches(port), START_WITHIN, log)
        return first, time.perf_counter() - began


def _row(name: str, seconds: float, aim: float | None) -> Row:
    return Row(
        name=name,
        value=f"{seconds:.2f} s",
        aim="" if aim is None else f"<= {aim:g} s",
        met=None if aim is None else seconds <= aim,
    )

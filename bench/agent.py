"""The agent on a small board: how fast it is there, what it takes while nothing happens."""

import re
import sys
import time
import uuid
from pathlib import Path
from statistics import median

from bench.lab import Lab, Size
from bench.machine import resident
from bench.processes import processor_time, running, wait_until
from bench.table import Row

STARTS = 5
START_WITHIN = 60.0
REGISTERED = "registered as"
START_AIM, MEMORY_AIM, PROCESSOR_AIM = 1.5, 40.0, 0.2
IDLE = 30.0
"""Seconds of doing nothing; a heartbeat every 5 s is part of it."""

SETTLE = 6.0
MEGABYTE = 1e6
CONFIGURATION = """\
server = "http://127.0.0.1:{port}"
driver = "linux"
state_dir = "{folder}"
name = "{name}"
[caps]
UUID = "{uuid}"
"""


def idle(lab: Lab) -> list[Row]:
    """Start agents against a real server, one after the other, and watch the last one idle."""
    with lab.serve(Size()) as server:
        starts = [_start(lab.folder, server.port, number) for number in range(STARTS)]
        command, log = _command(lab.folder, server.port, STARTS)
        with running(command, log) as pid:
            _wait(log)
            time.sleep(SETTLE)
            before = processor_time(pid)
            time.sleep(IDLE)
            share = (processor_time(pid) - before) / IDLE * 100
            memory = resident(pid) / MEGABYTE
    started = median(starts)
    return [
        Row(
            name="agent: start to registered",
            value=f"{started:.2f} s",
            aim=f"<= {START_AIM:g} s",
            met=started <= START_AIM,
        ),
        Row(
            name="agent: memory while idle",
            value=f"{memory:.1f} MB",
            aim=f"<= {MEMORY_AIM:g} MB",
            met=memory <= MEMORY_AIM,
        ),
        Row(
            name="agent: processor while idle",
            value=f"{share:.2f} % of a core",
            aim=f"<= {PROCESSOR_AIM:g} %",
            met=share <= PROCESSOR_AIM,
        ),
    ]


def _command(folder: Path, port: int, number: int) -> tuple[list[str], Path]:
    """Return how the agent of a new board is started, and its log."""
    home = folder / f"agent-{number}"
    home.mkdir()
    conf = home / "dryad.conf"
    conf.write_text(
        CONFIGURATION.format(port=port, folder=home, name=f"idle-{number}", uuid=uuid.uuid4())
    )
    return [sys.executable, "-m", "bench.idle_agent", "--conf", str(conf)], home / "log"


def _start(folder: Path, port: int, number: int) -> float:
    command, log = _command(folder, port, number)
    began = time.perf_counter()
    with running(command, log):
        _wait(log)
        return time.perf_counter() - began


def _wait(log: Path) -> None:
    wait_until(
        "a registered agent",
        lambda: log.exists() and re.search(REGISTERED, log.read_text()) is not None,
        START_WITHIN,
        log,
    )

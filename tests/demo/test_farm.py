"""The demo's farm: ports of its own, and words when it does not come up."""

import asyncio
import os
import select
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from boruta_farm.demo import farm as demo_farm
from boruta_farm.demo.farm import DemoProcesses
from boruta_farm.dryad.tools.console.keeping import ConsoleKeeper
from boruta_farm.model.errors import BorutaError


async def test_a_farm_that_does_not_come_up_names_the_servers_last_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = DemoProcesses(tmp_path)
    words = "print('12:00 INFO    up\\n12:01 WARNING port 21000 cannot be bound', file=sys.stderr)"
    script = f"import signal, sys; {words}; sys.stderr.flush(); signal.pause()"
    await processes.start("server", (sys.executable, "-c", script))
    try:
        async with asyncio.timeout(30):
            while "cannot be bound" not in processes._warning:
                await processes.more_said("server")
        monkeypatch.setattr(demo_farm, "STARTS_WITHIN", 0.01)
        forever = asyncio.Event().wait()
        with pytest.raises(BorutaError, match=r"the boards.*12:01 WARNING port 21000 cannot"):
            await processes.unless_failed(forever, "the boards to be IDLE")
    finally:
        await processes.end()


async def test_a_port_that_is_named_is_used_or_said_to_be_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BorutaError, match=f"port {port} is taken; name another"):
            async with demo_farm.demo_farm(lambda _: None, port=port):
                raise AssertionError("a farm runs")


async def test_a_port_that_is_taken_after_the_look_at_it_is_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[int] = []

    async def start(processes: DemoProcesses, port: int, **settings: str) -> None:
        tried.append(port)
        if len(tried) == 1:
            other.listen()
            raise BorutaError("server ended with status 1")
        raise BorutaError("tried again")

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        monkeypatch.setattr(demo_farm, "free_port", looks_free(other))
        monkeypatch.setattr(DemoProcesses, "start_server", start)
        with pytest.raises(BorutaError, match="tried again"):
            async with demo_farm.demo_farm(lambda _: None):
                raise AssertionError("a farm runs")
        assert tried[0] == other.getsockname()[1] != tried[1]


def looks_free(other: socket.socket) -> Callable[[int], int]:
    """Return what takes a port for free the first time that it is looked at."""
    looks = iter((other.getsockname()[1],))

    def free_port(usual: int = demo_farm.USUAL_PORT) -> int:
        return next(looks, None) or look(usual)

    look = demo_farm.free_port
    return free_port


async def test_the_keeper_that_an_agent_leaves_during_a_job_ends_with_the_farm(
    tmp_path: Path,
) -> None:
    processes = DemoProcesses(tmp_path)
    (tmp_path / "rpi4").mkdir()
    keeper = ConsoleKeeper(tmp_path / "rpi4" / "console", {}, lambda _name, _connection: None)
    await keeper.start()
    left = os.pidfd_open(keeper.pid)
    try:
        await keeper.close(leave=True)
        assert not select.select([left], [], [], 0)[0]
        await processes.end()
        assert select.select([left], [], [], 0)[0]
    finally:
        os.close(left)

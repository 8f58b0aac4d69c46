"""The demo's farm: ports of its own, and words when it does not come up."""

import asyncio
import os
import select
import socket
import sys
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

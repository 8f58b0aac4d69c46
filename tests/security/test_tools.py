"""Threat: somebody takes all places at the tools' sockets, so that others have none."""

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from boruta_farm.dryad.drivers.sandbox import SandboxDriver
from boruta_farm.dryad.drivers.sandbox_isolation import Isolation
from boruta_farm.dryad.drivers.tooled import TooledDriver
from boruta_farm.dryad.dut import call
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.main import main
from boruta_farm.dryad.state import Phase
from boruta_farm.dryad.tools.door import OwnDoor
from boruta_farm.dryad.tools.service import MOST, ToolService
from boruta_farm.dryad.tools.toolbox import Toolbox
from tests.dryad.drivers.sandboxes import Visitor, make_config
from tests.dryad.tools.benches import Lamp, OpenDoor, fit, state


async def test_a_session_that_holds_all_its_calls_keeps_root_not_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp = Lamp()
    service = ToolService(Toolbox((fit("power", lamp, pause=0.0),)))
    door = OpenDoor(tmp_path / "dut.sock")
    service.start(door, OwnDoor(tmp_path / "own.sock"))
    service.look(state())
    try:
        with ExitStack() as stack:
            for _ in range(2 * MOST):
                caller = stack.enter_context(socket.socket(socket.AF_UNIX))
                caller.connect(str(door.path))
                await asyncio.sleep(0)
            monkeypatch.setenv(call.VARIABLE, str(tmp_path / "own.sock"))
            assert await asyncio.to_thread(main, ("power", "off")) == Status.DONE
            assert lamp.calls == ["off"]
    finally:
        await service.close()


async def test_who_is_of_no_session_takes_none_of_its_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the session of the board beside this one can: the socket is within everybody's reach."""
    lamp, among = Lamp(), {"strangers": True}
    service = ToolService(Toolbox((fit("power", lamp, pause=0.0),)))
    door = OpenDoor(tmp_path / "dut.sock", lets=lambda _: not among["strangers"])
    service.start(door)
    service.look(state())
    try:
        with ExitStack() as stack:
            for _ in range(2 * MOST):
                caller = stack.enter_context(socket.socket(socket.AF_UNIX))
                caller.connect(str(door.path))
                await asyncio.sleep(0)
            among["strangers"] = False
            monkeypatch.setenv(call.VARIABLE, str(door.path))
            assert await asyncio.to_thread(main, ("power", "off")) == Status.DONE
            assert lamp.calls == ["off"]
    finally:
        await service.close()


@pytest.mark.parametrize("isolation", list(Isolation))
async def test_a_sandbox_s_session_is_no_root_at_the_sandbox_beside_it(
    tmp_path: Path, isolation: Isolation
) -> None:
    """Both agents and all their sessions are one user; the neighbour's own door must not open."""
    visitor = Visitor(tmp_path)
    driver = SandboxDriver(await make_config(tmp_path / "mine", isolation))
    neighbour = SandboxDriver(await make_config(tmp_path / "theirs", isolation))
    lamp, own = Lamp(), tmp_path / "tools.sock"
    service = ToolService(Toolbox((fit("power", lamp, pause=0.0),)))
    mine = ToolService(Toolbox((fit("power", Lamp(), pause=0.0),)))
    drivers = (TooledDriver(neighbour, service, own), TooledDriver(driver, mine))
    try:
        for each in drivers:
            await each.start()
        await drivers[1].prepare(visitor.public)
        service.look(state())
        mine.look(state())
        asked = await visitor.ssh(driver, f"{call.VARIABLE}={own} dut power off")
        assert asked.status == Status.OVER
        assert b"this is for root and the agent's own user alone" in asked.err
        assert lamp.calls == []
        assert (await visitor.ssh(driver, "dut power off")).status == Status.DONE
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(call.VARIABLE, str(own))
            assert await asyncio.to_thread(main, ("power", "off")) == Status.DONE
    finally:
        mine.look(state(phase=Phase.ENDING))
        service.look(state(phase=Phase.ENDING))
        for each in drivers:
            await each.clean()
            await each.close()

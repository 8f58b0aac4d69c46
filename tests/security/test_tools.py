"""Threat: a session takes the tools' sockets, so that root on the board, or the next, has none."""

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from boruta_farm.dryad.dut import call
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.main import main
from boruta_farm.dryad.tools.door import OwnDoor
from boruta_farm.dryad.tools.service import MOST, ToolService
from boruta_farm.dryad.tools.toolbox import Toolbox
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

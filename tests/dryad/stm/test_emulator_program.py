"""The emulated controller as a program that other programs use by its device."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boruta_farm.dryad.stm.controller import Controller

WITHIN = 60.0


class Emulator:
    """The program, and what it tells."""

    def __init__(self, process: asyncio.subprocess.Process, link: Path) -> None:
        self.process = process
        self.link = link

    async def told(self) -> dict[str, object]:
        """Return the next line."""
        assert self.process.stdout is not None
        async with asyncio.timeout(WITHIN):
            line: dict[str, object] = json.loads(await self.process.stdout.readline())
        return line


@pytest.fixture(params=[(), ("--honest-echo", "--latency", "0.01")], ids=["sticky", "honest, slow"])
async def emulator(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Emulator]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "boruta_farm.testing.stm_emulator"),
        *(str(tmp_path / "tty"), *request.param),
        stdout=asyncio.subprocess.PIPE,
    )
    emulator = Emulator(process, tmp_path / "tty")
    assert (await emulator.told())["card"] == "ts"
    yield emulator
    process.terminate()
    async with asyncio.timeout(WITHIN):
        assert await process.wait() == 0
    assert not emulator.link.is_symlink()


async def test_it_tells_what_is_switched(emulator: Emulator) -> None:
    controller = Controller.at(emulator.link)
    assert await controller.probe() == "MuxPi firmware v1.0"
    await controller.dut()
    while not (state := await emulator.told())["relay"]:
        assert state["card"] == "ts"
    assert state["card"] == "dut"
    await controller.ts()
    state = await emulator.told()
    assert (state["relay"], state["card"], state["damage"]) == (False, "ts", [])
    await controller.close()

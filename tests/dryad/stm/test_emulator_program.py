"""The emulated controller as a program that other programs use by its device."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boruta_farm.dryad.stm.controller import Controller

STARTS_WITHIN = 60.0


@pytest.fixture(params=[(), ("--honest-echo", "--latency", "0.01")], ids=["sticky", "honest, slow"])
async def folder(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Path]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "boruta_farm.testing.stm_emulator"),
        *(str(tmp_path / "tty"), str(tmp_path / "state.json"), *request.param),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(STARTS_WITHIN):
        assert b"emulated controller at" in await process.stderr.readline()
    yield tmp_path
    process.terminate()
    async with asyncio.timeout(STARTS_WITHIN):
        assert await process.wait() == 0
    assert not (tmp_path / "tty").is_symlink()


async def test_what_is_switched_can_be_read_from_its_file(folder: Path) -> None:
    controller = Controller.at(folder / "tty")
    assert await controller.probe() == "MuxPi firmware v1.0"
    await controller.dut()
    assert json.loads((folder / "state.json").read_text())["relay"] is True
    await controller.ts()
    state = json.loads((folder / "state.json").read_text())
    assert (state["relay"], state["card"], state["damage"]) == (False, "ts", [])
    await controller.close()

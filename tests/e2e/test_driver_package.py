"""The page's example is installed as any lab's package, and lends a board."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from boruta_farm.demo.boards import DemoBoard
from boruta_farm.model.worker import WorkerState
from tests.e2e.stage import CAPS, ROOT, needs_ssh, ssh, stage

pytestmark = needs_ssh
PACKAGE = ROOT / "docs" / "examples" / "relay"


@pytest.mark.prove
async def test_an_installed_driver_lends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, switch = tmp_path / "site", tmp_path / "relay"
    switch.write_text("0\n")
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target")
    command = (sys.executable, "-m", "pip", "install", *options, str(site), str(PACKAGE))
    await asyncio.to_thread(subprocess.run, command, check=True)
    monkeypatch.setenv("PYTHONPATH", str(site))
    board = DemoBoard(
        name="test",
        caps=CAPS,
        driver="relay",
        table={"switch": str(switch), "session": "sandbox"},
    )
    async with stage(tmp_path, board) as one:
        request, access = await one.lend()
        assert await ssh(access, f"cat {switch}") == (0, "1")
        await one.close(request)
        assert request.job is not None
        await one.until(WorkerState.IDLE, above=request.job.epoch)
        said = (tmp_path / "test.log").read_text()
        assert f"epoch {request.job.epoch + 1}: found and ended: the device had power" in said
        await one.farm.workers.set_state(one.farm.caller, "test", WorkerState.MAINTENANCE)
        await one.until(WorkerState.MAINTENANCE)
        assert switch.read_text() == "0"

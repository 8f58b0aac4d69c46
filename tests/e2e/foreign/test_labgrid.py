"""Boards of a farm in foreign test suites: labgrid's own, unchanged, and what Twister reads."""

import asyncio
import os
import pty
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from boruta_farm.demo.boards import SANDBOXES
from boruta_farm.demo.farm import DemoFarm, demo_farm
from tests.labgrids import labgrid_python

pytestmark = pytest.mark.prove
SUITE = Path(__file__).with_name("labgrid_suite.py")
FLASH = Path(__file__).parents[3] / "integrations" / "twister" / "boruta-flash"
WITHIN = 120.0
SCHEMA = {
    "available": bool,
    "connected": bool,
    "id": str,
    "notes": str,
    "platform": str,
    "probe_id": str,
    "product": str,
    "runner": str,
    "runner_params": list,
    "serial_pty": str,
    "serial": str,
    "baud": int,
    "post_script": str,
    "post_flash_script": str,
    "pre_script": str,
    "fixtures": list,
    "flash_timeout": int,
    "flash_with_test": bool,
    "flash_before": bool,
    "script_param": dict,
}
"""What Twister's hardware maps may hold (scripts/schemas/twister/hwmap-schema.yaml of Zephyr)."""

KEPT = ("PYTHONPATH", "TMPDIR", "LANG")
REQUIRED = {"connected", "id", "platform", "product", "runner"}


@dataclass(slots=True)
class Caller:
    """Somebody with the command line, and a request of his that runs."""

    farm: DemoFarm
    environment: dict[str, str]
    request: str = ""

    async def run(self, *words: str, status: int = 0) -> str:
        """Run a command to its end; return what it printed."""
        process = await asyncio.create_subprocess_exec(
            *words,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, complaints = await asyncio.wait_for(process.communicate(), WITHIN)
        said = output.decode() + complaints.decode()
        assert process.returncode == status, f"{words}: {said}"
        return output.decode() if status == 0 else said


@pytest.fixture
async def caller(tmp_path: Path) -> AsyncIterator[Caller]:
    """Return one who has a sandbox with a simulated device; his boruta is on the PATH."""
    program = tmp_path / "bin" / "boruta"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m boruta_farm.cli "$@"\n')
    program.chmod(0o755)
    async with demo_farm(lambda _: None, SANDBOXES[:1]) as farm:
        environment = {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "BORUTA_SERVER": farm.url,
            "HOME": str(tmp_path),
            "XDG_STATE_HOME": str(tmp_path / "state"),
        }
        made = Caller(farm, environment)
        made.request = (
            await made.run("boruta", "new", "-c", "board=rpi4", "--wait", "60s")
        ).split()[0]
        yield made
        await made.run("boruta", "close", made.request)


async def test_a_labgrid_suite_runs_unchanged(caller: Caller, tmp_path: Path) -> None:
    python = labgrid_python()
    environment = tmp_path / "env.yaml"
    environment.write_text(await caller.run("boruta", "labgrid", caller.request))
    keyfile = tmp_path / "state" / "boruta" / "labgrid" / caller.request / "key"
    assert keyfile.stat().st_mode & 0o777 == 0o600
    # Beside our own tests it would find their settings.
    suite = Path(shutil.copy(SUITE, tmp_path))
    words = (str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}")
    said = await caller.run(*words, "--lg-env", str(environment), str(suite))
    assert "2 passed" in said


async def test_twister_reads_and_flashes(caller: Caller, tmp_path: Path) -> None:
    words = ("boruta", "twister", caller.request)
    assert "--platform NAME" in await caller.run(*words, status=2)
    text = await caller.run(*words, "--platform", "rpi_4b", "--fixture", "gpio_loopback")
    (entry,) = yaml.safe_load(text)
    assert entry.keys() >= REQUIRED
    for key, value in entry.items():
        assert type(value) is SCHEMA[key], key
    assert (entry["platform"], entry["fixtures"]) == ("rpi_4b", ["gpio_loopback"])
    build = tmp_path / "build"
    (build / "zephyr").mkdir(parents=True)
    (build / "zephyr" / "zephyr.bin").write_bytes(b"zephyr" * 1000)
    seen = asyncio.ensure_future(_first_seen(caller, entry["serial_pty"], b"=> "))
    await caller.run("sh", str(FLASH), "--build-dir", str(build), "--board-id", entry["id"])
    assert b"Simulated boot loader" in await seen
    saved = tmp_path / "saved"
    script = f"boruta ssh {caller.request} -- 'dut save - | head -c 6000' >{saved}"
    await caller.run("sh", "-c", script)
    assert saved.read_bytes() == b"zephyr" * 1000
    assert "is called by Twister" in await caller.run("sh", str(FLASH), status=2)


async def _first_seen(caller: Caller, command: str, wanted: bytes) -> bytes:
    """Run the console's command as Twister does, at a pseudo terminal; return what came."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *command.split(","), stdin=ours, stdout=ours, stderr=ours, env=caller.environment
    )
    seen = b""
    try:
        while wanted not in seen:
            seen += await asyncio.wait_for(asyncio.to_thread(os.read, theirs, 4096), WITHIN)
    finally:
        process.terminate()
        await process.wait()
        os.close(ours)
        os.close(theirs)
    return seen

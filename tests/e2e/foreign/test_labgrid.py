"""Boards of a farm in foreign test suites: labgrid's own, unchanged, and what Twister reads."""

import asyncio
import os
import pty
import re
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from boruta_farm.demo.boards import SANDBOXES
from boruta_farm.demo.farm import DemoFarm, demo_farm
from tests.labgrids import labgrid_python

pytestmark = pytest.mark.prove
SUITE = Path(__file__).with_name("labgrid_suite.py")
ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
STEPS = ROOT / "integrations" / "shell" / "boruta-job.sh"
FLASH = ROOT / "integrations" / "twister" / "boruta-flash"
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
async def guest(tmp_path: Path) -> AsyncIterator[Caller]:
    """Return one on whose farm is a sandbox with a simulated device; boruta is on his PATH."""
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
        yield Caller(farm, environment)


@pytest.fixture
async def caller(guest: Caller) -> AsyncIterator[Caller]:
    """Return one who has the board."""
    wish = ("boruta", "new", "-c", "board=rpi4", "--wait", "60s")
    guest.request = (await guest.run(*wish)).split()[0]
    yield guest
    await guest.run("boruta", "close", guest.request)


async def test_a_labgrid_suite_runs_unchanged(guest: Caller, tmp_path: Path) -> None:
    """By the line of the page, and as a job of GitLab has it."""
    python = labgrid_python()
    program = tmp_path / "bin" / "pytest"
    program.write_text(f'#!/bin/sh\nexec {python} -m pytest -q -p no:cacheprovider "$@"\n')
    program.chmod(0o755)
    # Beside our own tests it would find their settings.
    (tmp_path / "tests").mkdir()
    shutil.copy(SUITE, tmp_path / "tests" / "test_suite.py")
    (line,) = re.findall(
        r"^    (boruta run .*)$", (DOCS / "foreign-suites.md").read_text(), re.MULTILINE
    )
    assert "2 passed" in await guest.run("sh", "-c", f"cd {tmp_path} && {line}")
    (example,) = re.findall(
        r"^    boot test:\n(?:     .*\n)+", (DOCS / "ci.md").read_text(), re.MULTILINE
    )
    variables = yaml.safe_load(dedent(example))["boot test"]["variables"]
    # GitLab writes a dollar for two.
    told = {name: str(value).replace("$$", "$") for name, value in variables.items()}
    guest.environment |= told
    guest.environment["BORUTA_TO"] = "collected"
    said = await guest.run("sh", "-c", f"cd {tmp_path} && sh {STEPS}")
    assert "2 passed" in said
    assert 'failures="0"' in (tmp_path / "collected" / "out.xml").read_text()
    keyfile = tmp_path / "state" / "boruta" / "labgrid" / "2" / "key"
    assert keyfile.stat().st_mode & 0o777 == 0o600


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

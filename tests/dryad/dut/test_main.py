"""What ``dut`` prints, and with which status it ends."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boruta_farm import __version__
from boruta_farm.dryad.dut import call, main
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.launcher import NAMES, write_launchers
from boruta_farm.dryad.main import run
from tests.dryad.tools.benches import Session, served


@pytest.fixture
async def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    """Return a session on a board with tools."""
    async with served(tmp_path, monkeypatch) as made:
        yield made


async def test_alone_it_shows_what_there_is(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await session.dut() == Status.DONE
    assert capsys.readouterr().out == (
        "NAME   KIND    STATE\n"
        "power  power   on, 3.2 W\n"
        "reset  button  -\n"
        "boot   button  -\n"
        "greet  do      -\n"
    )


async def test_power_is_read_and_switched(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await session.dut("power", "state") == Status.DONE
    assert await session.dut("power", "off", "power") == Status.DONE
    assert await session.dut("power") == Status.DONE
    assert capsys.readouterr().out == "on, 3.2 W\noff\n"
    assert await session.dut("power", "cycle", "0s") == Status.DONE
    assert session.lamp.calls == ["off", "off", "on"]


async def test_programs_get_json(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert await session.dut("--json", "power", "state") == Status.DONE
    told = json.loads(capsys.readouterr().out)
    assert told == {"on": True, "watts": 3.25, "words": "on, 3.2 W"}
    assert await session.dut("--json") == Status.DONE
    assert [each["name"] for each in json.loads(capsys.readouterr().out)["tools"]] == [
        *("power", "reset", "boot", "greet")
    ]


async def test_a_name_is_left_out_only_where_there_is_one(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await session.dut("press") == Status.USAGE
    assert "several of the kind button; name one of reset, boot" in capsys.readouterr().err
    assert await session.dut("press", "greet") == Status.USAGE
    assert "'greet' is of the kind do, not of the kind button" in capsys.readouterr().err
    assert await session.dut("press", "x") == Status.USAGE
    assert "no tool 'x', of the kind button only reset, boot" in capsys.readouterr().err
    assert await session.dut("screen", "snap") == Status.USAGE
    assert "no tool of the kind video; dut shows what it has" in capsys.readouterr().err


async def test_do_passes_output_and_status_on(
    session: Session, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert await session.dut("do", "greet", "--all", "people", "here") == 3
    assert capfdbinary.readouterr().out == b"--all people here\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("powr",), "there is no verb 'powr'; known are power, console, boot"),
        (("power", "of"), "'of' is nothing that power does; it does on, off, cycle, state"),
        (("power", "on", "a", "b"), "'b' is one word too many"),
        (("do",), "which one?"),
        (("usb", "export"), "export which device?"),
    ],
)
def test_wrong_usage_is_told(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(words) == Status.USAGE
    said = capsys.readouterr().err
    assert said.startswith("dut: ")
    assert told in said
    assert said.endswith("; see: dut --help\n")


def test_without_tools_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(call.VARIABLE, str(tmp_path / "none.sock"))
    assert main.main([]) == Status.UNREACHABLE
    assert "there is nothing to operate here: this board has no tools" in capsys.readouterr().err


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--help"]) == Status.DONE
    said = capsys.readouterr().out
    assert all(f"  dut {verb} " in said for verb in main.VERBS)
    assert max(map(len, said.splitlines())) <= 100
    assert main.main(["--version"]) == Status.DONE
    assert capsys.readouterr().out == f"dut version {__version__}\n"


async def test_its_launcher_starts_at_once(session: Session, tmp_path: Path) -> None:
    write_launchers(tmp_path / "bin")
    dut = str(tmp_path / "bin" / "dut")
    environment = {call.VARIABLE: str(session.door.path), "PATH": os.environ["PATH"]}

    def start() -> bytes:
        return subprocess.run(
            (dut, "power"), capture_output=True, check=True, env=environment
        ).stdout

    before = os.times()
    assert await asyncio.to_thread(start) == b"on, 3.2 W\n"
    after = os.times()
    # Of the processor's time: the machine may be busy with other things.
    spent = after.children_user + after.children_system
    assert spent - before.children_user - before.children_system < 0.3


def test_it_imports_little() -> None:
    probe = "import sys, boruta_farm.dryad.dut.power; print(*sys.modules)"
    done = subprocess.run((sys.executable, "-c", probe), capture_output=True, check=True)
    assert {"asyncio", "httpx", "argparse", "typer"}.isdisjoint(done.stdout.decode().split())


def test_commands_are_written_beside_strangers_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert run(["commands", str(tmp_path)]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names == set(NAMES)
    assert capsys.readouterr().out.startswith(f"{tmp_path}: dut, stm, fota, dut_boot.sh, ")
    (tmp_path / "fota").write_text("#!/bin/sh\n# a lab's own\n")
    assert run(["commands", str(tmp_path)]) == 1
    assert "fota is not a command of this agent's" in capsys.readouterr().err
    assert "a lab's own" in (tmp_path / "fota").read_text()

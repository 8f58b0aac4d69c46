"""Boards by the server's own port: ssh, copies and forwarded ports, with the real OpenSSH."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from boruta_farm.client.session import borrow
from boruta_farm.testing import LocalFarm, farm
from tests.ports import free_port

pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(not shutil.which("ssh"), reason="openssh-client is missing"),
]


@pytest.fixture(scope="module")
def walled() -> Iterator[LocalFarm]:
    """Run a farm whose users and tokens count, and whose tunnels nobody reaches from outside."""
    with farm(users=True, settings={"tunnel_address": "127.0.0.1"}) as running:
        yield running


class Shell:
    """Run the command line in a home of its own."""

    def __init__(self, running: LocalFarm, home: Path) -> None:
        self.environment: Mapping[str, str] = {
            **os.environ,
            **running.environment,
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }

    def __call__(self, *words: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "-m", "boruta_farm.cli", *words],
            env=self.environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done


@pytest.fixture
def shell(walled: LocalFarm, tmp_path: Path) -> Shell:
    return Shell(walled, tmp_path)


def test_commands_copies_and_plain_ssh_need_no_other_port(shell: Shell, tmp_path: Path) -> None:
    done = shell("run", "rpi4", "--via", "https", "--fetch", "out", "--to", str(tmp_path), "--",
                 "echo made > out; echo $BORUTA_NOTHING said")  # fmt: skip
    assert done.stdout.split() == ["said"]
    assert (tmp_path / "out").read_text() == "made\n"
    number = shell("-o", "ids", "new", "rpi4", "--wait", "60s").stdout.strip()
    try:
        (tmp_path / "here").write_text("sent")
        shell("cp", "--via", "https", str(tmp_path / "here"), f"{number}:there")
        done = shell("ssh", number, "--via", "https", "--", "cat there; exit 3", status=3)
        assert done.stdout == "sent"
        saved = tmp_path / "saved"
        shell("acquire", number, "--via", "https", "--save", str(saved))
        plain = subprocess.run(
            ["ssh", "-F", str(saved / "config"), f"boruta-{number}", "cat there"],
            env=shell.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert plain.stdout == "sent", plain.stderr
        told = shell("proxy", "--host-key", f"r{number}.farm").stdout
        assert told.split()[0] == f"r{number}.farm"
        assert told.split()[1:] == (saved / "known_hosts").read_text().split()[1:]
    finally:
        shell("close", number)
    done = shell("proxy", number, status=1)
    assert "boruta: " in done.stderr


def test_the_python_client_finds_the_way_by_itself(
    walled: LocalFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with borrow("rpi4", config=walled.config, via="https") as lease:
        assert lease.run("echo by https", check=True).stdout == "by https\n"
        with lease.forward(lease.access.port, local=free_port()) as port:
            assert port
    with borrow("rpi4", config=walled.config) as lease:
        assert lease.run("echo by itself", check=True).stdout == "by itself\n"


def test_the_end_of_the_job_cuts_what_runs(shell: Shell, walled: LocalFarm) -> None:
    number = shell("-o", "ids", "new", "rpi4", "--wait", "60s").stdout.strip()

    async def main() -> tuple[int | None, bytes]:
        words = [sys.executable, "-m", "boruta_farm.cli", "ssh", number, "--via", "https", "--",
                 "echo here; sleep 600"]  # fmt: skip
        pipe = asyncio.subprocess.PIPE
        running = await asyncio.create_subprocess_exec(
            *words, env=shell.environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe, stderr=pipe,
        )  # fmt: skip
        assert running.stdout is not None
        assert await asyncio.wait_for(running.stdout.readline(), 60) == b"here\n"
        await asyncio.to_thread(shell, "close", number)
        _, complaints = await asyncio.wait_for(running.communicate(), 60)
        return running.returncode, complaints

    status, complaints = asyncio.run(main())
    assert status == 255
    assert b"the job is over" in complaints

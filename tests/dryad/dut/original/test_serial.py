"""A device without a network, commanded at its console: a login and a shell at a real terminal."""

import asyncio
import os
import pty
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest

from boruta_farm.dryad.dut.call import VARIABLE
from boruta_farm.dryad.dut.launcher import write_launchers
from tests.dryad.tools.console.lines import Wired, wired

GETTY = """
import getpass, os, sys
while True:
    user = input("device login: ")
    if user and getpass.getpass("Password: ") == "tizen":
        break
    print("Login incorrect")
os.environ["PS1"] = "root@device:~# "
os.execvp("sh", ["sh", "-i"])
"""
Run = Callable[[str], Coroutine[None, None, tuple[int, bytes, str]]]


def _carry(source: int, sink: int) -> None:
    try:
        while data := os.read(source, 4096):
            os.write(sink, data)
    except OSError:
        return  # The line is cut at the end of the test.


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Run]:
    """Return a way to run a line in a session whose device has a getty at its console."""
    (tmp_path / "home").mkdir()
    write_launchers(tmp_path / "bin")
    async with wired(tmp_path) as board:
        ours, theirs = pty.openpty()
        getty = subprocess.Popen(  # noqa: ASYNC220
            (sys.executable, "-c", GETTY),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_control,
        )
        os.close(theirs)
        line = board.device._end
        for way in ((line, ours), (ours, line)):
            threading.Thread(target=_carry, args=way, daemon=True).start()
        try:
            yield lambda words: _run(board, tmp_path, words)
        finally:
            getty.kill()
            getty.wait()
            os.close(ours)


def _control() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def _run(board: Wired, folder: Path, words: str) -> tuple[int, bytes, str]:
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", words),
        cwd=folder / "home",
        env={
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            VARIABLE: str(board.door.path),
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaints = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output, complaints.decode()


async def test_login_commands_and_copies(session: Run, tmp_path: Path) -> None:
    status, _, said = await session("dut_login.sh root wrong")
    assert (status, "lets root not in: wrong password" in said) == (1, True)
    assert await session("dut_login.sh root tizen") == (0, b"", "")
    assert await session("dut_exec.sh printf \"'a\\\\n#'\"") == (0, b"a\n#", "")
    assert await session("dut_exec.sh exit 7") == (0, b"", "")
    content = bytes(range(256)) * 20
    (tmp_path / "home" / "there").write_bytes(content)
    place = tmp_path / "on the device"
    assert await session(f"dut_copyto.sh there '{place}'") == (0, b"", "")
    assert place.read_bytes() == content
    assert await session(f"dut_copyfrom.sh '{place}' back") == (0, b"", "")
    assert (tmp_path / "home" / "back").read_bytes() == content
    status, _, said = await session("dut_copyfrom.sh /none back")
    assert (status, "/none is not on the device" in said) == (1, True)

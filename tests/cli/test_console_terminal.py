"""``boruta console`` at a terminal: keys go to the device, ``~`` is for us, and it ends well."""

import asyncio
import os
import pty
import shutil
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from boruta_farm.testing import LocalFarm

WITHIN = 60.0
pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(shutil.which("ssh") is None, reason="openssh-client is missing"),
]


class Person:
    """Sit at a terminal in which one command runs."""

    def __init__(self, terminal: int, process: asyncio.subprocess.Process) -> None:
        self._terminal = terminal
        self._process = process
        self.seen = b""

    async def see(self, text: bytes) -> bytes:
        """Wait for a text; return all up to its end, what was seen before left out."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._terminal, ready.set)
        try:
            async with asyncio.timeout(WITHIN):
                while text not in self.seen:
                    await ready.wait()
                    ready.clear()
                    self.seen += os.read(self._terminal, 4096)
        except (TimeoutError, OSError):
            pytest.fail(f"{text!r} did not come after {self.seen!r}")
        finally:
            loop.remove_reader(self._terminal)
        before, found, self.seen = self.seen.partition(text)
        return before + found

    def type(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    async def leave(self) -> int:
        return await asyncio.wait_for(self._process.wait(), WITHIN)


@asynccontextmanager
async def sitting(*words: str) -> AsyncIterator[tuple[Person, int]]:
    """Run the command in a terminal of its own for the block; yield it with its other end."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *("setsid", "--ctty", "--wait"),
        *(sys.executable, "-m", "boruta_farm.cli", *words),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    try:
        yield Person(ours, process), theirs
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        os.close(ours)
        os.close(theirs)


async def test_a_person_types_cycles_the_power_and_leaves(local_farm: LocalFarm) -> None:
    async with sitting("console", "board=rpi4") as (person, terminal):
        before = termios.tcgetattr(terminal)
        await person.see(b"~?")
        person.type(b"~p")
        booted = await person.see(b"=> ")
        assert b"power cycled" in booted
        assert b"Simulated boot loader" in booted
        person.type(b"ver~sion\x7f\r")
        assert b"ver~sion" in await person.see(b"Unknown command 'ver~sio'")
        person.type(b"version\r")
        await person.see(b"a simulated boot loader of")
        await person.see(b"=> ")
        person.type(b"\r~.")
        assert await person.leave() == 0
        assert termios.tcgetattr(terminal) == before
    await asyncio.to_thread(local_farm.settle)


async def test_ctrl_c_is_the_devices(local_farm: LocalFarm) -> None:
    async with sitting("console", "board=rpi4") as (person, _):
        await person.see(b"~?")
        person.type(b"~p")
        await person.see(b"=> ")
        person.type(b"\x03\x04still here\r")
        await person.see(b"still here")
        person.type(b"~.")
        assert await person.leave() == 0
    await asyncio.to_thread(local_farm.settle)

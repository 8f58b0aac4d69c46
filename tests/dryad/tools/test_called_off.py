"""An act that is called off once more while it leaves has let go all the same."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from boruta_farm.dryad.tools.acts.console import CONSOLE
from boruta_farm.dryad.tools.acts.net import NET
from boruta_farm.dryad.tools.kind import ToolKind
from tests.dryad.tools.console.lines import Wired, wired


class Lingering:
    """A call whose caller says nothing, and whom it takes a while to stop listening to."""

    def __init__(self, **arguments: object) -> None:
        self.arguments: Mapping[str, object] = arguments
        self.begun = asyncio.Event()
        self.leaving = asyncio.Event()

    def check(self) -> None:
        """Let the job run on."""

    def take_descriptor(self) -> int:
        """Have no file."""
        return -1

    async def send(self, data: bytes) -> None:
        """Take anything."""

    async def note(self, **words: object) -> None:
        """Take anything."""

    async def receive(self) -> bytes:
        """Stay until called off twice."""
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.leaving.set()
            await asyncio.Event().wait()
        return b""


class Device:
    """A network with one port, whose connection the test sees."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._streams = reader, writer

    def ports(self) -> Mapping[str, str]:
        """Return the one."""
        return {"ssh": "127.0.0.1:22"}

    async def connect(self, port: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return the connection."""
        return self._streams

    async def publish(self, name: str, content: AsyncIterator[bytes]) -> str:
        """Serve nothing."""
        raise NotImplementedError

    async def withdraw(self) -> tuple[str, ...]:
        """Serve nothing."""
        return ()


def perform(kind: ToolKind, verb: str) -> Callable[..., Awaitable[Mapping[str, object]]]:
    """Return how an act of a kind is done."""
    (act,) = (each for each in kind.acts if each.verb == verb)
    return act.perform


async def call_off_twice(act: Awaitable[Mapping[str, object]], call: Lingering) -> None:
    """Call an act off, and once more in the middle of its leaving."""
    task = asyncio.ensure_future(act)
    async with asyncio.timeout(10):
        await call.begun.wait()
        task.cancel()
        await call.leaving.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_connection_to_the_device_is_closed() -> None:
    gone = asyncio.Event()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    call = Lingering(port="ssh")
    await call_off_twice(perform(NET, "connect")(Device(reader, writer), None, call), call)
    assert writer.is_closing()
    await asyncio.wait_for(gone.wait(), 10)
    server.close()
    await server.wait_closed()


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[Wired]:
    """Hold a console."""
    async with wired(tmp_path) as made:
        yield made


async def test_a_console_is_left(board: Wired) -> None:
    call = Lingering(write=True)
    await call_off_twice(perform(CONSOLE, "attach")(board.tool, None, call), call)
    assert board.tool.desk.words() == "open, nobody sees it"

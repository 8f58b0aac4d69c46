"""Terminals that another process keeps: who comes back to them, by way of another server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from boruta_farm.contracts import Requests
from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.errors import TerminalError
from boruta_farm.model.front_door import TERMINAL
from boruta_farm.model.worker import AccessInfo
from boruta_farm.terminals.keeper import AskedTerminal, TerminalKeeper
from boruta_farm.terminals.lending import lend
from boruta_farm.terminals.line import LONGEST, TOLD, TerminalLine
from boruta_farm.terminals.sessions import BoardSessions
from boruta_farm.terminals.terminals import BoardTerminals
from boruta_farm.terminals.viewing import TerminalView
from tests.client.board import reachable_board
from tests.terminals.test_terminals import BOB, Lent

SHELL = AskedTerminal(kind="shell")


class Keeping:
    """A process that keeps terminals, as the front door does, at a socket of a folder."""

    def __init__(self, socket: Path) -> None:
        self.keeper = TerminalKeeper(BoardSessions())
        self._socket = socket
        self._viewers: set[asyncio.StreamWriter] = set()

    async def line(self) -> TerminalLine:
        """Return a line to it."""
        return TerminalLine(*await asyncio.open_unix_connection(self._socket))

    def cut(self) -> None:
        """Hang up on all viewers, as when this process ends."""
        for viewer in self._viewers:
            viewer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one line."""
        self._viewers.add(writer)
        word, _, wanted = (await reader.readline()).decode().partition(" ")
        assert word == TERMINAL
        try:
            await lend(self.keeper, TerminalLine(reader, writer), wanted)
        except ConnectionError:
            pass
        finally:
            self._viewers.discard(writer)
            writer.close()


@pytest.fixture
async def keeping(tmp_path: Path) -> AsyncIterator[Keeping]:
    keeping = Keeping(tmp_path / "keeping.sock")
    serving = await asyncio.start_unix_server(keeping.answer, tmp_path / "keeping.sock")
    yield keeping
    serving.close()
    await keeping.keeper.close()


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessInfo]:
    with reachable_board(tmp_path_factory.mktemp("board") / "box") as (access, _):
        yield access


@asynccontextmanager
async def viewed(
    board: AccessInfo,
    keeping: Keeping,
    position: int | None = None,
    *,
    types: bool = True,
    caller: Caller = LOCAL_ADMIN,
) -> AsyncIterator[TerminalView]:
    """Look on by way of a server that has just been started."""
    server = BoardTerminals(cast("Requests", Lent(board)), "127.0.0.1", elsewhere=keeping.line)
    async with server.view(caller, 1, SHELL, position=position, types=types) as view:
        yield view
    await server.close()


async def until(view: TerminalView, words: bytes) -> tuple[int, bytes]:
    """Return what is said until some words have come, and the position after it."""
    said = b""
    async with asyncio.timeout(20):
        while words not in said:
            at, data = await view.next()
            assert data, f"it ended: {said!r}"
            said += data
            view.acknowledge(at + len(data))
    return at + len(data), said


async def test_a_terminal_outlives_the_server_and_nothing_that_it_says_is_lost(
    board: AccessInfo, keeping: Keeping, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    async with viewed(board, keeping) as view:
        assert view.begins == 0
        view.resize(97, 31)
        await view.write(
            f"stty size; kept=41; until [ -e {go} ]; do sleep 0.05; done; "
            "for n in 1 2 3; do echo meanwhile-$((n+1)); done\n".encode()
        )
        position, _ = await until(view, b"31 97")
    go.touch()
    async with viewed(board, keeping, position) as view:
        assert view.begins == position
        _, said = await until(view, b"meanwhile-4")
        assert b"meanwhile-2\r\nmeanwhile-3" in said
        await view.write(b"echo back-$((kept+1))\n")
        await until(view, b"back-42")
    assert keeping.keeper.running == 1


async def test_the_end_of_the_program_is_told_with_its_status(
    board: AccessInfo, keeping: Keeping
) -> None:
    async with viewed(board, keeping) as view:
        await view.write(b"exit 7\n")
        async with asyncio.timeout(20):
            while True:
                at, data = await view.next()
                view.acknowledge(at + len(data))
                if not data:
                    break
        assert view.status == 7


async def test_who_has_no_key_joins_and_never_starts(board: AccessInfo, keeping: Keeping) -> None:
    with pytest.raises(TerminalError, match="no key of the farm's"):
        async with viewed(board, keeping, caller=BOB):
            pass
    async with viewed(board, keeping) as view:
        await view.write(b"echo shown-$((1+1))\n")
        await until(view, b"shown-2")
        async with viewed(board, keeping, types=False, caller=BOB) as other:
            await until(other, b"shown-2")


async def test_who_records_is_marked_for_everybody(board: AccessInfo, keeping: Keeping) -> None:
    async with viewed(board, keeping) as view, viewed(board, keeping, types=False) as other:
        works = [asyncio.create_task(until(one, b"never")) for one in (view, other)]
        async with asyncio.timeout(20):
            other.record(True)
            assert await view.recorders(0) == await other.recorders(0) == 1
            view.record(True)
            assert await other.recorders(1) == 2
            other.record(False)
            assert await other.recorders(2) == 1
            async with viewed(board, keeping, types=False) as third:
                works.append(asyncio.create_task(until(third, b"never")))
                assert await third.recorders(0) == 1, "who comes later is told, too"
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)


async def test_the_end_of_the_other_process_is_no_end_of_the_program(
    board: AccessInfo, keeping: Keeping
) -> None:
    async with viewed(board, keeping) as view:
        await view.write(b"echo here-$((1+1))\n")
        await until(view, b"here-2")
        keeping.cut()
        with pytest.raises(ConnectionError):
            await until(view, b"never")


async def test_where_no_process_keeps_terminals_the_server_does(board: AccessInfo) -> None:
    async def nowhere() -> None:
        return None

    server = BoardTerminals(cast("Requests", Lent(board)), "127.0.0.1", elsewhere=nowhere)
    async with server.view(LOCAL_ADMIN, 1, SHELL, position=None, types=True) as view:
        await view.write(b"echo local-$((1+1))\n")
        await until(view, b"local-2")
    await server.close()


async def test_a_terminal_that_runs_here_is_not_looked_for_elsewhere(
    board: AccessInfo, keeping: Keeping
) -> None:
    lines: list[TerminalLine] = []

    async def later() -> TerminalLine | None:
        if not lines:
            lines.append(await keeping.line())
            return None
        return await keeping.line()

    server = BoardTerminals(cast("Requests", Lent(board)), "127.0.0.1", elsewhere=later)
    for _ in range(2):
        async with server.view(LOCAL_ADMIN, 1, SHELL, position=None, types=True) as view:
            await view.write(b"echo mine-$((1+1))\n")
            await until(view, b"mine-2")
    assert keeping.keeper.running == 0
    lines[0].close()
    await server.close()


async def test_a_frame_that_is_too_long_is_not_read() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(TOLD + (LONGEST + 1).to_bytes(4))
    line = TerminalLine(reader, cast("asyncio.StreamWriter", None))
    with pytest.raises(ConnectionAbortedError, match="a frame of"):
        await line.take()

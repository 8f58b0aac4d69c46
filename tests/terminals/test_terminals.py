"""Terminals on a board that is really reached by ssh: a sandbox, and the job's key."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from boruta_farm.contracts import Requests
from boruta_farm.model.caller import LOCAL_ADMIN, Caller, Role
from boruta_farm.model.errors import (
    DeviceCallError,
    ForbiddenError,
    TerminalError,
    WorkerNotAssignedError,
)
from boruta_farm.model.worker import AccessInfo
from boruta_farm.terminals.keeper import PER_REQUEST, AskedTerminal
from boruta_farm.terminals.terminal import PIECE, BoardTerminal
from boruta_farm.terminals.terminals import BoardTerminals
from tests.client.board import reachable_board

BOB = Caller(id="bob", name="bob", groups=frozenset({"guests"}), role=Role.USER)


class Lent:
    """Hand out one board's access, for request 1 alone; without its key to others."""

    def __init__(self, access: AccessInfo) -> None:
        self.access = access

    async def acquire_worker(
        self, caller: Caller, request_id: int, _wait: timedelta | None = None
    ) -> AccessInfo:
        if request_id != 1:
            raise WorkerNotAssignedError
        return self.access if caller is LOCAL_ADMIN else replace(self.access, key="")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessInfo]:
    with reachable_board(tmp_path_factory.mktemp("board") / "box") as (access, _):
        yield access


@pytest.fixture
async def terminals(board: AccessInfo) -> AsyncIterator[BoardTerminals]:
    opened = BoardTerminals(cast("Requests", Lent(board)), "0.0.0.0")
    yield opened
    await opened.close()


async def until(terminal: BoardTerminal, words: bytes, position: int = 0) -> bytes:
    """Return what a terminal says from a position on until it has said some words."""
    reader = terminal.join(position, types=True)
    said = b""
    async with asyncio.timeout(20):
        while words not in said:
            at, data = await terminal.output.next(reader, PIECE)
            assert data, f"it ended: {said!r}"
            said += data
            terminal.output.acknowledge(reader, at + len(data))
    terminal.output.part(reader)
    return said


async def test_what_is_typed_is_answered_and_outlives_who_looked_on(
    terminals: BoardTerminals,
) -> None:
    terminal = await terminals.open(
        LOCAL_ADMIN, 1, AskedTerminal(kind="shell", columns=99, rows=33)
    )
    await terminal.write("stty size; echo gr\u00fc\u00df-$((6*7))\n".encode())
    said = await until(terminal, "gr\u00fc\u00df-42".encode())
    assert b"33 99" in said
    terminal.resize(120, 40)
    await terminal.write(b"stty size; cd /; echo moved-$PWD.\n")
    await until(terminal, b"moved-/.", terminal.output.end)
    again = await terminals.open(LOCAL_ADMIN, 1, AskedTerminal(kind="shell"))
    assert again is terminal
    assert b"40 120" in await until(again, b"moved-/.")


async def test_ctrl_c_is_answered_at_once_during_a_flood(terminals: BoardTerminals) -> None:
    terminal = await terminals.open(LOCAL_ADMIN, 1, AskedTerminal(kind="shell"))
    await terminal.write(b"yes\n")
    await until(terminal, b"y\r\ny\r\ny\r\n")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await terminal.write(b"\x03")
    await terminal.write(b"echo over-$((1+1))\n")
    await until(terminal, b"over-2", terminal.output.end)
    assert loop.time() - begun < 2, "half a second on a machine that does nothing else"


async def test_a_program_that_ends_leaves_its_status_and_a_new_one_starts(
    terminals: BoardTerminals,
) -> None:
    terminal = await terminals.open(LOCAL_ADMIN, 1, AskedTerminal(kind="shell"))
    await terminal.write(b"exit 3\n")
    reader = terminal.join(None, types=True)
    async with asyncio.timeout(20):
        while (found := await terminal.output.next(reader, PIECE))[1]:
            terminal.output.acknowledge(reader, found[0] + len(found[1]))
    assert terminal.status == 3
    fresh = await terminals.open(LOCAL_ADMIN, 1, AskedTerminal(kind="shell"))
    assert fresh is not terminal


async def test_one_without_the_key_joins_and_never_starts(terminals: BoardTerminals) -> None:
    with pytest.raises(TerminalError, match="no key of the farm's"):
        await terminals.open(BOB, 1, AskedTerminal(kind="shell"))
    terminal = await terminals.open(LOCAL_ADMIN, 1, AskedTerminal(kind="shell"))
    assert await terminals.open(BOB, 1, AskedTerminal(kind="shell")) is terminal


async def test_a_request_that_runs_not_has_none(terminals: BoardTerminals) -> None:
    with pytest.raises(WorkerNotAssignedError):
        await terminals.open(LOCAL_ADMIN, 2, AskedTerminal(kind="shell"))


async def test_a_request_has_only_so_many(terminals: BoardTerminals) -> None:
    for number in range(PER_REQUEST):
        await terminals.open(LOCAL_ADMIN, 1, AskedTerminal(kind="shell", number=str(number)))
    with pytest.raises(TerminalError, match="close one"):
        await terminals.open(LOCAL_ADMIN, 1, AskedTerminal(kind="shell", number="one more"))


@pytest.mark.parametrize("name", ["$(id)", "a b", "-x", "a;b", "x" * 65])
async def test_a_name_is_never_a_part_of_a_line(terminals: BoardTerminals, name: str) -> None:
    with pytest.raises(DeviceCallError, match="no name of a console"):
        await terminals.open(LOCAL_ADMIN, 1, AskedTerminal(kind="console", name=name))


async def test_acts_are_of_known_verbs_and_their_words_stay_words(
    terminals: BoardTerminals,
) -> None:
    with pytest.raises(DeviceCallError, match="type it in a terminal"):
        await terminals.operate(LOCAL_ADMIN, 1, ("console",))
    done = await terminals.operate(LOCAL_ADMIN, 1, ("power", "on; echo $((6*7))"))
    assert done.status != 0
    assert "42" not in done.output


@pytest.mark.parametrize("words", [("watch",), ("snap", "/tmp/file"), ("snap", "-"), ()])
async def test_of_a_screen_one_picture_is_taken_and_nothing_else(
    terminals: BoardTerminals, words: tuple[str, ...]
) -> None:
    with pytest.raises(DeviceCallError, match="one picture is taken"):
        await terminals.operate(LOCAL_ADMIN, 1, ("screen", *words))


async def test_another_board_behind_the_address_is_refused(board: AccessInfo) -> None:
    other = replace(board, host_key="ssh-ed25519 " + "A" * 68)
    terminals = BoardTerminals(cast("Requests", Lent(other)), "127.0.0.1")
    with pytest.raises(TerminalError, match="cannot be reached"):
        await terminals.open(LOCAL_ADMIN, 1, AskedTerminal(kind="shell"))
    await terminals.close()


async def test_a_group_may_be_left_out(board: AccessInfo) -> None:
    terminals = BoardTerminals(
        cast("Requests", Lent(board)), "127.0.0.1", forbidden_groups=frozenset({"guests"})
    )
    with pytest.raises(ForbiddenError, match="group guests has no terminals"):
        await terminals.open(BOB, 1, AskedTerminal(kind="shell"))
    await terminals.close()

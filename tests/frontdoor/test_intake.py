"""What comes in is handed on whole and in order, in slices, and before a sign-in only so much."""

import asyncio
from typing import cast

from boruta_farm.frontdoor.intake import MOST_BEFORE, SLICE, SLICE_BEFORE, Intake


class Line:
    """Be a transport that notes whether it is read."""

    def __init__(self) -> None:
        self.protocol: object = None
        self.reads = True
        self.closed = False

    def set_protocol(self, protocol: object) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def is_closing(self) -> bool:
        return self.closed


class Library(asyncio.Protocol):
    """Note what it is handed."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.lost = 0

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost += 1


class Case:
    """One intake, and what it does."""

    def __init__(self) -> None:
        self.line, self.library, self.refused = Line(), Library(), 0
        self.intake = Intake(cast("asyncio.Transport", self.line), self.library, self._too_much)
        assert self.line.protocol is self.intake

    def _too_much(self) -> None:
        self.refused += 1


async def test_what_is_much_is_handed_on_in_turns_while_nothing_is_read() -> None:
    for signed_in, size in ((False, SLICE_BEFORE), (True, SLICE)):
        case = Case()
        case.intake.signed_in = signed_in
        data = bytes(range(256)) * (5 * size // 512)
        case.intake.data_received(data)
        assert (len(case.library.pieces), case.line.reads) == (1, False)
        await asyncio.sleep(0)
        assert (len(case.library.pieces), case.line.reads) == (2, False)
        await asyncio.sleep(0)
        assert case.line.reads
        assert [len(piece) for piece in case.library.pieces] == [size, size, size // 2]
        assert b"".join(case.library.pieces) == data


async def test_before_a_sign_in_only_so_much_comes() -> None:
    case = Case()
    for _ in range(MOST_BEFORE // SLICE_BEFORE):
        case.intake.data_received(b"x" * SLICE_BEFORE)
    assert case.refused == 0
    case.intake.data_received(b"x")
    assert case.refused == 1
    assert sum(map(len, case.library.pieces)) == MOST_BEFORE


async def test_after_it_as_much_as_he_likes() -> None:
    case = Case()
    case.intake.signed_in = True
    for _ in range(2 * MOST_BEFORE // 1024):
        case.intake.data_received(b"x" * 1024)
    assert (case.refused, sum(map(len, case.library.pieces))) == (0, 2 * MOST_BEFORE)


async def test_who_has_gone_has_nothing_handed_on_any_more() -> None:
    case = Case()
    case.intake.data_received(b"x" * 3 * SLICE_BEFORE)
    case.line.closed = True
    case.intake.connection_lost(None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (len(case.library.pieces), case.library.lost, case.line.reads) == (1, 1, False)

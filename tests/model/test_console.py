"""Pieces of a console are kept as bytes, and nothing else is taken for them."""

import pytest

from boruta_farm.model.console import ConsoleEvent, ConsolePiece, pack_pieces, unpack_pieces

PIECES = (
    ConsolePiece(at=1_800_000_000_000_000, event=ConsoleEvent.BYTES, data=b"U-Boot\xff\x00"),
    ConsolePiece(at=1_800_000_000_000_001, event=ConsoleEvent.VANISHED, data=b""),
)


def test_pieces_come_back_as_they_were() -> None:
    assert tuple(unpack_pieces(pack_pieces(PIECES))) == PIECES
    assert tuple(unpack_pieces(b"")) == ()


@pytest.mark.parametrize(
    "packed", [b"x", pack_pieces(PIECES)[:-1], pack_pieces(PIECES)[:20], b"\x00" * 8 + b"\x07" * 9]
)
def test_anything_else_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="of a console"):
        list(unpack_pieces(packed))

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.dryad.stm.display import Piece, check_inside, lay_out, printable
from boruta_farm.dryad.stm.errors import ArgumentError
from boruta_farm.dryad.stm.reply import is_sendable


@given(st.integers(0, 128), st.integers(0, 2), st.text(max_size=40))
def test_no_text_leaves_the_display_or_the_command(x: int, y: int, text: str) -> None:
    row = [" "] * 40
    for piece in lay_out(x, y, text):
        assert is_sendable(f"text {piece.x} {y} clean {piece.text}")
        assert piece.x + 8 * len(piece.text) <= 128
        assert (piece.x - x) % 8 == 0
        column = (piece.x - x) // 8
        row[column : column + len(piece.text)] = piece.text
    # Put together, the pieces show what was meant, blanks and all.
    assert "".join(row).rstrip() == printable(text)[: (128 - x) // 8].rstrip()


@pytest.mark.parametrize(
    ("x", "text", "pieces"),
    [
        (0, "maintenance", [(0, "maintenance")]),
        (0, "seventeen letters", [(0, "seventeen letter")]),
        (112, "abc", [(112, "ab")]),
        (120, "abc", [(120, "a")]),
        (121, "abc", []),
        (0, "", []),
        (0, "   ", []),
        (0, "a  b", [(0, "a"), (24, "b")]),
        (0, " a", [(8, "a")]),
        (0, "1 2 3 4 5 6 7 8", [(0, "1 2 3 4 5 6"), (96, "7 8")]),
        (0, "off\npower off", [(0, "off power off")]),
        (0, "Gerät\x00\x7f", [(0, "Ger?t??")]),
    ],
)
def test_texts_are_cut(x: int, text: str, pieces: list[tuple[int, str]]) -> None:
    assert lay_out(x, 0, text) == tuple(Piece(x=at, text=part) for at, part in pieces)


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (129, 0), (0, -1), (0, 3), (2**32, 2**64 - 1)])
def test_places_outside_are_refused(x: int, y: int) -> None:
    with pytest.raises(ArgumentError, match="the text's"):
        lay_out(x, y, "text")


def test_pixels_are_inside_or_refused() -> None:
    check_inside((0, 0), (127, 31))
    for point in ((-1, 0), (128, 0), (0, -1), (0, 32)):
        with pytest.raises(ArgumentError):
            check_inside((0, 0), point)

"""Canonical forms and contradictions."""

from collections.abc import Callable
from functools import partial

import pytest

from boruta_farm.model.errors import SelectorError
from boruta_farm.selectors.selector import check_exact, parse
from tests.counting import steps


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (
            "board in (rpi3, rpi4), ram >= 2, voltage 2.9..3.6, serial has 115200, !broken,"
            " arch != x86",
            "arch != x86, board in (rpi3, rpi4), !broken, ram >= 2, serial has 115200,"
            " voltage 2.9..3.6",
        ),
        ("b,a", "a, b"),
        ("a,a", "a"),
        ("a in (x)", "a = x"),
        ("a not in (x)", "a != x"),
        ("a != x, a != w", "a not in (w, x)"),
        ("a, a = x", "a = x"),
        ("a in (x, y, z), a != y", "a in (x, z)"),
        ("a in (1, 2, 3), a >= 2", "a in (2, 3)"),
        ('a in ("1,2", "2,3"), a has 3', 'a = "2,3"'),
        ("a, a != x", "a, a != x"),
        ("!a, a != x", "!a"),
        ("a >= 2.0, a <= 04", "a 2..4"),
        ("a >= 1, a >= 2, a > 2", "a > 2"),
        ("a > 2, a 1..9, a < 9", "a > 2, a < 9"),
        ("a >= 2, a <= 2", "a 2..2"),
        ("a >= 2, a != x, a != 1, a != 3", "a >= 2, a != 3"),
        ("a >= -0.0", "a >= 0"),
        ("a has x, a has y, a", "a has x, a has y"),
        ("a has 5, a >= 1", "a >= 1, a has 5"),
        ('"a" = "b"', "a = b"),
        ('a = "x y"', 'a = "x y"'),
        ('a = "1..2"', 'a = "1..2"'),
    ],
)
def test_canonical_form(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical
    assert parse(canonical) == parse(text)


@pytest.mark.parametrize(
    ("text", "column", "against"),
    [
        ("a = x, a = y", 8, "'a = x' at column 1"),
        ("b, a, !a", 7, "'a' at column 4"),
        ("!a, a has x", 5, "'!a' at column 1"),
        ("a >= 3, b, a < 3", 12, "'a >= 3' at column 1"),
        ("a > 3, a <= 3", 8, "'a > 3' at column 1"),
        ("a 1..2, a 3..4", 9, "'a 1..2' at column 1"),
        ("a = x, a >= 1", 8, "'a = x' at column 1"),
        ("a has x, a >= 1", 10, "'a has x' at column 1"),
        ("a in (x, y), a != x, a != y", 22, "what stands before it about 'a'"),
        ("a has 1, a has 2, a >= 1", 19, "what stands before it about 'a'"),
    ],
)
def test_a_contradiction_is_told_with_both_places(text: str, column: int, against: str) -> None:
    with pytest.raises(SelectorError) as caught:
        parse(text)
    assert caught.value.column == column
    assert f"contradicts {against}: no board can meet both" in caught.value.message


def test_a_selector_may_not_contradict_exact_capabilities() -> None:
    caps = {"arch": "x86", "ram": "4"}
    check_exact("ram >= 2, arch != arm, !broken", caps)
    with pytest.raises(SelectorError) as caught:
        check_exact("ram >= 2, arch != x86", caps)
    assert caught.value.column == 11
    assert "contradicts Caps, which ask for arch=x86" in caught.value.message


def _many(form: str, most: int) -> str:
    return ", ".join(form.format(n) for n in range(most))


GROWING: dict[str, Callable[[int], str]] = {
    "values": lambda n: f"a in ({_many('v{}', n)})",
    "two sets": lambda n: f"a in ({_many('v{}', n)}), a in ({_many('v{}', n)})",
    "set and refused": lambda n: f"a in ({_many('v{}', n)}), a not in ({_many('w{}', n)})",
    "refused one by one": lambda n: _many("a != v{}", n),
    "elements": lambda n: _many("a has v{}", n),
    "elements and values": lambda n: f"{_many('a has v{}', n)}, a in ({_many('v{}', n)})",
    "ranges": lambda n: _many("a >= {}", n),
    "names": lambda n: _many("n{} = 1", n),
    "contradiction at the end": lambda n: f"{_many('a != v{}', n)}, a in ({_many('v{}', n)})",
    "all contradict": lambda n: _many("a = v{}", n),
}


@pytest.mark.parametrize("form", GROWING)
def test_work_grows_with_the_length_and_not_with_its_square(form: str) -> None:
    once, ten_times = (
        steps(partial(lambda text: str(parse.__wrapped__(text)), GROWING[form](n)))
        for n in (100, 1000)
    )
    assert ten_times < 16 * once

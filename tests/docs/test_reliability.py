"""The page on reliability names tests that are there, and every way to break a farm."""

import re
from pathlib import Path

from tests.faults.__main__ import KINDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_the_tests_that_it_names_are_there() -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", PAGE)
    assert len(named) > 10
    for name in named:
        assert (ROOT / name).is_file(), name


def test_it_tells_of_every_kind_of_faults() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE))
    assert rows == {name: str(kind.rounds) for name, kind in KINDS.items()}

"""How much work something is: a count, since times depend on the machine."""

import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal

import pytest

from boruta_farm.model.errors import BorutaError


@dataclass(slots=True)
class Work:
    """Count lines that are executed, and calls of what is written in C."""

    steps: int = 0


@contextmanager
def counted() -> Iterator[Work]:
    """Count what is done inside the block, by this thread."""
    work = Work()

    def called(_frame: object, event: str, _argument: object) -> None:
        work.steps += event == "c_call"

    def traced(_frame: FrameType, event: str, _argument: object) -> Any:
        work.steps += event == "line"
        return traced

    sys.setprofile(called)
    sys.settrace(traced)
    try:
        yield work
    finally:
        sys.settrace(None)
        sys.setprofile(None)


def steps(work: Callable[[], object]) -> int:
    """Return how many steps it takes to do some work, also where that ends in a refusal."""
    with counted() as done, suppress(BorutaError, ValueError):
        work()
    return done.steps


def longest_composed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return what will hold the length of every text that is composed: its cost is the square."""
    lengths: list[int] = []
    real = unicodedata.normalize

    def normalize(form: Literal["NFC", "NFKC"], text: str) -> str:
        lengths.append(len(text))
        return real(form, text)

    monkeypatch.setattr(unicodedata, "normalize", normalize)
    return lengths

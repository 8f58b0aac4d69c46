"""What is fuzzed: a reader of foreign bytes, with what it promises."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

Look = Callable[[bytes], bool]
"""Read bytes; tell whether they were taken. Raises BrokenPromiseError, or what nobody foresaw."""


class BrokenPromiseError(AssertionError):
    """A reader took or returned what it must not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Name a reader; ``examples`` are bytes that it takes, ``odd`` such as it refuses.

    ``modules`` are those whose branches guide the search.
    """

    name: str
    look: Look
    examples: Sequence[bytes]
    odd: Sequence[bytes] = ()
    modules: Sequence[ModuleType]


def promise(kept: bool, words: str) -> None:
    """Raise BrokenPromiseError with these words unless something holds."""
    if not kept:
        raise BrokenPromiseError(words)


def text_of(data: bytes) -> str:
    """Return bytes as text; what is no UTF-8 becomes lone surrogates, as JSON may bring them."""
    return data.decode("utf-8", "surrogateescape")

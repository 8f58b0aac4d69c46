"""What every part of a clean-up can do: end what it finds, and look again."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from boruta_farm.dryad.uids import UidRange

NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Say whose traces are looked for: one account's name, every uid of one board, one home."""

    name: str
    uids: UidRange
    home: Path
    paths: tuple[Path, ...] = ()


class Remains(Protocol):
    """One kind of thing that a session may leave behind, on the whole machine.

    Both calls block; neither follows a link nor trusts a path that the session could have made.
    """

    def end(self, session: Session) -> list[str]:
        """End or remove all of it; return what was found, in words. Raises BoardError."""
        ...

    def left(self, session: Session) -> list[str]:
        """Return what is there now, in words, and change nothing."""
        ...


def summary(names: Iterable[str], one: str, many: str) -> list[str]:
    """Return one line with the number of things and the first few names, none for no names."""
    ordered = list(names)
    if not ordered:
        return []
    words = ", ".join(ordered[:NAMED])
    more = f" and {len(ordered) - NAMED} more" if len(ordered) > NAMED else ""
    return [f"{len(ordered)} {one if len(ordered) == 1 else many}: {words}{more}"]


def printable(text: str, length: int = 80) -> str:
    """Return a name that a user chose so that it drives no terminal and breaks no log."""
    return "".join(c if c.isprintable() else "?" for c in text[:length])

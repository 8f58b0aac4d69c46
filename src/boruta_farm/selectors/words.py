"""Selectors cut into words, each with its column."""

import re
from enum import StrEnum
from typing import NamedTuple

from boruta_farm.model.errors import SelectorError

_BARE = r"(?:(?!\.\.)[\w.+\-/:@%#~])+"
_PIECES = re.compile(
    rf"""(?P<blank>\s+)
    |(?P<text>{_BARE})
    |"(?P<quoted>(?:[^"\\]|\\["\\])*)"
    |(?P<sign>\.\.|[!=<>]=|[!=<>(),])""",
    re.VERBOSE,
)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_BARE_WORD = re.compile(_BARE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class WordKind(StrEnum):
    """What a word is."""

    TEXT = "text"
    QUOTED = "quoted"
    SIGN = "sign"
    END = "end"


class Word(NamedTuple):
    """One word, unquoted; ``column`` counts characters from 1."""

    kind: WordKind
    text: str
    column: int

    @property
    def shown(self) -> str:
        """Return the word as an error names it."""
        return "the end" if self.kind is WordKind.END else repr(self.text)


def words(text: str) -> list[Word]:
    """Return the words of a selector and an END behind them. Raises SelectorError."""
    lost = _UNSTORABLE.search(text)
    if lost is not None:
        raise SelectorError(
            f"the character {lost[0]!r} cannot stand in a selector", column=lost.start() + 1
        )
    found: list[Word] = []
    at = 0
    while at < len(text):
        piece = _PIECES.match(text, at)
        if piece is None:
            raise SelectorError(_complaint(text[at]), column=at + 1)
        if piece["text"] is not None:
            found.append(Word(WordKind.TEXT, piece["text"], at + 1))
        elif piece["quoted"] is not None:
            found.append(Word(WordKind.QUOTED, _ESCAPED.sub(r"\1", piece["quoted"]), at + 1))
        elif piece["sign"] is not None:
            found.append(Word(WordKind.SIGN, piece["sign"], at + 1))
        at = piece.end()
    found.append(Word(WordKind.END, "", len(text) + 1))
    return found


def quoted(text: str) -> str:
    """Return a name or value as it is written: in double quotes only where it must be."""
    if _BARE_WORD.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _complaint(character: str) -> str:
    if character == '"':
        return 'the quoted text does not end: a closing " is missing, or a \\ stands before \
something other than " and \\'
    return (
        f"{character!r} cannot stand here; write names and values with such characters "
        'in double quotes, like "a b"'
    )

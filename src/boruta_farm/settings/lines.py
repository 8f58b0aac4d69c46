"""Where in a TOML file a setting stands, for complaints; the parser of TOML does not tell."""

import re
from collections.abc import Sequence
from typing import Final

_HEADER: Final = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?")
_KEY: Final = re.compile(r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*[^=]+?)?)\s*=")
_PART: Final = re.compile(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+)")


def find_line(text: str, path: Sequence[str]) -> int | None:
    """Return the line of a setting or table, else of the nearest table above it, counted from 1.

    A file is read line by line: one that keeps tables in texts of several lines may fool it, and
    None is returned where nothing of the path is found.
    """
    wanted = tuple(path)
    above: tuple[str, ...] = ()
    best: tuple[int, int | None] = (0, None)
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            above = _parts(header[1])
            found = above
        elif key := _KEY.match(line):
            found = (*above, *_parts(key[1]))
        else:
            continue
        if found and found == wanted[: len(found)] and len(found) > best[0]:
            best = len(found), number
    return best[1]


def _parts(text: str) -> tuple[str, ...]:
    return tuple(a or b or c for a, b, c in _PART.findall(text))

"""What callers give to acts, checked: it comes from a session and may be anything."""

import math
from collections.abc import Mapping

from boruta_farm.dryad.tools.errors import ActError

LONGEST_TEXT = 4096
MOST_WORDS = 256


def seconds(arguments: Mapping[str, object], name: str, usual: float, most: float) -> float:
    """Return a number of seconds from 0 to ``most``. Raises ActError."""
    found = arguments.get(name, usual)
    if not isinstance(found, int | float) or isinstance(found, bool) or not math.isfinite(found):
        raise ActError(f"{name}: a number of seconds is wanted")
    if not 0 <= found <= most:
        raise ActError(f"{name}: {found:g} s must lie between 0 and {most:g} s")
    return float(found)


def text(arguments: Mapping[str, object], name: str, usual: str | None = None) -> str:
    """Return one text without NUL. Raises ActError."""
    found = arguments.get(name, usual)
    if not isinstance(found, str) or len(found) > LONGEST_TEXT or "\0" in found:
        raise ActError(f"{name}: a text of at most {LONGEST_TEXT} characters is wanted")
    return found


def words(arguments: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return a list of texts, empty where none was given. Raises ActError."""
    found = arguments.get(name, [])
    if not isinstance(found, list) or len(found) > MOST_WORDS:
        raise ActError(f"{name}: a list of at most {MOST_WORDS} texts is wanted")
    return tuple(text({name: each}, name) for each in found)

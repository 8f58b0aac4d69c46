"""What people write after a verb: names, spans of time; and answers as JSON."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from boruta_farm.dryad.dut.call import UsageError

_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
_PART: Final = rf"({_NUMBER})(ms|[hms])"
_SPAN: Final = re.compile(rf"(?:{_PART})+")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(word: str) -> float | None:
    """Return the seconds of ``500ms``, ``1.5s``, ``1m30s`` or ``3``, None for any other word.

    What has units is read as everywhere, by ``settings.durations``; it is told anew here since
    ``dut`` has the standard library alone.
    """
    if re.fullmatch(_NUMBER, word):
        return float(word)
    if not _SPAN.fullmatch(word):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, word))


def one_name(words: Sequence[str]) -> str:
    """Return the name, empty where none was written.

    Raises UsageError for more than one, and for an option: those stand before the verb.
    """
    for word in words:
        if word.startswith("-"):
            raise UsageError(f"{word!r} is no tool's name; options stand before the verb")
    if len(words) > 1:
        raise UsageError(f"{' '.join(words[1:])!r} is one word too many")
    return words[0] if words else ""


def show_json(answer: Mapping[str, object]) -> None:
    """Print an answer for programs."""
    print(json.dumps({key: value for key, value in answer.items() if key != "status"}))

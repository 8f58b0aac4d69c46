"""Strict readers of the values in a message; unknown keys are left to newer versions."""

import math
import re
from collections.abc import Callable
from typing import Any, Final

from boruta_farm.model.errors import ProtocolError

LARGEST_NUMBER: Final = 2**53
LONGEST_TIME: Final = 10 * 366 * 86400.0

Reader = Callable[[object], object]


def text(longest: int, shortest: int = 0) -> Reader:
    """Return a reader of texts that can be stored and logged, up to ``longest`` characters."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not shortest <= len(value) <= longest:
            raise ProtocolError(f"must be a text of {shortest} to {longest} characters")
        if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise ProtocolError("must not contain NUL or half of a character")
        return value

    return read


def word(form: re.Pattern[str]) -> Reader:
    """Return a reader of texts of one form."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not form.fullmatch(value):
            raise ProtocolError(f"must be a text like {form.pattern}")
        return value

    return read


def legible(value: str, longest: int) -> str:
    """Return a text that ``text(longest)`` reads: cut, what cannot be stored replaced."""
    return value[:longest].encode(errors="replace").decode().replace("\0", "?")


def whole(low: int = 0, high: int = LARGEST_NUMBER) -> Reader:
    """Return a reader of whole numbers within limits."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ProtocolError(f"must be a whole number from {low} to {high}")
        return value

    return read


def seconds(value: object) -> float:
    """Read a time span, which may be negative."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ProtocolError("must be a number of seconds")
    if not math.isfinite(value) or abs(value) > LONGEST_TIME:
        raise ProtocolError("must be a number of seconds below ten years")
    return float(value)


def flag(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ProtocolError("must be true or false")
    return value


def optional(reader: Reader) -> Reader:
    """Return a reader that also takes null."""

    def read(value: object) -> object:
        return None if value is None else reader(value)

    return read


def texts(most: int, longest: int) -> Reader:
    """Return a reader of lists of texts."""
    item = text(longest)

    def read(value: object) -> tuple[object, ...]:
        if not isinstance(value, list) or len(value) > most:
            raise ProtocolError(f"must be a list of at most {most} texts")
        return tuple(item(each) for each in value)

    return read


def numbers(most: int, high: int) -> Reader:
    """Return a reader for a list of whole numbers up to ``high``."""
    number = whole(0, high)

    def read(value: object) -> tuple[object, ...]:
        if not isinstance(value, list) or len(value) > most:
            raise ProtocolError(f"must be a list of at most {most} numbers")
        return tuple(map(number, value))

    return read


def table(most: int, longest: int) -> Reader:
    """Return a reader of objects whose values are texts."""
    item = text(longest)

    def read(value: object) -> dict[object, object]:
        if not isinstance(value, dict) or len(value) > most:
            raise ProtocolError(f"must be an object of at most {most} texts")
        return {item(key): item(each) for key, each in value.items()}

    return read


def by(reader: Reader) -> dict[Any, Any]:
    """Return the metadata that makes a dataclass field be read so."""
    return {"read": reader}

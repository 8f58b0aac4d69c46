"""Kinds of settings: how a value is read, bounded and written."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final, Generic, TypeVar

from boruta_farm.settings.durations import LONGEST, NONE, parse_duration
from boruta_farm.settings.table import SettingError, mapping, shown
from boruta_farm.words.durations import duration

Value = TypeVar("Value")
Other = TypeVar("Other")
Choice = TypeVar("Choice", bound=StrEnum)

LARGEST: Final = 2**31 - 1
LONGEST_TEXT: Final = 64 * 1024
_DIGITS: Final = re.compile(r"[+-]?[0-9]{1,18}")
_SWITCHES: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


class SettingKind(Generic[Value]):
    """Read one kind of value from what TOML, JSON, the environment or a flag gives.

    Environment and flags give texts only, so every kind reads its values' texts too.
    """

    def read(self, raw: object) -> Value:
        """Return the value. Raises SettingError, saying what would be right."""
        raise NotImplementedError

    def show(self, value: Value) -> object:
        """Return what ``read`` reads, as it stands in a file: a text, number, list or table."""
        return value


class Text(SettingKind[str]):
    """A text without NUL; ``form`` it has to match, else ``words`` tell how.

    A ``secret`` one is never repeated in a complaint nor shown.
    """

    def __init__(
        self, form: str = "", words: str = "", *, most: int = LONGEST_TEXT, secret: bool = False
    ) -> None:
        self._form, self._words = re.compile(form, re.DOTALL) if form else None, words
        self._most, self._secret = most, secret

    def read(self, raw: object) -> str:
        """Return the text."""
        if not isinstance(raw, str):
            raise SettingError(f"{self._told(raw)} must be a text; put it in quotes")
        if "\0" in raw or len(raw) > self._most:
            raise SettingError(f"must be a text of at most {self._most} characters, without NUL")
        if self._form is not None and not self._form.fullmatch(raw):
            raise SettingError(f"{self._told(raw)} {self._words}")
        return raw

    def show(self, value: str) -> object:
        """Return the text, or stars."""
        return "***" if self._secret and value else value

    def _told(self, raw: object) -> str:
        return "what stands there" if self._secret else shown(raw)


class OneLine(Text):
    """One line of visible characters, without space at its ends."""

    def __init__(self, most: int) -> None:
        super().__init__(most=LONGEST_TEXT)
        self._longest = most

    def read(self, raw: object) -> str:
        """Return the line."""
        text = super().read(raw)
        if not 0 < len(text) <= self._longest or not text.isprintable() or text != text.strip():
            raise SettingError(
                f"{shown(raw)} must be one line of 1 to {self._longest} visible characters"
            )
        return text


class Pattern(Text):
    """A regular expression, as Python's bytes of UTF-8 take it."""

    def read(self, raw: object) -> str:
        """Return its text."""
        found = super().read(raw)
        try:
            re.compile(found.encode())
        except (re.error, UnicodeEncodeError) as error:
            raise SettingError(f"{shown(found)} is no regular expression: {error}") from None
        return found


class Blank(SettingKind[str]):
    """A text of another kind, or an empty one."""

    def __init__(self, kind: SettingKind[str]) -> None:
        self._kind = kind

    def read(self, raw: object) -> str:
        """Return the text."""
        return "" if raw == "" else self._kind.read(raw)

    def show(self, value: str) -> object:
        """Return the text."""
        return value and self._kind.show(value)


class Switch(SettingKind[bool]):
    """True or false; the texts on, off, yes, no, 1 and 0 mean the same."""

    def read(self, raw: object) -> bool:
        """Return the switch."""
        found = raw if isinstance(raw, bool) else None
        if isinstance(raw, str):
            found = _SWITCHES.get(raw.lower())
        if found is None:
            raise SettingError(f"{shown(raw)} must be true or false")
        return found


class Whole(SettingKind[int]):
    """A whole number within limits, both included."""

    def __init__(self, least: int = 0, most: int = LARGEST) -> None:
        self._least, self._most = least, most

    def read(self, raw: object) -> int:
        """Return the number."""
        found = int(raw) if isinstance(raw, str) and _DIGITS.fullmatch(raw.strip()) else raw
        if not isinstance(found, int) or isinstance(found, bool):
            raise SettingError(f"{shown(raw)} must be a whole number of at least {self._least}")
        if not self._least <= found <= self._most:
            raise SettingError(f"{shown(raw)} must lie between {self._least} and {self._most}")
        return found


class Number(SettingKind[float]):
    """A number within limits, both included; never infinite, never "not a number"."""

    def __init__(self, least: float, most: float) -> None:
        self._least, self._most = least, most

    def read(self, raw: object) -> float:
        """Return the number."""
        try:
            found = float(raw) if isinstance(raw, int | float | str) else math.nan
        except (ValueError, OverflowError):
            found = math.nan
        if math.isnan(found) or isinstance(raw, bool):
            raise SettingError(f"{shown(raw)} must be a number")
        if not self._least <= found <= self._most:
            raise SettingError(f"{shown(raw)} must lie between {self._least:g} and {self._most:g}")
        return found

    def show(self, value: float) -> object:
        """Return the number, whole where it is."""
        return int(value) if value.is_integer() else value


class Duration(SettingKind[timedelta]):
    """A time span within limits, both included; see ``durations``."""

    def __init__(self, least: timedelta = NONE, most: timedelta = LONGEST) -> None:
        self._least, self._most = least, most

    def read(self, raw: object) -> timedelta:
        """Return the duration."""
        if not isinstance(raw, str):
            raise SettingError(
                f"{shown(raw)} is no duration; write it in quotes with a unit, such as "
                '"90s", "30m" or "1h30m"'
            )
        try:
            return parse_duration(raw, least=self._least, most=self._most)
        except ValueError as error:
            raise SettingError(str(error)) from None

    def show(self, value: timedelta) -> object:
        """Return its text."""
        return duration(value)


class Seconds(SettingKind[float]):
    """A time span that files of ours have always told in plain seconds; a duration will do."""

    def __init__(self, least: float, most: float) -> None:
        self._number = Number(least, most)

    def read(self, raw: object) -> float:
        """Return the seconds."""
        if isinstance(raw, str) and not _DIGITS.fullmatch(raw.strip()):
            return self._number.read(Duration().read(raw).total_seconds())
        return self._number.read(raw)

    def show(self, value: float) -> object:
        """Return the seconds."""
        return self._number.show(value)


class OneOf(SettingKind[Choice]):
    """One word of an enumeration."""

    def __init__(self, choices: type[Choice]) -> None:
        self._choices = choices

    def read(self, raw: object) -> Choice:
        """Return the member."""
        if not isinstance(raw, str) or raw not in tuple(self._choices):
            raise SettingError(f"{shown(raw)} is none of {', '.join(self._choices)}")
        return self._choices(raw)

    def show(self, value: Choice) -> object:
        """Return its word."""
        return str(value)


class Maybe(SettingKind[Value | None]):
    """A value of another kind or, written as ``none``, nothing at all."""

    def __init__(self, kind: SettingKind[Value], none: str = "") -> None:
        self._kind, self._none = kind, none

    def read(self, raw: object) -> Value | None:
        """Return the value, or None."""
        return None if raw is None or raw in (self._none, "") else self._kind.read(raw)

    def show(self, value: Value | None) -> object:
        """Return the value's text, or what stands for none."""
        return self._none if value is None else self._kind.show(value)


class Several(SettingKind[tuple[Value, ...]]):
    """Values in a list; with ``commas`` also in one text, separated by commas."""

    def __init__(self, kind: SettingKind[Value], *, commas: bool = False) -> None:
        self._kind, self._commas = kind, commas

    def read(self, raw: object) -> tuple[Value, ...]:
        """Return the values in their order."""
        if self._commas and isinstance(raw, str):
            raw = list(_parts(raw))
        if not isinstance(raw, list):
            raise SettingError(f"{shown(raw)} must be a list, such as {self._example()}")
        return tuple(self._kind.read(each) for each in raw)

    def show(self, value: tuple[Value, ...]) -> object:
        """Return the list, or its one text."""
        each = [self._kind.show(item) for item in value]
        return ", ".join(map(str, each)) if self._commas else each

    def _example(self) -> str:
        return '"one, two"' if self._commas else '["one", "two"]'


class Named(SettingKind[Mapping[str, Value]]):
    """Values by names that are free to choose, in a table; with ``commas`` also ``a=1, b=2``.

    Without, a text holds the table as JSON.
    """

    def __init__(self, kind: SettingKind[Value], *, commas: bool = False) -> None:
        self._kind, self._commas = kind, commas

    def read(self, raw: object) -> dict[str, Value]:
        """Return the values by name."""
        if isinstance(raw, str):
            raw = _pairs(raw) if self._commas else _table(raw)
        found = {}
        for name, each in mapping(raw).items():
            try:
                found[name] = self._kind.read(each)
            except SettingError as wrong:
                raise wrong.below(name) from None
        return found

    def show(self, value: Mapping[str, Value]) -> object:
        """Return the table, or its one text."""
        each = {name: self._kind.show(item) for name, item in value.items()}
        if self._commas:
            return ", ".join(f"{name}={item}" for name, item in each.items())
        return each


def _parts(text: str) -> Iterable[str]:
    return filter(None, (part.strip() for part in text.split(",")))


def _table(text: str) -> object:
    """Return the table that a text holds as JSON; what holds none is left as it is."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _pairs(text: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for part in _parts(text):
        name, _, value = (side.strip() for side in part.rpartition("="))
        if not name or name in found:
            words = f"{shown(name)} stands there twice" if name else f"{shown(part)} names nobody"
            raise SettingError(f"{words}; write NAME=VALUE, separated by commas: ci=20, ann=2")
        found[name] = value
    return found

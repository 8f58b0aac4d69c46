"""Read JSON objects field by field, with words for what is wrong."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from boruta_farm.model.errors import ProtocolError

ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)
"""Go's zero time stands for "not set"."""

Choice = TypeVar("Choice", bound=StrEnum)
Kind = TypeVar("Kind")


class Fields:
    """Hold one JSON object; ``what`` names it in errors.

    The ``optional_`` readers return None for a key that is missing or null; the others raise
    ProtocolError, as all do for a value of another type.
    """

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise ProtocolError(f"the server sent {_kind(value)} where {what} was expected")
        self._content: Mapping[str, object] = value
        self._what = what

    def text(self, key: str) -> str:
        """Return a text."""
        return self._present(key, self.optional_text(key))

    def optional_text(self, key: str) -> str | None:
        """Return a text or None."""
        return self._typed(key, str)

    def number(self, key: str) -> int:
        """Return a whole number."""
        return self._present(key, self.optional_number(key))

    def optional_number(self, key: str) -> int | None:
        """Return a whole number or None."""
        if isinstance(self._content.get(key), bool):
            raise self._wrong(key)
        return self._typed(key, int)

    def optional_amount(self, key: str) -> float | None:
        """Return a number, whole or not, or None."""
        value = self._content.get(key)
        if isinstance(value, float):
            return value
        return self.optional_number(key)

    def flag(self, key: str) -> bool:
        """Return true or false, false when missing."""
        return bool(self._typed(key, bool))

    def choice(self, key: str, kind: type[Choice]) -> Choice:
        """Return a member of an enumeration of texts."""
        text = self.text(key)
        try:
            return kind(text)
        except ValueError:
            raise ProtocolError(
                f"the server sent {self._what} with the unknown {key} {text!r}; "
                "it may be newer than this client"
            ) from None

    def time(self, key: str) -> datetime:
        """Return a time in UTC."""
        return self._present(key, self.optional_time(key))

    def optional_time(self, key: str) -> datetime | None:
        """Return a time in UTC, or None also for Go's zero time."""
        text = self.optional_text(key)
        if text is None:
            return None
        try:
            time = datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self._wrong(key) from None
        return None if time == ZERO_TIME else time

    def optional_texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of texts or None."""
        found = self._typed(key, list)
        if found is None:
            return None
        texts = tuple(item for item in found if isinstance(item, str))
        if len(texts) != len(found):
            raise self._wrong(key)
        return texts

    def optional_text_map(self, key: str) -> dict[str, str] | None:
        """Return a map from text to text or None."""
        found = self._typed(key, dict)
        if found is None:
            return None
        if not all(isinstance(value, str) for value in found.values()):
            raise self._wrong(key)
        return dict(found)

    def number_map(self, key: str) -> dict[str, int]:
        """Return a map from text to number, empty when missing."""
        found = self._typed(key, dict) or {}
        if not all(isinstance(value, int) for value in found.values()):
            raise self._wrong(key)
        return dict(found)

    def optional_object(self, key: str, what: str) -> "Fields | None":
        """Return the fields of an object inside or None."""
        value = self._content.get(key)
        return None if value is None else Fields(value, what)

    def objects(self, key: str, what: str) -> "list[Fields]":
        """Return the fields of every object in a list, empty when missing."""
        return [Fields(value, what) for value in self._typed(key, list) or ()]

    def _typed(self, key: str, kind: type[Kind]) -> Kind | None:
        value = self._content.get(key)
        if value is None or isinstance(value, kind):
            return value
        raise self._wrong(key)

    def _present(self, key: str, value: Kind | None) -> Kind:
        if value is None:
            raise ProtocolError(f"the server sent {self._what} without {key}")
        return value

    def _wrong(self, key: str) -> ProtocolError:
        value = self._content.get(key)
        return ProtocolError(f"the server sent {self._what} with {key} being {_kind(value)}")


def items(value: object) -> list[object]:
    """Return the values of a list."""
    if not isinstance(value, list):
        raise ProtocolError(f"the server sent {_kind(value)} where a list was expected")
    return value


def objects(value: object, what: str) -> list[Fields]:
    """Return the fields of every object in a list."""
    if not isinstance(value, list):
        raise ProtocolError(f"the server sent {_kind(value)} where a list was expected")
    return [Fields(item, what) for item in value]


def _kind(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a text of another form",
        bool: "true or false",
        int: "a number",
        float: "a fraction",
        type(None): "nothing",
    }
    return names.get(type(value), "something else")

"""JSON objects as records, with words for what is wrong with them."""

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar, get_args, get_origin

from boruta_farm.model.declared import Field, declared
from boruta_farm.model.errors import ProtocolError
from boruta_farm.records.times import ZERO_TIME

Record = TypeVar("Record")
Found = Mapping[str, Any]
StandIns = Mapping[str, Callable[[Found], Found]]
"""By the record's name, so that one record can be read without all others being imported."""

WORDS: Mapping[str, str] = {
    "Absent": "a worker out of service",
    "AccessInfo": "an access",
    "AuditEntry": "an audit entry",
    "Filed": "the id of a request",
    "Issued": "a fresh token",
    "JobLimit": "a limit of jobs",
    "Limits": "limits",
    "NearMiss": "a near miss",
    "Orphaned": "a count of requests",
    "Refusal": "an error",
    "Self": "the caller",
}
"""What records are called where their names do not say it."""


class _UnknownMemberError(ProtocolError):
    """an enumeration has no such member"""


class JsonReader:
    """Read records of what a server sent; unknown keys are ignored.

    A key that is missing, null or Go's zero time, or a member of an enumeration that only a newer
    server knows, falls to the field's stand-in, to its default, to None or an empty collection.
    ``stand_ins`` tell, from the fields found, what stands in for what a kind of record lacks.
    """

    def __init__(self, stand_ins: StandIns) -> None:
        self._stand_ins = stand_ins

    def read(self, kind: type[Record], value: object) -> Record:
        """Return a record. Raises ProtocolError."""
        what = WORDS.get(kind.__name__) or _with_article(kind.__name__.lower())
        content = _object(value, f"{what} was expected")
        found: dict[str, Any] = {}
        unknown: dict[str, ProtocolError] = {}
        for field in declared(kind):
            if field.shown is None:
                continue
            try:
                item = self._value(field, content, what)
            except _UnknownMemberError as error:
                unknown[field.name] = error
            else:
                if item is not None:
                    found[field.name] = item
        stand_in = self._stand_ins.get(kind.__name__)
        if stand_in is not None:
            found = {**stand_in(found), **found}
        for field in declared(kind):
            if field.needed and field.name not in found:
                found[field.name] = _nothing(field, what, unknown.get(field.name))
        return kind(**found)

    def read_all(self, kind: type[Record], value: object) -> tuple[Record, ...]:
        """Return a list of records. Raises ProtocolError."""
        if not isinstance(value, list):
            raise ProtocolError(f"the server sent {_kind(value)} where a list was expected")
        return tuple(self.read(kind, item) for item in value)

    def _value(self, field: Field, content: Mapping[str, object], what: str) -> object:
        assert field.shown is not None
        key, inside = field.shown.key, field.shown.inside
        if inside is not None:
            content = _object(content.get(inside) or {}, f"{inside} of {what} was expected")
        value = content.get(key)
        if value is None:
            return None
        try:
            return self._convert(field.kind, value)
        except _UnknownMemberError:
            raise _UnknownMemberError(
                f"the server sent {what} with the unknown {key} {value!r}; "
                "it may be newer than this client"
            ) from None
        except (ValueError, OverflowError):
            raise ProtocolError(f"the server sent {what} with {key} being {_kind(value)}") from None

    def _convert(self, kind: Any, value: object) -> object:
        """Return a value of this type. Raises ValueError, _UnknownMemberError, ProtocolError."""
        if is_dataclass(kind):
            assert isinstance(kind, type)
            return self.read(kind, value)
        origin, inner = get_origin(kind), get_args(kind)
        if origin in (tuple, frozenset):
            return origin(self._convert(inner[0], item) for item in _typed(value, list))
        if origin is Mapping:
            items = _typed(value, dict).items()
            return {name: self._convert(inner[1], item) for name, item in items}
        if kind is datetime:
            time = datetime.fromisoformat(_typed(value, str)).astimezone(UTC)
            return None if time == ZERO_TIME else time
        if kind is timedelta:
            return timedelta(seconds=_typed(value, (int, float)))
        if issubclass(kind, StrEnum):
            if _typed(value, str) not in set(kind):
                raise _UnknownMemberError
            return kind(value)
        return _typed(value, kind)


def _typed(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError
    return value


def _nothing(field: Field, what: str, unknown: ProtocolError | None) -> object:
    """Return what a field without default and stand-in falls to. Raises ProtocolError."""
    if unknown is not None:
        raise unknown
    if field.optional:
        return None
    origin = get_origin(field.kind)
    if origin is not None:
        return {} if origin is Mapping else origin()
    assert field.shown is not None, f"{field.name} needs a stand-in"
    raise ProtocolError(f"the server sent {what} without {field.shown.key}")


def _object(value: object, expected: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ProtocolError(f"the server sent {_kind(value)} where {expected}")
    return value


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


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

"""Values in columns: times as whole microseconds since 1970 (UTC), mappings and lists as JSON."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from boruta_farm.model.declared import declared
from boruta_farm.model.errors import InvalidError

Small = TypeVar("Small")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NUL = "\0"
json_text = json.JSONEncoder(separators=(",", ":")).encode
"""Writes JSON without spaces; ``json.dumps`` would make an encoder for every text."""


def micros(moment: datetime) -> int:
    """Return a time as whole microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def moment(microseconds: int) -> datetime:
    """Return the time that ``micros`` wrote."""
    return EPOCH + timedelta(0, 0, microseconds)


def refuse_nul() -> None:
    """Refuse NUL characters, which neither database keeps whole."""
    raise InvalidError("a text contains a NUL character, which cannot be stored")


def mapping_text(mapping: Mapping[str, str]) -> str:
    """Return a mapping as JSON; ``pair_text`` of each of its pairs is a part of it."""
    return json_text(dict(mapping))


def few_mapping_text(mapping: Mapping[str, str]) -> str:
    """Return the same where few others are not equal to one before."""
    return _pairs_text(tuple(mapping.items()))


@lru_cache(maxsize=1024)
def _pairs_text(pairs: tuple[tuple[str, str], ...]) -> str:
    return json_text(dict(pairs))


def pair_text(key: str, value: str) -> str:
    """Return how a pair looks inside ``mapping_text``."""
    return f"{json.dumps(key)}:{json.dumps(value)}"


@lru_cache(maxsize=8192)
def mapping(text: str) -> Mapping[str, str]:
    """Return the mapping of a text; records with equal capabilities share one object."""
    decoded: dict[str, str] = json.loads(text)
    return decoded


@lru_cache(maxsize=1024)
def texts(text: str) -> tuple[str, ...]:
    """Return the texts of a list; records with equal ones share one object."""
    return tuple(json.loads(text))


@lru_cache(maxsize=1024)
def text_set(text: str) -> frozenset[str]:
    """Return the set of a sorted list; records with equal ones share one object."""
    return frozenset(json.loads(text))


def like_member(text: str) -> str:
    """Return the pattern of LIKE that the JSON of a list with this text meets, or nearly so.

    An underscore in it stands for any character: whoever must be sure looks again.
    """
    return f"%{json_text(text)}%"


def moments_text(moments: tuple[datetime, ...]) -> str:
    """Return times as a list of microseconds."""
    return json_text([micros(at) for at in moments])


def moments(text: str) -> tuple[datetime, ...]:
    """Return the times of a list."""
    return () if text == "[]" else tuple(map(moment, json.loads(text)))


def numbers(text: str) -> tuple[float, ...]:
    """Return the numbers of a list."""
    return tuple(map(float, json.loads(text)))


def small_text(record: Any) -> str:
    """Return a record that is a value of another as JSON: what it has, durations in seconds."""
    given = {}
    for field in declared(type(record)):
        value = getattr(record, field.name)
        if value is not None:
            given[field.name] = value.total_seconds() if field.kind is timedelta else value
    return json_text(given)


@lru_cache(maxsize=1024)
def small(kind: type[Small], text: str) -> Small:
    """Return such a record of a text."""
    durations = {field.name for field in declared(kind) if field.kind is timedelta}
    return kind(
        **{
            name: timedelta(seconds=value) if name in durations else value
            for name, value in json.loads(text).items()
        }
    )

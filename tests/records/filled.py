"""Records in which every field that people see has a value of its own."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar, get_args, get_origin

from boruta_farm.model.account import Account, Group, Limits
from boruta_farm.model.answers import Orphaned, Self
from boruta_farm.model.audit import AuditEntry, Verification
from boruta_farm.model.declared import declared
from boruta_farm.model.events import Event
from boruta_farm.model.explanation import Explanation, Filed
from boruta_farm.model.job import Job
from boruta_farm.model.request import Request
from boruta_farm.model.token import Issued, Token
from boruta_farm.model.version import Version
from boruta_farm.model.worker import AccessInfo, Worker

Record = TypeVar("Record")

TOLD: tuple[type, ...] = (
    *(Request, Job, Worker, AccessInfo, Event, Explanation, Filed, Orphaned, Version, Self),
    *(Account, Group, Limits, Token, Issued, AuditEntry, Verification),
)


def filled(kind: type[Record]) -> Record:
    """Return a record whose shown fields all differ from their defaults."""
    numbers = count(2)
    found = {
        field.name: _value(field.kind, next(numbers))
        for field in declared(kind)
        if field.shown is not None or field.needed
    }
    return kind(**found)


def bare(kind: type[Record]) -> Record:
    """Return a record in which nothing stands that may be left out."""
    return kind(
        **{
            field.name: None if field.optional else _value(field.kind, 1)
            for field in declared(kind)
            if field.needed
        }
    )


def _value(kind: Any, number: int) -> object:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (tuple, frozenset):
        return origin((_value(inner[0], number),))
    if origin is Mapping:
        return {"b": _value(inner[1], number), "a": _value(inner[1], number + 1)}
    if is_dataclass(kind):
        assert isinstance(kind, type)
        return filled(kind)
    if kind is datetime:
        return datetime(2026, 11, 23, 20, 7, 42, number * 10, tzinfo=UTC)
    if kind is timedelta:
        return timedelta(seconds=number)
    if kind is bool:
        return True
    return [*kind][-1] if kind not in (int, str) else kind(number)

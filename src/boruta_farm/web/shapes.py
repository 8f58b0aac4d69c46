"""Records as msgspec's types: the description is made of them, and bodies are read as them."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from types import GenericAlias
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from boruta_farm.model.declared import Field, declared
from boruta_farm.model.request import LONGEST_LENGTH
from boruta_farm.web.errors import MalformedBodyError
from boruta_farm.web.times import parse_time

Record = TypeVar("Record")
Base = TypeVar("Base", bound=Struct)
Members = list[tuple[str, Any, Any]]
Convert = Callable[[Any], object]

TIME = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
BOUNDED: Mapping[Any, Any] = {
    str: Annotated[str, Meta(max_length=8192)],
    int: Annotated[int, Meta(ge=0, le=1_000_000)],
    timedelta: Annotated[float, Meta(ge=0, le=round(LONGEST_LENGTH.total_seconds()))],
    list: Meta(max_length=64),
}
"""What the calls that the original has not take at most."""
UNBOUNDED: Mapping[Any, Any] = {str: str, int: int, timedelta: float, list: Meta()}
LENIENT = {**UNBOUNDED, timedelta: BOUNDED[timedelta]}
"""What the original's calls take: durations are ours alone."""


@cache
def answer(kind: type) -> type[Struct]:
    """Return the type of the JSON object that tells a record, as ``records`` writes it."""
    members: Members = []
    inside: dict[str, Members] = {}
    for field in declared(kind):
        if field.shown is not None:
            place = (
                members if field.shown.inside is None else inside.setdefault(field.shown.inside, [])
            )
            place.append(_told(field))
    for name, inner in inside.items():
        members.append((name, _struct(f"{kind.__name__}{name}", kind, inner), msgspec.field()))
    return _struct(kind.__name__, kind, members)


@cache
def body(kind: type) -> type[Struct]:
    """Return the type of the JSON object that sends a record; every key may be left out.

    For calls that the original has not: nothing is unbounded, and no other key is taken.
    """
    return _struct(f"{kind.__name__}Body", kind, _sent(kind, BOUNDED, {}))


def list_body(kind: type, most: int) -> Any:
    """Return the type of a JSON list of at most so many of them."""
    items: Any = GenericAlias(list, (body(kind),))
    return Annotated[items, Meta(max_length=most)]


def lenient_body(base: type[Base], kind: type, **narrower: Any) -> type[Base]:
    """Return such a type for a call that the original has too.

    ``base`` bears its name and has the keys that are not the record's, ``narrower`` are types of
    fields in place of the declared ones.
    """
    members = _sent(kind, LENIENT, narrower)
    return cast("type[Base]", _struct(base.__name__, base, members, (base,)))


def recorder(kind: type[Record], *, go: bool = False) -> Callable[..., Record]:
    """Return a function of what was sent (or None), and of the fields that no body has.

    It returns the record. What was left out is as by default, else the zero value of its type.
    ``go`` tells that the sender cannot leave out texts and numbers: their zero value means the
    same, where None is possible. Raises MalformedBodyError for a time that is none.
    """
    # Made of text, as ``records`` makes its own, and for the same reason.
    scope: dict[str, Any] = {"kind": kind, "nothing": _Nothing()}
    arguments = []
    for field in declared(kind):
        if field.shown is None:
            continue
        name, convert = field.name, _reading(field, field.shown.key, go)
        needs_value = field.needed and not field.optional
        scope[f"convert_{name}"] = convert
        scope[f"default_{name}"] = field.kind() if needs_value else field.default
        value = "value" if convert is None else f"convert_{name}(value)"
        arguments.append(f"{name}=default_{name} if (value := sent.{name}) is None else {value}")
    text = f"""def record(sent, **others):
    sent = nothing if sent is None else sent
    return kind({", ".join(arguments)}, **others)"""
    exec(text, scope)
    found: Callable[..., Record] = scope["record"]
    return found


class _Nothing:
    """Stands in for a body that was not sent."""

    def __getattr__(self, name: str) -> None:
        return None


def _reading(field: Field, key: str, go: bool) -> Convert | None:
    kind = field.kind
    if kind is datetime:
        return partial(_time, key)
    if kind is timedelta:
        return lambda seconds: timedelta(seconds=seconds)
    if get_origin(kind) is tuple:
        return tuple
    if is_dataclass(kind) and isinstance(kind, type):
        return recorder(kind)
    if go and field.optional and kind in (str, int):
        return lambda value: value or None
    return None


def _time(key: str, text: str) -> datetime | None:
    try:
        return parse_time(text)
    except ValueError as error:
        raise MalformedBodyError(f"{key}: {error}") from error


def _told(field: Field) -> tuple[str, Any, Any]:
    assert field.shown is not None
    kind, shown = _type(field.kind, answer, UNBOUNDED), field.shown
    empty_is_null = not shown.ours and get_origin(field.kind) in (tuple, frozenset)
    if field.left_out or field.blank_left_out or (shown.inside is not None and shown.ours):
        return field.name, _described(kind, shown.words) | UnsetType, _keyed(shown.key, UNSET)
    if field.optional or empty_is_null:
        kind = kind | None
    return field.name, _described(kind, shown.words), msgspec.field(name=shown.key)


def _sent(kind: type, bounds: Mapping[Any, Any], narrower: Mapping[str, Any]) -> Members:
    return [
        (
            field.name,
            _described(
                narrower.get(field.name) or _type(field.kind, body, bounds), field.shown.words
            )
            | None,
            _keyed(field.shown.key, None),
        )
        for field in declared(kind)
        if field.shown is not None
    ]


def _type(kind: Any, inner: Callable[[type], Any], bounds: Mapping[Any, Any]) -> Any:
    """Return what JSON has for a type of the model's, records inside being made by ``inner``."""
    if is_dataclass(kind):
        assert isinstance(kind, type)
        return inner(kind)
    if get_origin(kind) in (tuple, frozenset):
        items: Any = GenericAlias(list, (_type(get_args(kind)[0], inner, bounds),))
        return Annotated[items, bounds[list]]
    if get_origin(kind) is Mapping:
        return GenericAlias(dict, (str, _type(get_args(kind)[1], inner, bounds)))
    return TIME if kind is datetime else bounds.get(kind, kind)


def _described(kind: Any, words: str) -> Any:
    return Annotated[kind, Meta(description=words)] if words else kind


def _keyed(key: str, default: Any) -> Any:
    return msgspec.field(name=key, default=default)


def _struct(
    name: str, told: type, members: Members, bases: tuple[type[Struct], ...] = ()
) -> type[Struct]:
    return msgspec.defstruct(
        name,
        members,
        bases=bases,
        namespace={"__doc__": inspect.getdoc(told)},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )

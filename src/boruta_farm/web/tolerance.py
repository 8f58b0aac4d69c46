"""JSON read as Go reads it, for what the fast decoder refuses.

Keys match in any letter case, the last of several wins, unknown ones and text after the first
value are ignored, null changes nothing, ill-formed text becomes U+FFFD. Types stay strict.
"""

import json
import re
from dataclasses import dataclass
from typing import NoReturn

from msgspec import inspect

Value = object

_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Pairs:
    """An object's members as they stand, repeated keys included."""

    members: tuple[tuple[str, Value], ...]


def parse_first(body: bytes) -> Value:
    """Return the first JSON value of a body, objects as Pairs.

    Raises ValueError when there is none.
    """
    text = body.decode("utf-8", "replace")
    start = _SPACE.match(text)
    try:
        value, _ = _DECODER.raw_decode(text, start.end() if start else 0)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos}") from error
    parsed: Value = value
    return parsed


def canonical(value: Value, wanted: inspect.Type) -> Value:
    """Rewrite a parsed value so that a strict decoder of ``wanted`` understands it.

    What does not fit is left as it is, for that decoder to refuse in its words.
    """
    wanted = _bare(wanted)
    if isinstance(wanted, inspect.UnionType):
        wanted = _variant(value, wanted)
    if isinstance(value, str):
        return _well_formed(value)
    if isinstance(value, Pairs):
        if isinstance(wanted, inspect.StructType):
            return _structure(value, wanted)
        if isinstance(wanted, inspect.DictType):
            return {
                _well_formed(key): _element(item, wanted.value_type) for key, item in value.members
            }
    if isinstance(value, list) and isinstance(wanted, inspect.ListType):
        return [_element(item, wanted.item_type) for item in value]
    # The decoder's words are read by whoever sent it: an object, by no name of ours.
    return dict(value.members) if isinstance(value, Pairs) else value


def _structure(value: Pairs, wanted: inspect.StructType) -> dict[str, Value]:
    exact = {field.encode_name: field for field in wanted.fields}
    folded = {field.encode_name.casefold(): field for field in wanted.fields}
    result: dict[str, Value] = {}
    for key, item in value.members:
        field = exact.get(key) or folded.get(key.casefold())
        if field is None or item is None:
            continue
        new = canonical(item, field.type)
        old = result.get(field.encode_name)
        if isinstance(new, dict) and isinstance(old, dict):
            # In place: copying what grows would cost minutes for a body of repeated keys.
            old.update(new)
        else:
            result[field.encode_name] = new
    return result


def _element(item: Value, wanted: inspect.Type) -> Value:
    """Go has no null inside a list or map: the type's zero value stands in its place."""
    if item is None and isinstance(_bare(wanted), inspect.StrType):
        return ""
    if item is None and isinstance(_bare(wanted), inspect.IntType):
        return 0
    return canonical(item, wanted)


def _variant(value: Value, union: inspect.UnionType) -> inspect.Type:
    kinds: tuple[type[inspect.Type], ...] = ()
    if isinstance(value, Pairs):
        kinds = (inspect.StructType, inspect.DictType)
    elif isinstance(value, list):
        kinds = (inspect.ListType,)
    for kind in map(_bare, union.types):
        if isinstance(kind, kinds):
            return kind
    return union


def _bare(wanted: inspect.Type) -> inspect.Type:
    """Return a type without the words that the description has for it."""
    return wanted.type if isinstance(wanted, inspect.Metadata) else wanted


def _well_formed(text: str) -> str:
    """Join halves of surrogate pairs and replace lone ones, which no encoding can carry."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _members(pairs: list[tuple[str, Value]]) -> Pairs:
    return Pairs(tuple(pairs))


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"not JSON: {name} is not a number")


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_refuse)

"""Records as JSON objects: what the API tells, ``-o json`` prints and a client sends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, get_args, get_origin

from boruta_farm.model.declared import Field, declared
from boruta_farm.records.times import format_time

Json = dict[str, object]
Convert = Callable[[Any], object]


class JsonWriter:
    """Write records, keys in the order of their fields, those of maps sorted as Go does.

    ``time`` makes times JSON. A ``sparse`` writer leaves out what is as by default: for bodies of
    calls, which the original's server and older ones of ours then understand as well.
    """

    def __init__(self, time: Convert = format_time, *, sparse: bool = False) -> None:
        self._time = time
        self._sparse = sparse
        self._writers: dict[type, Callable[[object], Json]] = {}

    def write(self, record: object) -> Json:
        """Return a record's JSON object."""
        kind = type(record)
        writer = self._writers.get(kind)
        if writer is None:
            writer = self._writers[kind] = self._writer(declared(kind), None)
        return writer(record)

    def _writer(self, fields: Sequence[Field], inside: str | None) -> Callable[[object], Json]:
        """Return what writes those of the fields that lie in one object; None is the outer one.

        A function is made of text, as dataclasses make theirs: a loop over the fields takes 1.6
        times as long for a request, and the farm prints one with every change of it.
        """
        # Only names and keys of our own declarations go into the text.
        scope: dict[str, Any] = {}
        lines: dict[str, str] = {}
        for field in fields:
            name, shown = field.name, field.shown
            if shown is None:
                continue
            if inside is None and shown.inside is not None:
                key = shown.inside
                if key not in lines:
                    scope[f"write_{key}"] = self._writer(fields, key)
                    lines[key] = f"told[{key!r}] = write_{key}(record)"
            elif shown.inside == inside:
                scope[f"convert_{name}"] = self._converting(field)
                scope[f"default_{name}"] = "" if inside else field.default
                lines[shown.key] = self._line(field, value=f"record.{name}")
        text = "\n    ".join(("def write(record):", "told = {}", *lines.values(), "return told"))
        exec(text, scope)
        writer: Callable[[object], Json] = scope["write"]
        return writer

    def _line(self, field: Field, value: str) -> str:
        assert field.shown is not None
        name, key = field.name, field.shown.key
        converted = value if self._converting(field) is None else f"convert_{name}({value})"
        if field.left_out:
            return f"if {value} is not None: told[{key!r}] = {converted}"
        if (self._sparse and not field.needed) or field.blank_left_out:
            return f"if {value} != default_{name}: told[{key!r}] = {converted}"
        if field.optional and converted != value:
            return f"told[{key!r}] = None if {value} is None else {converted}"
        return f"told[{key!r}] = {converted}"

    def _converting(self, field: Field) -> Convert | None:
        convert = self._conversion(field.kind)
        theirs = field.shown is not None and not field.shown.ours
        if convert is not None and theirs and get_origin(field.kind) in (tuple, frozenset):
            return lambda values: convert(values) or None
        return convert

    def _conversion(self, kind: Any) -> Convert | None:
        """Return what makes a value of this type JSON, None where it is that already."""
        origin = get_origin(kind)
        if origin is tuple:
            inner = self._conversion(get_args(kind)[0])
            return list if inner is None else partial(_each, inner)
        if origin is frozenset:
            return sorted
        if origin is Mapping:
            return _sorted
        if is_dataclass(kind):
            return self.write
        if kind is datetime:
            return self._time
        return timedelta.total_seconds if kind is timedelta else None


write = JsonWriter().write
"""Return a record's JSON object as the API shows it."""


def _each(convert: Convert, values: tuple[object, ...]) -> list[object]:
    return [convert(value) for value in values]


def _sorted(values: Mapping[str, object]) -> Json:
    return dict(sorted(values.items()) if len(values) > 1 else values)

"""Rows from a record's declaration: its columns, and functions that go from one to the other.

The functions are written out and compiled once per class, as one would write them by hand: a
loop over the fields would take several times as long for each of a million rows.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from operator import attrgetter, itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from boruta_farm.model.declared import Field, declared
from boruta_farm.store import values
from boruta_farm.store.dialect import Column
from boruta_farm.store.driver import Row

Record = TypeVar("Record")


class ValueKind(NamedTuple):
    """Say how a type stands in a column: the column's kind, and expressions to write and read."""

    column: str
    write: str
    read: str


KINDS: Mapping[Any, ValueKind] = {
    int: ValueKind("bigint", "{}", "{}"),
    str: ValueKind("text", "{}", "{}"),
    bool: ValueKind("boolean", "{}", "bool({})"),
    bytes: ValueKind("text", "b64encode({}).decode()", "b64decode({})"),
    datetime: ValueKind("bigint", "({} - EPOCH) // MICROSECOND", "EPOCH + timedelta(0, 0, {})"),
    timedelta: ValueKind("bigint", "{} // MICROSECOND", "timedelta(0, 0, {})"),
    frozenset[str]: ValueKind("text", "json_text(sorted({}))", "text_set({})"),
    tuple[str, ...]: ValueKind("text", "json_text({})", "texts({})"),
    tuple[datetime, ...]: ValueKind("text", "moments_text({})", "moments({})"),
    tuple[float, ...]: ValueKind("text", "json_text({})", "numbers({})"),
    Mapping[str, str]: ValueKind("text", "mapping_text({})", "mapping({})"),
    (Mapping[str, str], "few"): ValueKind("text", "few_mapping_text({})", "mapping({})"),
    (Mapping[str, str], "own"): ValueKind("text", "mapping_text({})", "json.loads({})"),
}


class Codec(Generic[Record]):
    """Turn records of one class into rows and back.

    ``columns`` are in the order of the fields; ``moves`` are the key and what a job's life
    changes. A field that is itself a record with a key stands as that key: a row that is read
    must have its columns too, behind all others. Use ``row`` (which raises InvalidError for a
    text with a NUL character), ``move`` (the values of ``moves``) and ``record``.
    """

    def __init__(self, record: type[Record]) -> None:
        self._names: dict[str, Any] = {
            **vars(values),
            "b64decode": b64decode,
            "b64encode": b64encode,
            "json": json,
            "timedelta": timedelta,
        }
        kind: type = record  # A type of a variable passes for no key of a cache.
        every = _kept(kind)
        moving = [field for field in every if field.stored.key or field.stored.moves]
        rest = [field.name for field in every if field not in moving]
        self.columns = tuple(column for field in every for column in self._columns(field))
        self.moves = tuple(column for field in moving for column in self._columns(field))
        self.row: Callable[[Record], Row] = self._compile(self._writer(every))
        self.move: Callable[[Record], Row] = self._compile(self._writer(moving))
        self.record: Callable[[Row], Record] = self._compile(self._reader(record))
        self._rest: Callable[[Record], Any] = attrgetter(*rest) if rest else type

    def only_moved(self, before: Record, after: Record) -> bool:
        """Tell whether ``move`` holds all that has changed."""
        return bool(self._rest(before) == self._rest(after))

    def pick(self, *names: str) -> Callable[[Row], Row]:
        """Return a function that returns these columns' values of a row; two at least."""
        places = [column.name for column in self.columns]
        return itemgetter(*map(places.index, names))

    def _compile(self, lines: Iterable[str]) -> Any:
        exec("\n".join(lines), self._names)
        return self._names["function"]

    def _columns(self, field: Field) -> Iterator[Column]:
        key = _key_of(field)
        if key:
            for part in key:
                name, kind = f"{field.column}_{part.column}", self._kind(part)
                yield Column(name, kind.column, needed=not field.optional)
            return
        kind, default = self._kind(field), None
        if not field.needed and field.default is not None:
            default = eval(kind.write.format("it"), self._names, {"it": field.default})
        yield Column(
            field.column,
            kind.column,
            needed=not field.optional,
            key=field.stored.key,
            default=default,
        )

    def _kind(self, field: Field) -> ValueKind:
        kind = field.kind
        found = KINDS.get((kind, field.stored.values)) or KINDS.get(kind)
        if found is not None:
            return found
        name = self._named(kind)
        if issubclass(kind, Enum):
            self._names[f"{name}_of"] = {member.value: member for member in kind}
            return ValueKind("text", "{}.value", f"{name}_of[{{}}]")
        return ValueKind("text", "small_text({})", f"small({name}, {{}})")

    def _named(self, kind: type) -> str:
        self._names[kind.__name__] = kind
        return kind.__name__

    def _writer(self, fields: Sequence[Field]) -> Iterator[str]:
        """Yield a function that returns the values of these fields' columns."""
        usual = {field.stored.mostly for field in fields} & {field.name for field in fields}
        items: list[str] = []
        yield "def function(record):"
        for field in fields:
            it = f"v_{field.name}"
            yield f"    {it} = record.{field.name}"
            if field.kind is str:
                given = f"{it} is not None and " if field.optional else ""
                yield f"    if {given}NUL in {it}: refuse_nul()"
        for field in fields:
            it = f"v_{field.name}"
            if field.name in usual:
                yield f"    w_{field.name} = {self._kind(field).write.format(it)}"
        for field in fields:
            it, other = f"v_{field.name}", field.stored.mostly
            key = _key_of(field)
            texts = [f"{it}.{part.name}" for part in key] or [self._kind(field).write.format(it)]
            for text in texts:
                if field.name in usual:
                    text = f"w_{field.name}"
                elif field.optional and text != it:
                    text = f"None if {it} is None else {text}"
                elif other in usual:
                    text = f"w_{other} if {it} is v_{other} else {text}"
                items.append(text)
        yield f"    return ({', '.join(items)},)"

    def _reader(self, record: type) -> Iterator[str]:
        """Yield a function that returns the record of a row."""
        taken: list[str] = []
        lines: list[str] = []
        made = self._made(record, "c_", taken, lines)
        yield "def function(row):"
        yield f"    ({', '.join(taken)},) = row"
        yield from lines
        yield f"    return {made}"

    def _made(self, record: type, prefix: str, taken: list[str], lines: list[str]) -> str:
        """Return what makes a record from the columns ``taken``, after some ``lines``."""
        fields = _kept(record)
        usual = {field.stored.mostly for field in fields}
        given: dict[str, str] = {}
        nested: list[tuple[Field, str]] = []
        for field in fields:
            columns = [f"{prefix}{column.name}" for column in self._columns(field)]
            taken += columns
            it = columns[0]
            if _key_of(field):
                nested.append((field, it))
                continue
            text = self._kind(field).read.format(it)
            if field.name in usual:
                lines.append(f"    r_{it} = {text}")
                text = f"r_{it}"
            elif field.optional and text != it:
                text = f"None if {it} is None else {text}"
            elif field.stored.mostly is not None:
                other = next(f.column for f in fields if f.name == field.stored.mostly)
                text = f"r_{prefix}{other} if {it} == {prefix}{other} else {text}"
            given[field.name] = text
        for field, it in nested:
            text = self._made(field.kind, f"{prefix}{field.name}__", taken, lines)
            given[field.name] = f"None if {it} is None else {text}" if field.optional else text
        arguments = ", ".join(f"{name}={text}" for name, text in given.items())
        return f"{self._named(record)}({arguments})"


def _kept(kind: type) -> tuple[Field, ...]:
    return tuple(field for field in declared(kind) if field.stored.kept)


def _key_of(field: Field) -> tuple[Field, ...]:
    """Return the key of a field that is a record kept in a table of its own, else nothing."""
    nested: bool = is_dataclass(field.kind)
    return tuple(part for part in declared(field.kind) if part.stored.key) if nested else ()

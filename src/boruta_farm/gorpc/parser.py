"""Messages to values: one value at a time, over as many messages as it takes.

A value usually fills one message. The exception are interface values: Go ends the message after
every type definition it has to slip in, and goes on with the value in a later one. So parsing is
a generator that yields whenever it needs another complete message.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from boruta_farm.gorpc.errors import BrokenStreamError, StreamLimitError
from boruta_farm.gorpc.limits import DEFAULT_LIMITS, GobLimits
from boruta_farm.gorpc.primitives import Cursor
from boruta_farm.gorpc.recurring import DEFINITIONS
from boruta_farm.gorpc.types import (
    WIRE_TYPE_ID,
    GoKind,
    ListType,
    MapType,
    OpaqueType,
    StructType,
    TypeTable,
)

T = TypeVar("T")
Parsing: TypeAlias = Generator[None, bytes, T]

# Upper estimates of what CPython 3.11 spends, list and dictionary slots included.
_SCALAR_MEMORY: Final = 48
_PAIR_MEMORY: Final = 72
_LIST_MEMORY: Final = 128
_STRUCT_MEMORY: Final = 232
_TEXT_MEMORY: Final = 64
_BYTES_PER_CHARACTER: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceValue:
    """Hold a value whose type the sender chose, under the name it is registered by."""

    name: str
    type_id: int
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Hold one value as the sender described it; ``memory`` is an upper estimate in bytes.

    Structs are dictionaries by field name that lack the zero fields, lists are lists, maps are
    lists of pairs (keys need not be hashable), types with an encoding of their own are bytes.
    """

    type_id: int
    value: object
    memory: int


class Parser:
    """Parse the values of one direction of one connection."""

    def __init__(self, types: TypeTable, limits: GobLimits = DEFAULT_LIMITS) -> None:
        self._types = types
        self._limits = limits
        self._cursor = Cursor(b"")
        self._memory = 0
        self._bytes = 0
        self._definition_bytes = 0

    def parse(self) -> Parsing[Decoded]:
        """Parse one value; send each next message into the generator until it returns."""
        self._memory = 0
        self._bytes = 0
        self._cursor = Cursor(b"")
        type_id = yield from self._next_type_id(inside_interface=False)
        value = yield from self._marked(type_id, 0)
        if self._cursor.remaining:
            raise BrokenStreamError(f"{self._cursor.remaining} bytes follow a complete gob value")
        return Decoded(type_id=type_id, value=value, memory=self._memory)

    def _next_type_id(self, *, inside_interface: bool) -> Parsing[int]:
        while True:
            if not self._cursor.remaining:
                self._load((yield))
            start = self._cursor.position
            type_id = self._cursor.read_int()
            if type_id > 0:
                return type_id
            if inside_interface:
                yield from self._define(-type_id)
            else:
                yield from self._define_alone(-type_id)
            self._definition_bytes += self._cursor.position - start
            if self._definition_bytes > self._limits.definitions:
                raise StreamLimitError(
                    f"the gob type definitions exceed the limit of {self._limits.definitions} bytes"
                )
            if self._cursor.remaining:
                if not inside_interface:
                    raise BrokenStreamError("bytes follow a gob type definition")
                # The definition was nested in an interface inside an interface: what follows in
                # this message has a length of its own.
                self._cursor.read_uint()

    def _load(self, message: bytes) -> None:
        self._bytes += len(message)
        if self._bytes > self._limits.value:
            raise StreamLimitError(f"a gob value exceeds the limit of {self._limits.value} bytes")
        self._cursor = Cursor(message)

    def _define_alone(self, type_id: int) -> Parsing[None]:
        """Define a type by a message that holds nothing else, as nearly all do."""
        text = self._cursor.rest()
        known = DEFINITIONS.find(self._limits, text)
        if known is not None:
            self._types.add(type_id, known)
            self._cursor.take(len(text))
            return
        yield from self._define(type_id)
        if not self._cursor.remaining:
            DEFINITIONS.keep(self._limits, text, self._types[type_id])

    def _define(self, type_id: int) -> Parsing[None]:
        before = self._memory
        definition = yield from self._value(WIRE_TYPE_ID, 0)
        self._types.define(type_id, definition)
        self._memory = before

    def _marked(self, type_id: int, depth: int) -> Parsing[object]:
        is_struct = type_id > GoKind.INTERFACE and isinstance(self._types[type_id], StructType)
        if not is_struct and self._cursor.read_uint() != 0:
            raise BrokenStreamError("a gob value that is no struct lacks its leading zero")
        return (yield from self._value(type_id, depth))

    def _value(self, type_id: int, depth: int) -> Parsing[object]:
        if type_id < GoKind.INTERFACE:
            return self._scalar(type_id)
        if depth > self._limits.depth:
            raise StreamLimitError(f"gob values are nested deeper than {self._limits.depth}")
        if type_id == GoKind.INTERFACE:
            return (yield from self._interface(depth))
        match self._types[type_id]:
            case StructType() as struct:
                return (yield from self._struct(struct, depth))
            case ListType() as listed:
                return (yield from self._list(listed, depth))
            case MapType() as mapped:
                return (yield from self._map(mapped, depth))
            case OpaqueType():
                return self._bytes_value()

    def _scalar(self, type_id: int) -> object:
        match type_id:
            case GoKind.STRING:
                text = self._cursor.read_text()
                self._spend(_TEXT_MEMORY + _BYTES_PER_CHARACTER * len(text))
                return text
            case GoKind.BYTES:
                return self._bytes_value()
        self._spend(_SCALAR_MEMORY)
        match type_id:
            case GoKind.BOOL:
                return self._cursor.read_bool()
            case GoKind.INT:
                return self._cursor.read_int()
            case GoKind.UINT:
                return self._cursor.read_uint()
            case GoKind.FLOAT:
                return self._cursor.read_float()
            case _:
                return complex(self._cursor.read_float(), self._cursor.read_float())

    def _bytes_value(self) -> bytes:
        data = self._cursor.read_bytes()
        self._spend(_TEXT_MEMORY + len(data))
        return data

    def _struct(self, struct: StructType, depth: int) -> Parsing[object]:
        self._spend(_STRUCT_MEMORY)
        fields: dict[str, object] = {}
        number = -1
        while delta := self._cursor.read_uint():
            number += delta
            if number >= len(struct.fields):
                raise BrokenStreamError(f"the gob struct {struct.name!r} has no field {number}")
            field = struct.fields[number]
            self._spend(_SCALAR_MEMORY)
            fields[field.name] = yield from self._value(field.type_id, depth + 1)
        return fields

    def _list(self, listed: ListType, depth: int) -> Parsing[object]:
        count = self._count()
        if listed.length is not None and listed.length != count:
            raise BrokenStreamError(f"a gob array of {listed.length} arrives with {count} elements")
        self._spend(_LIST_MEMORY)
        elements: list[object] = []
        for _ in range(count):
            element = yield from self._value(listed.element, depth + 1)
            elements.append(element)
        return elements

    def _map(self, mapped: MapType, depth: int) -> Parsing[object]:
        count = self._count()
        self._spend(_LIST_MEMORY)
        pairs: list[tuple[object, object]] = []
        for _ in range(count):
            self._spend(_PAIR_MEMORY)
            key = yield from self._value(mapped.key, depth + 1)
            pairs.append((key, (yield from self._value(mapped.element, depth + 1))))
        return pairs

    def _count(self) -> int:
        count = self._cursor.read_uint()
        if count > self._limits.elements:
            raise StreamLimitError(f"a gob list or map announces {count} elements")
        return count

    def _interface(self, depth: int) -> Parsing[object]:
        self._spend(_STRUCT_MEMORY)
        name = self._cursor.read_text(limit=self._limits.name)
        if not name:
            return None
        type_id = yield from self._next_type_id(inside_interface=True)
        # Go ignores this length too: with interfaces inside interfaces it is not the value's.
        self._cursor.read_uint()
        value = yield from self._marked(type_id, depth + 1)
        return InterfaceValue(name=name, type_id=type_id, value=value)

    def _spend(self, memory: int) -> None:
        self._memory += memory
        if self._memory > self._limits.memory:
            raise StreamLimitError(f"a gob value needs more than {self._limits.memory} bytes")

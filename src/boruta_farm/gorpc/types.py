"""Types as they travel: what a sender says its values are made of.

A sender numbers its own types, from 65 up, with gaps. The numbers mean nothing beyond their
connection and direction.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from boruta_farm.gorpc.errors import BrokenStreamError, StreamLimitError
from boruta_farm.gorpc.limits import DEFAULT_LIMITS, GobLimits


class GoKind(IntEnum):
    """The types every peer knows, with their fixed ids."""

    BOOL = 1
    INT = 2
    UINT = 3
    FLOAT = 4
    BYTES = 5
    STRING = 6
    COMPLEX = 7
    INTERFACE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WireField:
    """Name one field of a struct type and the id of its type."""

    name: str
    type_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StructType:
    """Describe a struct; values carry only the fields that are not zero."""

    name: str
    fields: tuple[WireField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListType:
    """Describe a slice, or an array when ``length`` is set."""

    name: str
    element: int
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapType:
    """Describe a map by the ids of its key's and its element's type."""

    name: str
    key: int
    element: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaqueType:
    """Describe a type that encodes itself, such as ``big.Int``: bytes to everybody else."""

    name: str


WireType: TypeAlias = StructType | ListType | MapType | OpaqueType

WIRE_TYPE_ID: Final = 16
FIRST_FREE_ID: Final = 64
_COMMON_ID: Final = 18
_FIELD_ID: Final = 21
_FIELDS_ID: Final = 22


def _struct(name: str, **fields: int) -> StructType:
    return StructType(
        name=name, fields=tuple(WireField(name=key, type_id=fields[key]) for key in fields)
    )


# A definition is itself a gob value, of these types.
_PREDEFINED: Final[dict[int, WireType]] = {
    WIRE_TYPE_ID: _struct(
        "wireType",
        ArrayT=17,
        SliceT=19,
        StructT=20,
        MapT=23,
        GobEncoderT=24,
        BinaryMarshalerT=24,
        TextMarshalerT=24,
    ),
    17: _struct("arrayType", CommonType=_COMMON_ID, Elem=GoKind.INT, Len=GoKind.INT),
    _COMMON_ID: _struct("CommonType", Name=GoKind.STRING, Id=GoKind.INT),
    19: _struct("sliceType", CommonType=_COMMON_ID, Elem=GoKind.INT),
    20: _struct("structType", CommonType=_COMMON_ID, Field=_FIELDS_ID),
    _FIELD_ID: _struct("fieldType", Name=GoKind.STRING, Id=GoKind.INT),
    _FIELDS_ID: ListType(name="[]fieldType", element=_FIELD_ID),
    23: _struct("mapType", CommonType=_COMMON_ID, Key=GoKind.INT, Elem=GoKind.INT),
    24: _struct("gobEncoderType", CommonType=_COMMON_ID),
}


class TypeTable:
    """Keep the types a peer has defined on one connection."""

    def __init__(self, limits: GobLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._types: dict[int, WireType] = {}

    def __len__(self) -> int:
        return len(self._types)

    def __getitem__(self, type_id: int) -> WireType:
        """Return the type with this id; raise ``BrokenStreamError`` for one never defined."""
        found = self._types.get(type_id) or _PREDEFINED.get(type_id)
        if found is None:
            raise BrokenStreamError(f"the gob type {type_id} is used but was never defined")
        return found

    def define(self, type_id: int, definition: object) -> None:
        """Add the type that a decoded ``wireType`` describes.

        The id inside the definition is ignored: for types that encode themselves Go sends a wrong
        one. The types it refers to may follow later.
        """
        self._check(type_id)
        self._types[type_id] = self._read(definition)

    def add(self, type_id: int, known: WireType) -> None:
        """Add a type whose definition was read before."""
        self._check(type_id)
        self._types[type_id] = known

    def _check(self, type_id: int) -> None:
        if type_id < FIRST_FREE_ID or type_id in self._types:
            raise BrokenStreamError(f"the gob type {type_id} is defined although it exists")
        if len(self._types) >= self._limits.types:
            raise StreamLimitError(f"more than {self._limits.types} gob types on one connection")

    def _read(self, definition: object) -> WireType:
        if not isinstance(definition, dict) or len(definition) != 1:
            raise BrokenStreamError("a gob type definition must be of exactly one kind")
        ((kind, body),) = definition.items()
        common = body.get("CommonType", {})
        name = self._name(common.get("Name", ""))
        match kind:
            case "StructT":
                return StructType(name=name, fields=self._fields(body.get("Field", [])))
            case "SliceT":
                return ListType(name=name, element=_reference(body.get("Elem", 0)))
            case "ArrayT":
                element, length = _reference(body.get("Elem", 0)), body.get("Len", 0)
                if not 0 <= length <= self._limits.elements:
                    raise StreamLimitError(f"a gob array type has {length} elements")
                return ListType(name=name, element=element, length=length)
            case "MapT":
                key, element = _reference(body.get("Key", 0)), _reference(body.get("Elem", 0))
                return MapType(name=name, key=key, element=element)
            case _:
                return OpaqueType(name=name)

    def _fields(self, described: list[dict[str, object]]) -> tuple[WireField, ...]:
        if len(described) > self._limits.fields:
            raise StreamLimitError(f"a gob struct type has {len(described)} fields")
        fields = tuple(
            WireField(name=self._name(field.get("Name")), type_id=_reference(field.get("Id")))
            for field in described
        )
        if len({field.name for field in fields} - {""}) != len(fields):
            raise BrokenStreamError("a gob struct type has two fields of one name or one without")
        return fields

    def _name(self, name: object) -> str:
        text = name if isinstance(name, str) else ""
        if len(text) > self._limits.name:
            raise StreamLimitError(f"a gob name of {len(text)} characters is too long")
        return text


def _reference(type_id: object) -> int:
    if not isinstance(type_id, int) or type_id <= 0:
        raise BrokenStreamError("a gob type definition refers to no type")
    return type_id

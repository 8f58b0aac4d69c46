"""Types as we want them: which Go type stands behind which Python record.

A schema is plain data. The same schema reads values (matched by field name, whatever the sender's
order) and writes them.
"""

from collections.abc import Callable, Sized
from dataclasses import dataclass, field
from typing import Final, Generic, TypeAlias, TypeVar

from boruta_farm.gorpc.types import GoKind

T = TypeVar("T")
RecordT = TypeVar("RecordT", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A truth value, number, text or bytes; integers of Go's widths below 64 set ``bits``."""

    kind: GoKind
    bits: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class BigInt:
    """Go's ``big.Int``, an ``int`` of any size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A Go slice, a tuple in Python."""

    name: str
    element: "Schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """A Go map, a dictionary in Python; keys are scalars."""

    name: str
    key: Scalar
    element: "Schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoField:
    """A struct field: its Go name, the record's attribute, its type."""

    name: str
    attribute: str
    schema: "Schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoStruct(Generic[RecordT]):
    """A Go struct, a record in Python.

    ``record`` is called with every field's attribute as keyword; fields that the sender left out
    come as their zero value.
    """

    name: str
    record: Callable[..., RecordT]
    fields: tuple[GoField, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class GoNamed(Generic[RecordT]):
    """A Go type that only gives another one a name, a record of one attribute in Python."""

    record: Callable[..., RecordT]
    attribute: str
    schema: "Schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concrete:
    """A type that may stand in an interface: its registered name, its record class, its schema."""

    name: str
    record: type[object]
    schema: "GoStruct[object] | GoNamed[object]"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoInterface:
    """A Go interface: one of the records registered here, or None."""

    concretes: tuple[Concrete, ...]


Schema: TypeAlias = Scalar | BigInt | Slice | Map | GoStruct[object] | GoNamed[object] | GoInterface

BOOL: Final = Scalar(kind=GoKind.BOOL)
INT: Final = Scalar(kind=GoKind.INT)
UINT: Final = Scalar(kind=GoKind.UINT)
UINT8: Final = Scalar(kind=GoKind.UINT, bits=8)
FLOAT: Final = Scalar(kind=GoKind.FLOAT)
BYTES: Final = Scalar(kind=GoKind.BYTES)
STRING: Final = Scalar(kind=GoKind.STRING)
BIG_INT: Final = BigInt()


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """The record of a Go struct without fields."""


ZERO_SCALARS: Final[dict[GoKind, object]] = {
    GoKind.BOOL: False,
    GoKind.INT: 0,
    GoKind.UINT: 0,
    GoKind.FLOAT: 0.0,
    GoKind.BYTES: b"",
    GoKind.STRING: "",
}


def zero(schema: Schema) -> object:
    """Return what an absent field of this type means."""
    match schema:
        case Scalar(kind=kind):
            return ZERO_SCALARS[kind]
        case BigInt():
            return 0
        case Slice():
            return ()
        case Map():
            return {}
        case GoInterface():
            return None
        case GoStruct(record=record, fields=fields):
            return record(**{each.attribute: zero(each.schema) for each in fields})
        case GoNamed(record=record, attribute=attribute, schema=inner):
            return record(**{attribute: zero(inner)})


def is_zero(value: object) -> bool:
    """Tell whether a field of this value is left out of what is sent."""
    return value is None or (isinstance(value, int | float | Sized) and not value)

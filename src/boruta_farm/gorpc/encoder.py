"""Records to bytes.

Definitions go out once per connection, before the first value that needs them, those of interface
values included: Go's own habit of slipping them into the middle of a value need not be imitated.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from boruta_farm.gorpc.errors import MismatchError
from boruta_farm.gorpc.limits import DEFAULT_LIMITS, GobLimits
from boruta_farm.gorpc.primitives import (
    encode_big_int,
    encode_bytes,
    encode_float,
    encode_int,
    encode_text,
    encode_uint,
)
from boruta_farm.gorpc.schema import (
    BigInt,
    GoField,
    GoInterface,
    GoNamed,
    GoStruct,
    Map,
    Scalar,
    Schema,
    Slice,
    is_zero,
)
from boruta_farm.gorpc.types import FIRST_FREE_ID, GoKind

_END: Final = b"\x00"


class Encoder:
    """Encode one direction of one connection."""

    def __init__(self, limits: GobLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._ids: dict[Schema, int] = {}

    def encode(self, *values: tuple[GoStruct[object], object]) -> bytes:
        """Encode values one after the other, each with the definitions it still needs.

        All or nothing: on ``MismatchError`` the encoder is as before, so that what the peer knows
        and what we believe it knows never differ.
        """
        before = dict(self._ids)
        try:
            return b"".join(self._encode(schema, value) for schema, value in values)
        except MismatchError:
            self._ids = before
            raise

    def _encode(self, schema: GoStruct[object], value: object) -> bytes:
        definitions: list[bytes] = []
        type_id = self._type_id(schema, definitions)
        body = encode_int(type_id) + self._value(schema, value, schema.name, definitions)
        if len(body) > self._limits.message:
            raise MismatchError(
                f"a {schema.name} of {len(body)} bytes exceeds the limit of {self._limits.message}"
            )
        return b"".join(definitions) + encode_bytes(body)

    def _type_id(self, schema: Schema, definitions: list[bytes]) -> int:
        match schema:
            case Scalar(kind=kind):
                return kind
            case GoInterface():
                return GoKind.INTERFACE
            case GoNamed(schema=underlying):
                return self._type_id(underlying, definitions)
        known = self._ids.get(schema)
        if known is not None:
            return known
        type_id = FIRST_FREE_ID + 1 + len(self._ids)
        self._ids[schema] = type_id
        # Go sends the outer definition first; it needs the ids of the inner ones all the same.
        inner: list[bytes] = []
        wire_type = self._wire_type(schema, type_id, inner)
        definitions += [encode_bytes(encode_int(-type_id) + wire_type), *inner]
        return type_id

    def _wire_type(
        self, schema: BigInt | Slice | Map | GoStruct[object], type_id: int, inner: list[bytes]
    ) -> bytes:
        match schema:
            case Slice(name=name, element=element):
                body = _common(name, type_id) + b"\x01" + encode_int(self._type_id(element, inner))
                return b"\x02" + body + _END + _END
            case GoStruct(name=name, fields=fields):
                ids = [self._type_id(field.schema, inner) for field in fields]
                described = b"".join(
                    b"\x01" + encode_text(field.name) + b"\x01" + encode_int(field_id) + _END
                    for field, field_id in zip(fields, ids, strict=True)
                )
                listed = b"\x01" + encode_uint(len(fields)) + described if fields else b""
                return b"\x03" + _common(name, type_id) + listed + _END + _END
            case Map(name=name, key=key, element=element):
                ids = [self._type_id(key, inner), self._type_id(element, inner)]
                body = b"".join(b"\x01" + encode_int(each) for each in ids)
                return b"\x04" + _common(name, type_id) + body + _END + _END
            case BigInt():
                return b"\x05" + _common("", type_id) + _END + _END

    def _value(self, schema: Schema, value: object, where: str, definitions: list[bytes]) -> bytes:
        match schema:
            case Scalar():
                return _scalar(schema, value, where)
            case BigInt() if isinstance(value, int):
                return encode_bytes(encode_big_int(value))
            case Slice(element=element) if isinstance(value, Sequence):
                values = [self._value(element, each, where, definitions) for each in value]
                return encode_uint(len(values)) + b"".join(values)
            case Map(key=key, element=element) if isinstance(value, Mapping):
                pairs = b"".join(
                    _scalar(key, name, where) + self._value(element, each, where, definitions)
                    for name, each in value.items()
                )
                return encode_uint(len(value)) + pairs
            case GoStruct(fields=fields):
                return self._struct(fields, value, definitions)
            case GoNamed(attribute=attribute, schema=inner):
                return self._value(inner, getattr(value, attribute), where, definitions)
            case GoInterface():
                return self._interface(schema, value, where, definitions)
        raise MismatchError(f"{where} cannot be a {type(value).__name__} over gob")

    def _struct(
        self, fields: tuple[GoField, ...], value: object, definitions: list[bytes]
    ) -> bytes:
        parts: list[bytes] = []
        last = -1
        for number, field in enumerate(fields):
            member = getattr(value, field.attribute)
            if is_zero(member):
                continue
            parts.append(encode_uint(number - last))
            parts.append(self._value(field.schema, member, field.name, definitions))
            last = number
        return b"".join(parts) + _END

    def _interface(
        self, schema: GoInterface, value: object, where: str, definitions: list[bytes]
    ) -> bytes:
        if value is None:
            return encode_text("")
        for concrete in schema.concretes:
            if isinstance(value, concrete.record):
                type_id = self._type_id(concrete.schema, definitions)
                mark = b"" if isinstance(concrete.schema, GoStruct) else _END
                content = mark + self._value(concrete.schema, value, where, definitions)
                return encode_text(concrete.name) + encode_int(type_id) + encode_bytes(content)
        raise MismatchError(f"{where} cannot be a {type(value).__name__}: it is not registered")


def _common(name: str, type_id: int) -> bytes:
    """Encode the ``CommonType`` that opens every definition, with its field number."""
    named = b"\x01" + encode_text(name) + b"\x01" if name else b"\x02"
    return b"\x01" + named + encode_int(type_id) + _END


def _scalar(schema: Scalar, value: object, where: str) -> bytes:
    match schema.kind, value:
        case GoKind.BOOL, bool():
            return encode_uint(value)
        case ((GoKind.INT | GoKind.UINT), bool()):
            pass
        case GoKind.INT, int() if -1 << schema.bits - 1 <= value < 1 << schema.bits - 1:
            return encode_int(value)
        case GoKind.UINT, int() if 0 <= value < 1 << schema.bits:
            return encode_uint(value)
        case GoKind.FLOAT, float():
            return encode_float(value)
        case GoKind.BYTES, bytes():
            return encode_bytes(value)
        case GoKind.STRING, str():
            return encode_text(value)
    wanted = f"{schema.kind.name.lower()} of {schema.bits} bits"
    raise MismatchError(f"{where} cannot be this {type(value).__name__} over gob: it is a {wanted}")

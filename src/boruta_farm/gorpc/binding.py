"""Values in the sender's terms to records in ours, as Go's decoder would fill a struct.

Fields are matched by name, case included. Fields we do not know are dropped, fields the sender
lacks are zero; names of types are never compared. Because the value was read completely before,
a mismatch never disturbs the stream.
"""

from boruta_farm.gorpc.errors import MismatchError
from boruta_farm.gorpc.parser import InterfaceValue
from boruta_farm.gorpc.primitives import decode_big_int
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
    T,
    zero,
)
from boruta_farm.gorpc.types import GoKind, ListType, MapType, OpaqueType, StructType, TypeTable


def bind(value: object, type_id: int, schema: GoStruct[T], types: TypeTable) -> T:
    """Build the record that ``schema`` describes; raise ``MismatchError`` when the types differ."""
    wire = None if type_id <= GoKind.INTERFACE else types[type_id]
    if not isinstance(wire, StructType) or not isinstance(value, dict):
        raise MismatchError(f"gob: type mismatch: {schema.name} must be a struct")
    known = {field.name: field.type_id for field in wire.fields}
    wanted = {field.name for field in schema.fields}
    if known and wanted and wanted.isdisjoint(known):
        raise MismatchError(
            f"gob: type mismatch: no fields matched compiling decoder for {schema.name}"
        )
    return schema.record(
        **{
            field.attribute: _bind_field(value[field.name], known[field.name], field, types)
            if field.name in value
            else zero(field.schema)
            for field in schema.fields
        }
    )


def _bind_field(value: object, type_id: int, field: GoField, types: TypeTable) -> object:
    return _bind(value, type_id, field.schema, types, field.name)


def _bind(value: object, type_id: int, schema: Schema, types: TypeTable, where: str) -> object:
    match schema:
        case Scalar():
            return _bind_scalar(value, type_id, schema, where)
        case GoNamed(record=record, attribute=attribute, schema=inner):
            return record(**{attribute: _bind(value, type_id, inner, types, where)})
        case GoInterface():
            return _bind_interface(value, type_id, schema, types, where)
    wire = None if type_id <= GoKind.INTERFACE else types[type_id]
    match schema, wire:
        case GoStruct(), StructType():
            return bind(value, type_id, schema, types)
        case Slice(element=element), ListType(element=sent, length=None) if isinstance(value, list):
            return tuple(_bind(each, sent, element, types, where) for each in value)
        case Map(), MapType() if isinstance(value, list):
            return {
                _bind_scalar(key, wire.key, schema.key, where): _bind(
                    element, wire.element, schema.element, types, where
                )
                for key, element in value
            }
        case BigInt(), OpaqueType() if isinstance(value, bytes):
            return decode_big_int(value)
    raise MismatchError(f"gob: type mismatch: {where} must be a {type(schema).__name__.lower()}")


def _bind_scalar(value: object, type_id: int, schema: Scalar, where: str) -> object:
    if type_id != schema.kind:
        raise MismatchError(f"gob: type mismatch: {where} must be {schema.kind.name.lower()}")
    if isinstance(value, int) and schema.bits < 64:
        low, high = (-1 << schema.bits - 1, 1 << schema.bits - 1)
        if schema.kind is GoKind.UINT:
            low, high = 0, 1 << schema.bits
        if not low <= value < high:
            raise MismatchError(f'value for "{where}" out of range')
    return value


def _bind_interface(
    value: object, type_id: int, schema: GoInterface, types: TypeTable, where: str
) -> object:
    if type_id != GoKind.INTERFACE:
        raise MismatchError(f"gob: type mismatch: {where} must be an interface")
    if not isinstance(value, InterfaceValue):
        return None
    for concrete in schema.concretes:
        if concrete.name == value.name:
            return _bind(value.value, value.type_id, concrete.schema, types, where)
    raise MismatchError(f'gob: name not registered for interface: "{value.name}"')

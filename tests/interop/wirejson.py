"""Records as the JSON that Go's ``encoding/json`` makes of the structs behind them."""

import base64
import json
from collections.abc import Mapping

from boruta_farm.gorpc.schema import GoInterface, GoNamed, GoStruct, Map, Schema, Slice, is_zero


def to_json(schema: Schema, value: object) -> object:
    """Return plain data under Go's field names, zero fields left out."""
    match schema:
        case GoStruct(fields=fields):
            members = {field: getattr(value, field.attribute) for field in fields}
            return {
                field.name: to_json(field.schema, member)
                for field, member in members.items()
                if not is_zero(member)
            }
        case GoNamed(attribute=attribute, schema=inner):
            return to_json(inner, getattr(value, attribute))
        case GoInterface(concretes=concretes):
            found = next(each for each in concretes if isinstance(value, each.record))
            return {"Name": found.name, "Value": to_json(found.schema, value)}
        case Map(element=element) if isinstance(value, Mapping):
            return {key: to_json(element, each) for key, each in value.items()}
        case Slice(element=element) if isinstance(value, tuple):
            return [to_json(element, each) for each in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def line(method: str, argument: object) -> str:
    """Return a call as the Go programs take and print it."""
    return json.dumps({"Method": method, "Argument": argument}) + "\n"

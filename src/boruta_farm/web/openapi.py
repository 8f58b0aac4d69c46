"""The API's description, made from the route table and the types it names."""

from collections.abc import Iterable
from dataclasses import is_dataclass
from types import GenericAlias
from typing import Any, get_args, get_origin

import msgspec

from boruta_farm.model.answers import Refusal
from boruta_farm.web.calls import JSON_TYPE, Answer, Call
from boruta_farm.web.redirects import PREFIX
from boruta_farm.web.routes import Route
from boruta_farm.web.shapes import answer

Json = dict[str, Any]


def _name(name: str, words: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": words,
        "schema": {"type": "string", "minLength": 1, "maxLength": 64},
    }


_PATH_PARAMETERS: dict[str, Json] = {
    "user": _name("user", "an account's name"),
    "group": _name("group", "a group's name"),
    "token": _name("token", "a token's ID"),
    "id": {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "a request's ID",
        "schema": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
    },
    "provider": _name("provider", "a sign-in provider's name"),
    "worker": _name("worker", "a worker's UUID (lower case) or its name"),
}


def describe(routes: Iterable[Route], version: str) -> Json:
    """Return the OpenAPI 3.1 document for a route table."""
    table = tuple(routes)
    types = {repr(Refusal): answer(Refusal), **_types(table)}
    schemas, components = msgspec.json.schema_components(
        types.values(), ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip(types, schemas, strict=True))
    error = {"application/json": {"schema": by_type[repr(Refusal)]}}
    paths: dict[str, Json] = {}
    for route in table:
        operations = paths.setdefault(PREFIX + route.path, {})
        operations[route.method.lower()] = _operation(route, by_type, error, head=False)
        if route.head:
            operations["head"] = _operation(route, by_type, error, head=True)
    strict = [route.reader.wanted for route in table if route.reader and route.reader.strict]
    _, exact = msgspec.json.schema_components(strict)
    for name in components.keys() - exact.keys():
        # Unknown keys are ignored, as in Go; only the fast decoder refuses them.
        components[name].pop("additionalProperties", None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Boruta",
            "version": version,
            "summary": "Lends boards: request, match, prove clean, open SSH, take back on time.",
        },
        "paths": paths,
        "components": {"schemas": components},
    }


FIELDS = "fields"
"""The parameter by which a list tells some keys alone.

It is told to people and not in the description: a client that is generated gets whole records.
"""


class ApiDescription:
    """Answer with the description of a route table that holds this very call."""

    def __init__(self) -> None:
        self._body = b""

    def cover(self, routes: Iterable[Route], version: str) -> None:
        """Describe these routes from now on."""
        self._body = msgspec.json.encode(describe(routes, version))

    async def show(self, _call: Call) -> Answer:
        """Answer one call."""
        return Answer(status=200, headers=(JSON_TYPE,), body=self._body)


def _told(kind: Any) -> Any:
    """Return msgspec's type for an answer: records are told as they declare."""
    if get_origin(kind) is list:
        return GenericAlias(list, (_told(get_args(kind)[0]),))
    return answer(kind) if is_dataclass(kind) and isinstance(kind, type) else kind


def _types(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the types of bodies and answers by the text under which routes name them."""
    found: dict[str, Any] = {}
    for route in routes:
        if route.reader is not None:
            found[repr(route.reader.wanted)] = route.reader.wanted
        if route.answer is not None:
            found[repr(route.answer)] = _told(route.answer)
    return found


def _operation(route: Route, schemas: dict[str, Any], error: Json, *, head: bool) -> Json:
    good: Json = {"description": "done"}
    if route.headers:
        good["headers"] = {
            name: {"required": True, "schema": {"type": "string"}} for name in route.headers
        }
    if route.answer is not None and not head:
        schema = schemas[repr(route.answer)]
        good["content"] = {route.media: {"schema": schema}}
    bad: Json = {"description": "an error in words"}
    if not head:
        bad["content"] = error
    name = f"{'head' if head else route.method.lower()}_{route.path}"
    operation: Json = {
        "operationId": name.strip("/").replace("/", "_").replace("{", "").replace("}", ""),
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_other_parameters(route)],
        "responses": {"204" if head else str(route.success): good, "default": bad},
    }
    if route.reader is not None:
        schema = schemas[repr(route.reader.wanted)]
        operation["requestBody"] = {
            "required": not (route.listing or route.optional_body),
            "content": {route.reader.media: {"schema": schema}},
        }
    return operation


def _path_parameters(route: Route) -> list[Json]:
    return [_PATH_PARAMETERS[part.strip("{}")] for part in route.path.split("/") if part[:1] == "{"]


def _other_parameters(route: Route) -> list[Json]:
    return [
        {
            "name": parameter.name,
            "in": parameter.place,
            "required": False,
            "description": parameter.words,
            "schema": {"type": parameter.kind},
        }
        for parameter in route.parameters
        if parameter.name != FIELDS
    ]

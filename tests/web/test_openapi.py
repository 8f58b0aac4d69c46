"""The description against the route table, and the application against its description."""

from typing import Any

import hypothesis
import msgspec
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.web.serving import VERSION, World, routes_of

from boruta_farm.web.openapi import describe
from boruta_farm.web.services import WebOptions

UUID = "00000000-0000-4000-8000-000000000001"

PATH = "/api/v1/openapi.json"


def filled() -> World:
    """Return a farm in which a few guesses hit something."""
    world = World(WebOptions(heartbeat=0.01))
    world.workers.register(UUID, "board-1", {"type": "t1"})
    return world


def described() -> dict[str, Any]:
    world = World()
    return describe(routes_of(world), VERSION)


def test_every_route_is_described_and_nothing_else() -> None:
    world = World()
    routes = routes_of(world)
    expected = {(route.method.lower(), f"/api/v1/{route.path}") for route in routes}
    expected |= {("head", f"/api/v1/{route.path}") for route in routes if route.head}
    paths = described()["paths"]
    assert {(method, path) for path, calls in paths.items() for method in calls} == expected


def test_operations_have_names_of_their_own() -> None:
    names = [
        operation["operationId"]
        for calls in described()["paths"].values()
        for operation in calls.values()
    ]
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere() -> None:
    document = described()
    text = msgspec.json.encode(document).decode()
    names = set(document["components"]["schemas"])
    references = {
        part.partition('"')[0] for part in text.split('"$ref":"#/components/schemas/')[1:]
    }
    assert references == names


async def test_it_is_served() -> None:
    async with World().client() as client:
        answer = await client.get(PATH)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["openapi"] == "3.1.0"
        assert PATH in answer.json()["paths"]
        assert (await client.head(PATH)).status_code == 204


def test_unknown_keys_are_forbidden_only_where_the_original_has_no_such_call() -> None:
    schemas = described()["components"]["schemas"]
    assert {name for name, schema in schemas.items() if "additionalProperties" in schema} == {
        *("AccountChangeBody", "GroupChangeBody", "LimitsBody", "LoginBody", "NewTokenBody"),
        "WorkerChangeBody",
    }
    assert "additionalProperties" not in schemas["RequestBody"]
    assert schemas["RequestBody"]["properties"]["Caps"]
    assert "WorkerUUID" in schemas["Worker"]["required"]


def test_it_tells_what_is_always_there_which_states_exist_and_what_may_be_sent() -> None:
    schemas = described()["components"]["schemas"]
    request = schemas["Request"]
    assert {"ID", "Owner", "State", "Job", "Caps", "Created"} <= set(request["required"])
    assert "Selector" not in request["required"]
    assert "IN PROGRESS" in schemas["RequestState"]["enum"]
    assert request["properties"]["Priority"]["description"] == "1 (most important) to 16"
    for name in ("RequestBody", "AccountChangeBody", "NewTokenBody", "StateBody"):
        assert schemas[name]["description"]
        assert schemas[name]["properties"]


SCHEMA = schemathesis.openapi.from_asgi(PATH, filled().app).exclude(path="/api/v1/events")


@SCHEMA.parametrize()
@hypothesis.settings(max_examples=12, deadline=None, database=None)
def test_the_application_does_as_described(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
        ]
    )


@pytest.mark.prove
@SCHEMA.parametrize()
@hypothesis.settings(max_examples=300, derandomize=False, deadline=None, database=None)
def test_the_application_does_as_described_at_length(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(
        checks=[not_a_server_error, status_code_conformance, response_schema_conformance]
    )

"""The description against the route table, and the application against its description."""

import asyncio
import threading
from collections.abc import Iterator
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
from starlette.types import Message, Receive, Scope, Send
from tests.web.serving import VERSION, World, routes_of

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import NewRequest
from boruta_farm.web.openapi import describe
from boruta_farm.web.services import WebOptions

UUID = "00000000-0000-4000-8000-000000000001"

PATH = "/api/v1/openapi.json"


class Elsewhere:
    """A farm in which a few guesses hit something, on a loop of its own: each case brings one.

    Tests of other files may come between these, so it can be started again.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call there; the description, read before all begins, needs no farm."""
        if self._thread is None:
            await World().app(scope, receive, send)
            return
        incoming, answer = await receive(), list[Message]()
        call = self._call(scope, incoming, answer)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, self._loop))
        for message in answer:
            await send(message)

    async def _call(self, scope: Scope, incoming: Message, answer: list[Message]) -> None:
        left = [incoming]

        async def receive() -> Message:
            return left.pop() if left else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            answer.append(message)

        await self._world.app(scope, receive, send)

    def start(self) -> None:
        """Open a farm and go on in a thread."""
        self._world = World(WebOptions(heartbeat=0.01))
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._open())
        self._thread = threading.Thread(target=self._loop.run_forever, name="farm")
        self._thread.start()

    def stop(self) -> None:
        """End thread and farm."""
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._thread = None
        self._loop.run_until_complete(self._world.__aexit__(None, None, None))
        self._loop.close()

    async def _open(self) -> None:
        await self._world.__aenter__()
        await self._world.register(UUID, "board-1", {"type": "t1"})
        await self._world.requests.new_request(LOCAL_ADMIN, NewRequest(caps={}, priority=8))


ELSEWHERE = Elsewhere()


@pytest.fixture(scope="module", autouse=True)
def elsewhere() -> Iterator[None]:
    ELSEWHERE.start()
    yield
    ELSEWHERE.stop()


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


async def test_it_is_served(world: World) -> None:
    async with world.client() as client:
        answer = await client.get(PATH)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["openapi"] == "3.1.0"
        assert PATH in answer.json()["paths"]
        assert (await client.head(PATH)).status_code == 204


def test_unknown_keys_are_forbidden_only_where_the_original_has_no_such_call() -> None:
    schemas = described()["components"]["schemas"]
    assert {name for name, schema in schemas.items() if "additionalProperties" in schema} == {
        *("AccountChangeBody", "BoardActBody", "DeviceCallBody", "GroupChangeBody", "LimitsBody"),
        *("LoginBody", "MoreTimeBody", "NewTokenBody", "RemovalBody", "SharingBody", "WishBody"),
        *("DeviceHandleBody", "WorkerChangeBody"),
    }
    assert "additionalProperties" not in schemas["RequestBody"]
    assert schemas["RequestBody"]["properties"]["Caps"]
    assert "WorkerUUID" in schemas["Worker"]["required"]


def test_it_tells_what_is_always_there_which_states_exist_and_what_may_be_sent() -> None:
    schemas = described()["components"]["schemas"]
    request = schemas["Request"]
    assert {"ID", "Owner", "State", "Job", "Caps", "Created"} <= set(request["required"])
    assert "Selector" not in request["required"]
    assert schemas["RequestOwner"]["required"] == ["Groups"]
    assert "IN PROGRESS" in schemas["RequestState"]["enum"]
    assert request["properties"]["Priority"]["description"] == "1 (most important) to 16"
    for name in ("RequestBody", "AccountChangeBody", "NewTokenBody", "StateBody"):
        assert schemas[name]["description"]
        assert schemas[name]["properties"]


AT_LENGTH = [not_a_server_error, status_code_conformance, response_schema_conformance]
"""What is checked of many calls; `./run fuzz calls` makes more of them."""

SCHEMA = schemathesis.openapi.from_asgi(PATH, ELSEWHERE).exclude(path="/api/v1/events")


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
@hypothesis.settings(max_examples=100, derandomize=False, deadline=None, database=None)
def test_the_application_does_as_described_at_length(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(checks=AT_LENGTH)

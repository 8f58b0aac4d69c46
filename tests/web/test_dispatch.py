import logging

import pytest
from tests.web.serving import VERSION, World, raw_call, served

from boruta_farm.model.errors import OverloadedError
from boruta_farm.model.listing import Page
from boruta_farm.model.request import Request


async def test_head_answers_204_with_the_headers_of_get(world: World) -> None:
    async with served(world.app) as port:
        answer = await raw_call(port, "HEAD", "/api/v1//version")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["boruta-server-version"] == VERSION


async def test_head_keeps_the_status_of_errors(world: World) -> None:
    async with served(world.app) as port:
        answer = await raw_call(port, "HEAD", "/api/v1/reqs/7")
    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize(
    ("method", "path"),
    [("HEAD", "/api/v1/reqs/"), ("PATCH", "/api/v1/reqs/"), ("GET", "/api/v1/nope")],
)
async def test_what_is_not_served_is_not_found(method: str, path: str, world: World) -> None:
    async with world.client() as client:
        answer = await client.request(method, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    if method != "HEAD":
        assert answer.json()["message"] == f"{path} not found"


@pytest.mark.parametrize("path", ["/nope", "/api", "/api/"])
async def test_outside_the_api_it_is_plain_text(path: str, world: World) -> None:
    async with world.client() as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_call_that_is_not_an_error_of_ours_is_logged_and_answered(
    caplog: pytest.LogCaptureFixture, world: World
) -> None:

    async def broken(*_: object) -> Page[Request]:
        raise KeyError("a secret detail")

    world.requests.list_requests = broken  # type: ignore[method-assign, assignment]  # it fails
    with caplog.at_level(logging.ERROR):
        async with world.client() as client:
            answer = await client.post("/api/v1/reqs/list")
    assert answer.status_code == 500
    assert answer.headers["boruta-list-total"] == "0"
    assert "secret" not in answer.text
    assert "a secret detail" in caplog.text


async def test_an_overloaded_farm_asks_to_come_again(world: World) -> None:

    async def overloaded(*_: object) -> int:
        raise OverloadedError

    world.requests.new_request = overloaded  # type: ignore[method-assign, assignment]  # it refuses
    async with world.client() as client:
        answer = await client.post("/api/v1/reqs/", json={"Priority": 8})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_any_content_type_and_length_is_taken_from_old_clients(world: World) -> None:
    async with served(world.app) as port:
        for headers in (
            ("Content-Type:",),
            ("Content-Type: application/x-www-form-urlencoded",),
            ("Content-Type: text/plain; charset=latin-1",),
        ):
            answer = await raw_call(port, "POST", "/api/v1/reqs/", headers, b'{"Priority":8}')
            assert answer.status == 201
        answer = await raw_call(port, "POST", "/api/v1/reqs/1/close", ("Content-Type:",), b"")
        assert answer.status == 204
        answer = await raw_call(port, "POST", "/api/v1/workers/list")
        assert (answer.status, answer.body) == (200, b"[]")


async def test_health_tells_what_stands_still(world: World) -> None:
    async with world.client() as client:
        answer = await client.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"Status": "ok"})
        world.trouble = "the writer has not moved for 12 s"
        answer = await client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"Status": "stalled", "message": world.trouble}
    assert answer.headers["content-type"] == "application/json"

import asyncio
from collections.abc import Iterable

import pytest
from starlette.types import Message, Receive
from tests.web.serving import NewWorld, World, parse_answer, raw_call, served

from boruta_farm.web.calls import DIRECT
from boruta_farm.web.errors import BodyTooLargeError, CallerGoneError, SlowBodyError
from boruta_farm.web.limits import MAX_BODY, read_body
from boruta_farm.web.services import WebOptions


def chunks(parts: Iterable[bytes], *, gone: bool = False) -> Receive:
    """Return a caller who sends these parts, then ends or hangs up."""
    left = list(parts)

    async def receive() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or gone}
        return {"type": "http.disconnect"}

    return receive


async def test_joins_what_comes_in_parts() -> None:
    assert await read_body({}, chunks([b"a", b"", b"b"]), 1) == b"ab"
    assert await read_body({}, chunks([b"x" * MAX_BODY]), 1) == b"x" * MAX_BODY


@pytest.mark.parametrize(
    "parts",
    [
        [b"x" * (MAX_BODY + 1)],
        [b"x" * MAX_BODY, b"x"],
        [b"x" * MAX_BODY] * 100,
    ],
)
async def test_refuses_more_than_the_limit(parts: list[bytes]) -> None:
    with pytest.raises(BodyTooLargeError):
        await read_body({}, chunks(parts), 1)


async def test_notices_a_caller_who_hangs_up() -> None:
    with pytest.raises(CallerGoneError):
        await read_body({}, chunks([b"a"], gone=True), 1)
    with pytest.raises(CallerGoneError):
        await read_body({}, chunks([]), 1)


async def test_what_has_come_is_taken_without_waiting() -> None:
    class Connection:
        def __init__(self, body: bytes | None) -> None:
            self.body = body

        def whole_body(self) -> bytes | None:
            return self.body

    assert await read_body({DIRECT: Connection(b"ab")}, chunks([]), 1) == b"ab"
    assert await read_body({DIRECT: Connection(None)}, chunks([b"c"]), 1) == b"c"
    with pytest.raises(BodyTooLargeError):
        await read_body({DIRECT: Connection(b"x" * (MAX_BODY + 1))}, chunks([]), 1)


async def test_does_not_wait_for_ever() -> None:
    async def silent() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("never woken")

    with pytest.raises(SlowBodyError):
        await read_body({}, silent, 0.01)


async def test_a_large_body_gets_an_answer_not_a_reset(world: World) -> None:
    async with served(world.app) as port:
        answer = await raw_call(port, "POST", "/api/v1/reqs/", body=b"x" * (3 * MAX_BODY))
    assert answer.status == 413
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/json"


async def test_a_large_body_is_refused_before_it_is_sent(world: World) -> None:
    async with served(world.app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /api/v1/reqs/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Content-Length: 9999999\r\n\r\n"
        )
        answer = parse_answer(await asyncio.wait_for(reader.read(), 5))
        writer.close()
        await writer.wait_closed()
    assert answer.status == 413


async def test_a_slow_body_gets_408_and_the_door(new_world: NewWorld) -> None:
    world = await new_world(WebOptions(body_timeout=0.05))
    async with served(world.app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b'POST /api/v1/reqs/ HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{"Pr')
        answer = parse_answer(await asyncio.wait_for(reader.read(), 5))
        writer.close()
        await writer.wait_closed()
    assert answer.status == 408
    assert answer.headers["connection"] == "close"


async def test_a_body_in_chunks_is_read(world: World) -> None:
    async with served(world.app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /api/v1/reqs/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b'Transfer-Encoding: chunked\r\n\r\n7\r\n{"Prior\r\n7\r\nity":8}\r\n0\r\n\r\n'
        )
        answer = parse_answer(await asyncio.wait_for(reader.read(), 5))
        writer.close()
        await writer.wait_closed()
    assert answer.status == 201

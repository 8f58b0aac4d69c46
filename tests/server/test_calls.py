"""HTTP as the world speaks it, byte by byte, plain and under TLS."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from boruta_farm.server.http.bounds import Bounds
from boruta_farm.server.http.door import Door
from boruta_farm.web.calls import DIRECT, in_task
from tests.server.speaking import WITHIN, Echo, Port, answers_in, heard, speaking

CLOSE = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
CLOSE_204 = CLOSE.replace(b"/last", b"/204")
POST = b"POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"


@pytest.fixture(params=["plain", "tls", "direct"])
async def port(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Port]:
    app = Echo(direct=request.param == "direct")
    async with speaking(app, tls=tmp_path if request.param == "tls" else None) as found:
        yield found


async def said(port: Port, *parts: bytes) -> list[dict[str, str]]:
    """Return what the application heard of the calls in these parts, and of a last one."""
    answers = list(answers_in(await port.say(*parts, CLOSE)))
    *found, last = [heard(answer) for answer in answers if answer.status != 100]
    assert last["path"] == "/last"
    return found


@pytest.mark.parametrize("upgrade", [H2C, H2C.replace(b"h2c", b"websocket"), b"Upgrade: foo\r\n"])
async def test_an_upgrade_beside_a_body_is_ignored(port: Port, upgrade: bytes) -> None:
    """JDK's HttpClient and `curl --http2` send one with every first call."""
    [call] = await said(port, POST + upgrade + b"\r\nbody")
    assert (call["path"], call["body"]) == ("/file", "body")


async def test_an_upgrade_on_a_get_is_ignored_unless_it_is_a_websocket(port: Port) -> None:
    [call] = await said(port, b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n" + H2C + b"\r\n")
    assert (call["path"], call["query"]) == ("/a", "b=c")


async def test_an_upgrades_body_may_come_later_and_in_chunks(port: Port) -> None:
    chunked = POST.replace(b"Content-Length: 4", b"Transfer-Encoding: chunked")
    [call] = await said(port, chunked + H2C + b"\r\n", b"2\r\nbo\r\n", b"2\r\ndy\r\n0\r\n\r\n")
    assert call["body"] == "body"


async def test_a_body_that_comes_later_is_never_the_next_call(port: Port) -> None:
    """Not where it looks like one either, nor where its call was refused before it came."""
    inner = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    for path in (b"/file", b"/refuse"):
        head = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path, len(inner))
        found = await port.say(head, inner[:9], inner[9:], CLOSE)
        assert [answer.status for answer in answers_in(found)] == [
            200 if path == b"/file" else 401,
            200,
        ]
        assert b'/smuggled"' not in found


async def test_calls_in_one_packet_are_answered_in_their_order(port: Port) -> None:
    calls = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(300))
    found = await said(port, calls)
    assert [call["path"] for call in found] == [f"/{number}" for number in range(300)]


async def test_a_call_may_come_byte_by_byte(port: Port) -> None:
    call = POST + b"\r\nbody"
    chunked = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunked += b"1\r\na\r\n0\r\n\r\n"
    parts = [bytes([byte]) for byte in call + chunked]
    assert [found["body"] for found in await said(port, *parts)] == ["body", "a"]


async def test_a_caller_who_waits_for_leave_gets_it(port: Port) -> None:
    reader, writer = await port.connect()
    writer.write(POST + b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(WITHIN):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"body")
        [answer] = answers_in(await reader.read())
    writer.close()
    assert heard(answer)["body"] == "body"


async def test_a_refused_caller_who_waits_for_leave_is_not_kept(port: Port) -> None:
    """Nobody could tell his body from his next call."""
    call = POST.replace(b"/file", b"/refuse") + b"Expect: 100-continue\r\n\r\n"
    [answer] = answers_in(await port.say(call))
    assert (answer.status, answer.headers["connection"]) == (401, "close")


async def test_other_expectations_are_not_met(port: Port) -> None:
    [answer] = answers_in(await port.say(POST + b"Expect: roses\r\n\r\nbody"))
    assert answer.status == 417


@pytest.mark.parametrize("target", [b"http://x/a?b=c", b"https://x:8487/a?b=c", b"HTTP://x/a?b=c"])
async def test_an_absolute_target_is_its_path(port: Port, target: bytes) -> None:
    [call] = await said(port, b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target)
    assert (call["path"], call["query"]) == ("/a", "b=c")


@pytest.mark.parametrize(
    ("tokens", "kept"),
    [(b"close", False), (b"TE, Close", False), (b"keep-alive, x-foo", True), (b"x-foo", True)],
)
async def test_connection_is_a_list_of_words(port: Port, tokens: bytes, *, kept: bool) -> None:
    call = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: %b\r\n\r\n" % tokens
    assert len(list(answers_in(await port.say(call + CLOSE)))) == 1 + kept


async def test_trailers_are_read_and_belong_to_nothing(port: Port) -> None:
    body = b"4;x=y\r\nbody\r\n0\r\nX-Sum: 1\r\nHost: y\r\n\r\n"
    call = b"POST /t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    first, second = await said(port, call, call)
    assert first == second
    assert first["body"] == "body"


async def test_a_stream_is_chunked_for_http_1_1_and_not_for_http_1_0(port: Port) -> None:
    head = b"POST /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"
    call = head + b"three"
    new = await port.say(call)
    old = await port.say(call.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert b"transfer-encoding: chunked" in new
    head, _, body = old.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert head.startswith(b"HTTP/1.0 200")
    assert b"connection: close" in head
    assert body == b"one two three"


async def test_http_1_0_is_kept_alive_only_where_asked_and_told(port: Port) -> None:
    call = b"GET /old HTTP/1.0\r\n%b\r\n"
    answers = list(answers_in(await port.say(call % b"Connection: Keep-Alive\r\n", call % b"")))
    assert [answer.headers["connection"] for answer in answers] == ["keep-alive", "close"]
    assert [heard(answer)["path"] for answer in answers] == ["/old", "/old"]


@pytest.mark.parametrize("direct", [False, True])
async def test_answers_without_a_body_do_not_tell_its_length(direct: bool) -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        status = int(scope["path"][1:])
        if direct and scope[DIRECT].write_answer(status, ((b"x-told", b"1"),), b""):
            return
        headers = [(b"x-told", b"1"), (b"content-length", b"7")]
        if status == 204:
            del headers[1]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body"})

    call = b"%b /%d HTTP/1.1\r\nHost: x\r\n\r\n"
    async with speaking(app) as port:
        said = await port.say(call % (b"HEAD", 200), call % (b"GET", 204), CLOSE_204)
    heads = said.split(b"\r\n\r\n")
    assert [head[9:12] for head in heads] == [b"200", b"204", b"204", b""]
    assert [b"content-length: 7" in head for head in heads] == [True, False, False, False]
    assert [b"x-told: 1" in head for head in heads] == [True, True, True, False]


@pytest.mark.parametrize("direct", [False, True])
async def test_a_header_with_a_lines_end_is_a_fault_of_ours(direct: bool) -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        headers = ((b"x-told", b"1\r\nx-forged: 1"),)
        if direct:
            scope[DIRECT].write_answer(200, headers, b"")
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async with speaking(app) as port:
        (answer,) = answers_in(await port.say(CLOSE))
    assert answer.status == 500
    assert "x-forged" not in answer.headers


async def test_calls_that_wait_for_the_same_go_on_together() -> None:
    """They need no task for that, and get one when they ask for it."""
    common: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    waiting = 0

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 3:
            asyncio.get_running_loop().call_soon(common.set_result, b"together")
        body = await common
        assert asyncio.current_task() is None
        await in_task()
        async with asyncio.timeout(WITHIN):
            await asyncio.sleep(0)
        scope[DIRECT].write_answer(200, (), body)

    async with speaking(app) as port:
        said = await asyncio.gather(*(port.say(CLOSE) for _ in range(3)))
    assert [answer.body for one in said for answer in answers_in(one)] == [b"together"] * 3


async def test_a_call_whose_answer_is_given_up_is_cut_off() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        awaited = asyncio.get_running_loop().create_future()
        awaited.cancel()
        await awaited

    async with speaking(app) as port:
        reader, writer = await port.connect()
        writer.write(CLOSE)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), WITHIN) == b""
        writer.close()


async def test_garbage_behind_a_call_costs_it_nothing(port: Port) -> None:
    good = b"POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
    first, second = answers_in(await port.say(good + b"\0\1 garbage\r\n\r\n"))
    assert heard(first)["body"] == "body"
    assert (second.status, second.headers["connection"]) == (400, "close")


async def test_a_caller_who_has_said_all_is_answered(port: Port) -> None:
    """`nc -N`, and whoever shuts its direction down after the call."""
    reader, writer = await port.connect()
    writer.write(POST + b"\r\nbody" + CLOSE.replace(b"Connection: close\r\n", b""))
    await writer.drain()
    plain: socket.socket = writer.get_extra_info("socket")
    plain = socket.socket(fileno=plain.fileno())
    try:
        plain.shutdown(socket.SHUT_WR)
    finally:
        plain.detach()
    async with asyncio.timeout(WITHIN):
        answers = list(answers_in(await reader.read()))
    writer.close()
    assert [heard(answer)["path"] for answer in answers] == ["/file", "/last"]


async def test_a_body_that_is_cut_off_is_not_taken_for_whole(port: Port) -> None:
    reader, writer = await port.connect()
    writer.write(POST + b"\r\nbo")
    await writer.drain()
    plain = socket.socket(fileno=writer.get_extra_info("socket").fileno())
    try:
        plain.shutdown(socket.SHUT_WR)
    finally:
        plain.detach()
    async with asyncio.timeout(WITHIN):
        [answer] = answers_in(await reader.read())
    writer.close()
    assert heard(answer)["body"] == "bo(gone)"


@pytest.mark.parametrize(
    "call",
    [
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: \0\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\x0bchunked\r\n\r\n",
        b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/3.7\r\nHost: x\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_what_may_be_read_in_two_ways_is_refused(port: Port, call: bytes) -> None:
    """Smuggling lives from a proxy and a server that see different calls in the same bytes."""
    found = await port.say(call + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
    [answer] = answers_in(found)
    assert answer.status in (400, 405, 501, 505)
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "body",
    [
        b"4\nbody\r\n0\r\n\r\n",
        b"4 \r\nbody\r\n0\r\n\r\n",
        b"0x4\r\nbody\r\n0\r\n\r\n",
        b"4\r\nbodyX0\r\n\r\n",
        b"fffffffffffffffff\r\nbody\r\n0\r\n\r\n",
    ],
)
async def test_crooked_chunks_are_refused(port: Port, body: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    [answer] = answers_in(await port.say(head + body + CLOSE))
    assert answer.status == 400


async def test_an_oversized_head_is_refused(port: Port) -> None:
    lines = b"".join(b"x-%d: %b\r\n" % (number, b"y" * 1000) for number in range(80))
    [answer] = answers_in(await port.say(b"GET / HTTP/1.1\r\nHost: x\r\n", lines, b"\r\n"))
    assert answer.status == 431


async def test_what_is_sent_beyond_a_refusal_does_not_cost_its_words(port: Port) -> None:
    """A caller who reads only after sending must find the answer, not a reset."""
    head = b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"
    [answer] = answers_in(await port.say(head, b"x" * 3_000_000))
    assert (answer.status, answer.headers["connection"]) == (401, "close")


async def test_an_idle_caller_of_the_second_call_is_told_408(tmp_path: Path) -> None:
    door = Door(bounds=Bounds(head_patience=0.2))
    async with speaking(Echo(), door=door, tls=tmp_path) as port:
        first, second = answers_in(await port.say(CLOSE.replace(b"close", b"x"), b"GET /"))
    assert (first.status, second.status) == (200, 408)

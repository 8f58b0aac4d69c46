import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boruta_farm.link.frames import JsonObject
from boruta_farm.link.peer import CALLS, Peer
from boruta_farm.model.errors import (
    AgentUnreachableError,
    BoardError,
    BorutaError,
    LimitError,
    OverloadedError,
    ProtocolError,
    UnavailableError,
)
from boruta_farm.testing.loop import run_virtual
from boruta_farm.testing.sockets import MemorySocket, socket_pair

SOON = 60.0


class Side:
    """Calls that a test can watch."""

    def __init__(self) -> None:
        self.heard: list[JsonObject] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.socket = MemorySocket()
        self.peer = self._peer()

    def join(self, socket: MemorySocket) -> None:
        self.socket = socket
        self.peer = self._peer()

    def _peer(self) -> Peer:
        handlers = {
            "echo": self.echo,
            "hang": self.hang,
            "fail": self.fail,
            "crash": self.crash,
            "flood": self.flood,
        }
        return Peer(self.socket, handlers)

    async def echo(self, params: JsonObject) -> JsonObject:
        self.heard.append(params)
        return params

    async def hang(self, params: JsonObject) -> JsonObject:
        self.begun.set()
        await self.go_on.wait()
        return params

    async def fail(self, params: JsonObject) -> JsonObject:
        raise BoardError("no space left")

    async def crash(self, params: JsonObject) -> JsonObject:
        raise ZeroDivisionError("secret")

    async def flood(self, params: JsonObject) -> JsonObject:
        return {"text": "x" * 100_000}


@asynccontextmanager
async def joined() -> AsyncIterator[tuple[Side, Side]]:
    left, right = Side(), Side()
    for side, socket in zip((left, right), socket_pair(), strict=True):
        side.join(socket)
    async with asyncio.TaskGroup() as group:
        group.create_task(left.peer.serve())
        group.create_task(right.peer.serve())
        yield left, right
        await left.peer.close(1000, "")


async def test_calls_go_both_ways() -> None:
    async with joined() as (left, right):
        assert await left.peer.call("echo", {"a": 1}, SOON) == {"a": 1}
        assert await right.peer.call("echo", {"b": 2}, SOON) == {"b": 2}


async def test_one_hung_call_delays_nobody() -> None:
    async with joined() as (left, right):
        hung = asyncio.ensure_future(left.peer.call("hang", {"n": 1}, SOON))
        await right.begun.wait()
        assert await left.peer.call("echo", {}, SOON) == {}
        assert not hung.done()
        right.go_on.set()
        assert await hung == {"n": 1}


async def test_errors_keep_class_and_words() -> None:
    async with joined() as (left, _):
        with pytest.raises(BoardError, match="no space left"):
            await left.peer.call("fail", {}, SOON)


async def test_faults_do_not_show_their_insides(caplog: pytest.LogCaptureFixture) -> None:
    async with joined() as (left, _):
        with pytest.raises(BorutaError) as failed:
            await left.peer.call("crash", {}, SOON)
        assert failed.value.message == "the call failed; the log there tells why"
    assert "ZeroDivisionError: secret" in caplog.text


async def test_an_unknown_call_is_a_protocol_error() -> None:
    async with joined() as (left, _):
        with pytest.raises(ProtocolError, match="no call 'dance'"):
            await left.peer.call("dance", {}, SOON)


async def test_too_large_messages_fail_their_call_alone() -> None:
    async with joined() as (left, _):
        with pytest.raises(LimitError):
            await left.peer.call("echo", {"text": "x" * 100_000}, SOON)
        with pytest.raises(LimitError):
            await left.peer.call("flood", {}, SOON)
        assert await left.peer.call("echo", {}, SOON) == {}


async def test_notifications_are_heard_and_not_answered() -> None:
    async with joined() as (left, right):
        await left.peer.notify("echo", {"n": 1})
        await left.peer.notify("fail", {})
        await left.peer.call("echo", {"n": 2}, SOON)
        assert right.heard == [{"n": 1}, {"n": 2}]


async def test_one_call_too_many_is_refused_by_caller_and_called() -> None:
    async with joined() as (left, right):
        hung = [asyncio.ensure_future(left.peer.call("hang", {}, SOON)) for _ in range(CALLS)]
        await right.begun.wait()
        with pytest.raises(OverloadedError, match="calls of this link wait"):
            await left.peer.call("echo", {}, SOON)
        text = json.dumps({"jsonrpc": "2.0", "id": "65th", "method": "echo"})
        await left.socket.send(text)
        assert await right.peer.call("echo", {}, SOON) == {}
        assert right.heard == []
        right.go_on.set()
        await asyncio.gather(*hung)
        assert await left.peer.call("echo", {}, SOON) == {}


async def test_the_end_fails_every_pending_call() -> None:
    async with joined() as (left, right):
        calls = [asyncio.ensure_future(left.peer.call("hang", {}, SOON)) for _ in range(3)]
        await right.begun.wait()
        await right.peer.close(1000, "")
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(outcome, AgentUnreachableError)
        with pytest.raises(AgentUnreachableError):
            await left.peer.call("echo", {}, SOON)
        await left.peer.notify("echo", {})


async def test_a_lost_link_may_have_an_error_of_its_own() -> None:
    socket, other = socket_pair()
    peer = Peer(socket, {}, lost=UnavailableError)
    running = asyncio.ensure_future(peer.serve())
    call = asyncio.ensure_future(peer.call("echo", {}, SOON))
    await other.receive()
    await other.close(1000, "")
    await running
    with pytest.raises(UnavailableError) as lost:
        await call
    assert type(lost.value) is UnavailableError


def test_an_unanswered_call_is_given_up_in_time() -> None:
    async def scene() -> None:
        async with joined() as (left, right):
            with pytest.raises(AgentUnreachableError):
                await left.peer.call("hang", {}, 5)
            assert asyncio.get_running_loop().time() == 5
            right.go_on.set()
            assert await left.peer.call("echo", {}, 5) == {}

    run_virtual(scene())


def test_who_does_not_read_is_cut_off() -> None:
    async def scene() -> None:
        socket, other = socket_pair()
        socket.stall()
        peer = Peer(socket, {})
        running = asyncio.ensure_future(peer.serve())
        with pytest.raises(AgentUnreachableError):
            await peer.call("echo", {}, SOON)
        await running
        assert asyncio.get_running_loop().time() == 15
        assert socket.closed == (1008, "messages were not read in time")
        assert await other.receive() is None

    run_virtual(scene())


async def test_what_was_told_is_sent_before_the_end() -> None:
    socket, other = socket_pair()
    peer = Peer(socket, {})
    running = asyncio.ensure_future(peer.serve())
    await peer.notify("goodbye", {"reason": "stop"})
    await peer.close(1001, "stop")
    await running
    text = await other.receive()
    assert text is not None
    assert json.loads(text)["params"] == {"reason": "stop"}
    assert await other.receive() is None
    assert socket.closed == (1001, "stop")


async def test_a_broken_socket_ends_the_link_quietly() -> None:
    class Broken(MemorySocket):
        async def send(self, text: str) -> None:
            raise KeyError("text")

    peer = Peer(Broken(), {})
    running = asyncio.ensure_future(peer.serve())
    with pytest.raises(AgentUnreachableError):
        await peer.call("echo", {}, SOON)
    await running


RUBBISH = st.text() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "code"]),
            inner | st.sampled_from(["2.0", "echo", "hang", "fail", "crash"]),
        )
    ),
).map(json.dumps)
CALLS_OF_OURS = st.sampled_from(
    [
        '{"jsonrpc":"2.0","id":1,"method":"echo","params":{"a":1}}',
        '{"jsonrpc":"2.0","id":1,"method":"fail"}',
        '{"jsonrpc":"2.0","method":"crash"}',
        '{"jsonrpc":"2.0","id":1,"result":{}}',
        '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}',
    ]
)


@settings(max_examples=200)
@given(st.lists(RUBBISH | CALLS_OF_OURS, max_size=20))
def test_rubbish_gets_clean_answers(texts: list[str]) -> None:
    async def scene() -> None:
        side = Side()
        socket, other = socket_pair()
        side.join(socket)
        running = asyncio.ensure_future(side.peer.serve())
        for text in texts:
            if not running.done() and socket.closed is None:
                await other.send(text)
        await other.send('{"jsonrpc":"2.0","id":"last","method":"echo"}')
        answers: list[dict[str, Any]] = []
        while not answers or answers[-1].get("id") != "last":
            text_back = await other.receive()
            if text_back is None:
                break
            answers.append(json.loads(text_back))
        for answer in answers:
            assert answer["jsonrpc"] == "2.0"
            assert set(answer) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"})
            if "error" in answer:
                assert answer["error"]["data"]["code"]
        await other.close(1000, "")
        try:
            await running
        except ProtocolError:
            assert [answer["id"] for answer in answers].count(None) == 1

    run_virtual(scene())

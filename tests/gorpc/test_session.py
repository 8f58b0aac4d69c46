import asyncio
import logging
import socket

import pytest
from tests.gorpc.captures import NAMES, load
from tests.gorpc.farmyard import Recorder, refusal, serving, talk

from boruta_farm.gorpc.client import connect
from boruta_farm.gorpc.encoder import Encoder
from boruta_farm.gorpc.errors import CallTimeoutError, ServerError
from boruta_farm.gorpc.limits import GobLimits
from boruta_farm.gorpc.routes import RpcPeer, route
from boruta_farm.gorpc.rpc import REQUEST, RequestHeader, RpcMethod
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.services import (
    GET_CURRENT,
    GET_CURRENT_RECORD,
    HEALTHCHECK,
    PUT_IN_MAINTENANCE,
    CurrentRecordReply,
    CurrentReply,
    PutInMaintenanceRequest,
)

REFUSED = {
    "dryad-healthcheck-error": "unexpected response: Error processing command",
    "dryad-prepare-nil": "empty public key",
    "stm-getcurrent-error": "unexpected response: Error processing command",
    "superviser-register-error": "Capabilities are missing UUID entry",
    "superviser-setfail-error": "Worker not found",
}


@pytest.mark.parametrize("name", NAMES)
async def test_recorded_clients_get_the_recorded_replies(name: str) -> None:
    capture, recorder = load(name), Recorder()
    routes = recorder.routes()
    if name.startswith(("unknown", "ill-formed")):
        routes = [each for each in routes if each.name.startswith("Dryad.")]
    if name in REFUSED:
        recorder.refusals = dict.fromkeys((each.name for each in routes), refusal(REFUSED[name]))
    # One call in flight keeps the order of the recording, in which the client waited.
    async with serving(routes, limits=GobLimits(calls=1)) as address:
        replies = await talk(address, capture.requests)
    assert replies.hex() == capture.replies.hex()


async def test_calls_run_side_by_side() -> None:
    began, release = asyncio.Event(), asyncio.Event()

    async def slow(argument: PutInMaintenanceRequest, peer: RpcPeer) -> Empty:
        began.set()
        await release.wait()
        return Empty()

    async def quick(argument: Empty, peer: RpcPeer) -> Empty:
        return argument

    routes = [route(PUT_IN_MAINTENANCE, slow), route(HEALTHCHECK, quick)]
    async with serving(routes) as address, await connect(address) as client:
        request = PutInMaintenanceRequest(message="m")
        first = asyncio.ensure_future(client.call(PUT_IN_MAINTENANCE, request, timeout=60))
        await began.wait()
        await client.call(HEALTHCHECK, Empty(), timeout=60)
        assert not first.done()
        release.set()
        await first


async def test_a_fault_of_a_handler_is_logged_and_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = Recorder(refusals={HEALTHCHECK.name: ZeroDivisionError("secret")})
    async with serving(recorder.routes()) as address, await connect(address) as client:
        with pytest.raises(ServerError) as raised:
            await client.call(HEALTHCHECK, Empty(), timeout=60)
        assert await client.call(GET_CURRENT, Empty(), timeout=60) == CurrentReply(milliamperes=420)
    assert "secret" not in str(raised.value)
    assert "ZeroDivisionError" in caplog.text


async def test_a_reply_that_cannot_be_sent_becomes_an_error() -> None:
    async def too_long(argument: Empty, peer: RpcPeer) -> CurrentRecordReply:
        return CurrentRecordReply(samples=(2**40,) * 20_000)

    routes = [route(GET_CURRENT_RECORD, too_long)]
    async with serving(routes) as address, await connect(address) as client:
        for _ in range(2):
            with pytest.raises(ServerError, match="exceeds the limit"):
                await client.call(GET_CURRENT_RECORD, Empty(), timeout=60)


async def test_an_error_always_has_words_and_not_too_many() -> None:
    recorder = Recorder(refusals={HEALTHCHECK.name: refusal("x" * 5000)})
    async with serving(recorder.routes()) as address, await connect(address) as client:
        with pytest.raises(ServerError) as raised:
            await client.call(HEALTHCHECK, Empty(), timeout=60)
    assert str(raised.value) == "x" * 4096


async def test_a_broken_stream_ends_only_its_own_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with serving(Recorder().routes()) as address, await connect(address) as client:
        assert await talk(address, b"GET / HTTP/1.1\r\nHost: board\r\n" * 4) == b""
        await client.call(HEALTHCHECK, Empty(), timeout=60)
    assert "closing the Go RPC connection of 127.0.0.1" in caplog.text


async def test_calls_in_flight_have_a_limit() -> None:
    running, most, release = 0, 0, asyncio.Event()

    async def slow(argument: Empty, peer: RpcPeer) -> Empty:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            release.set()
        await release.wait()
        running -= 1
        return argument

    async with (
        serving([route(HEALTHCHECK, slow)], limits=GobLimits(calls=3)) as address,
        await connect(address) as client,
    ):
        calls = [client.call(HEALTHCHECK, Empty(), timeout=60) for _ in range(12)]
        await asyncio.gather(*calls)
    assert most == 3


async def test_arguments_in_flight_have_a_memory_limit() -> None:
    running, full, release = 0, asyncio.Event(), asyncio.Event()

    async def slow(argument: PutInMaintenanceRequest, peer: RpcPeer) -> Empty:
        nonlocal running
        running += 1
        if running == 2:
            full.set()
        await release.wait()
        return Empty()

    big = PutInMaintenanceRequest(message="x" * 60_000)
    quick = route(HEALTHCHECK, _quick)
    async with (
        serving(
            [route(PUT_IN_MAINTENANCE, slow), quick], limits=GobLimits(memory=400_000)
        ) as address,
        await connect(address) as client,
    ):
        calls = [client.call(PUT_IN_MAINTENANCE, big, timeout=60) for _ in range(4)]
        waiting = asyncio.gather(*calls)
        await full.wait()
        with pytest.raises(CallTimeoutError):
            await client.call(HEALTHCHECK, Empty(), timeout=0.2)
        assert running == 2
        release.set()
        await waiting


async def _quick(argument: Empty, peer: RpcPeer) -> Empty:
    return argument


def half_a_call() -> bytes:
    return Encoder().encode((REQUEST, RequestHeader(method=HEALTHCHECK.name, sequence=0)))


async def test_a_call_must_be_complete_in_time() -> None:
    async with serving(Recorder().routes(), limits=GobLimits(value_seconds=0.05)) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(half_a_call())
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_dripping_bytes_do_not_prolong_a_call() -> None:
    async with serving(Recorder().routes(), limits=GobLimits(value_seconds=0.2)) as address:
        reader, writer = await asyncio.open_connection(*address)
        ended = asyncio.ensure_future(reader.read())
        for byte in half_a_call():
            writer.write(bytes((byte,)))
            done, _ = await asyncio.wait([ended], timeout=0.02)
            if done:
                break
        assert ended.done()
        writer.close()
        await asyncio.gather(ended, writer.wait_closed(), return_exceptions=True)


async def test_an_idle_connection_is_closed_unless_wanted() -> None:
    routes = Recorder().routes()
    for idle, closed in ((0.05, True), (None, False)):
        async with serving(routes, limits=GobLimits(idle_seconds=idle)) as address:
            reader, writer = await asyncio.open_connection(*address)
            done, _ = await asyncio.wait([asyncio.ensure_future(reader.read())], timeout=0.3)
            assert bool(done) is closed
            writer.close()
            await writer.wait_closed()


async def test_a_connection_is_not_idle_while_a_call_runs() -> None:
    async def slow(argument: Empty, peer: RpcPeer) -> Empty:
        await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.3)
        return argument

    limits = GobLimits(idle_seconds=0.05)
    async with (
        serving([route(HEALTHCHECK, slow)], limits=limits) as address,
        await connect(address) as client,
    ):
        assert await client.call(HEALTHCHECK, Empty(), timeout=60) == Empty()


async def test_a_peer_that_reads_no_replies_is_given_up() -> None:
    echo = RpcMethod(
        name="Dryad.Echo", argument=HEALTHCHECK.argument, reply=PUT_IN_MAINTENANCE.argument
    )

    async def long(argument: Empty, peer: RpcPeer) -> PutInMaintenanceRequest:
        return PutInMaintenanceRequest(message="x" * 60_000)

    encoder, loop = Encoder(), asyncio.get_running_loop()
    requests = b"".join(
        encoder.encode(
            (REQUEST, RequestHeader(method=echo.name, sequence=sequence)),
            (echo.argument, Empty()),
        )
        for sequence in range(500)
    )
    limits = GobLimits(write_seconds=0.1)
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        async with serving([route(echo, long)], limits=limits) as address:
            await loop.sock_connect(deaf, address)
            with pytest.raises(ConnectionError):
                await _send_for_ever(deaf, requests)


async def _send_for_ever(deaf: socket.socket, requests: bytes) -> None:
    while True:
        await asyncio.get_running_loop().sock_sendall(deaf, requests)
        requests = requests[-64:]

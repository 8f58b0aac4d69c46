import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.gorpc.captures import METHODS, NAMES, load
from tests.gorpc.farmyard import REPLIES, Recorder, refusal, serving
from tests.gorpc.values import SAMPLES

from boruta_farm.gorpc.client import call_once, connect
from boruta_farm.gorpc.encoder import Encoder
from boruta_farm.gorpc.errors import (
    CallTimeoutError,
    DisconnectedError,
    MismatchError,
    ServerError,
)
from boruta_farm.gorpc.limits import GobLimits
from boruta_farm.gorpc.rpc import RESPONSE, ResponseHeader
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.services import (
    GET_CURRENT,
    HEALTHCHECK,
    REGISTER,
    SET_LED,
    CurrentReply,
    RegisterRequest,
    SetLEDRequest,
)


@asynccontextmanager
async def scripted(
    script: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[tuple[str, int]]:
    """Serve every connection with a script, closing it at the end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await script(reader, writer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[:2]


def reply(sequence: int, value: int, encoder: Encoder) -> bytes:
    header = ResponseHeader(method=GET_CURRENT.name, sequence=sequence, error="")
    return encoder.encode((RESPONSE, header), (GET_CURRENT.reply, CurrentReply(milliamperes=value)))


@pytest.mark.parametrize("name", sorted(METHODS))
async def test_every_method_can_be_called(name: str) -> None:
    method, recorder = METHODS[name], Recorder()
    argument = SAMPLES[name][-1]
    async with serving(recorder.routes()) as address:
        answer = await call_once(address, method, argument)
    assert answer == REPLIES.get(name, Empty())
    assert [(called, sent) for called, sent, _ in recorder.calls] == [(name, argument)]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("stm-getcurrent")])
async def test_recorded_replies_are_understood(name: str) -> None:
    capture = load(name)
    method = METHODS["Interface.GetCurrentRecord" if "record" in name else "Interface.GetCurrent"]

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(len(capture.requests)) == capture.requests
        writer.write(capture.replies)

    async with scripted(script) as address:
        if name.endswith("error"):
            with pytest.raises(ServerError, match=r"^unexpected response: Error processing"):
                await call_once(address, method, Empty())
        else:
            assert await call_once(address, method, Empty()) == REPLIES[method.name]


async def test_replies_may_come_in_any_order() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(GET_CURRENT.name.encode() + b"\x01\x02")
        encoder = Encoder()
        for sequence in (7, 2, 0, 1):
            writer.write(reply(sequence, sequence * 100, encoder))

    async with scripted(script) as address, await connect(address) as client:
        calls = [client.call(GET_CURRENT, Empty(), timeout=60) for _ in range(3)]
        assert [each.milliamperes for each in await asyncio.gather(*calls)] == [0, 100, 200]


async def test_an_error_reply_keeps_the_connection() -> None:
    recorder = Recorder(refusals={REGISTER.name: refusal("Capabilities are missing UUID entry")})
    async with serving(recorder.routes()) as address, await connect(address) as client:
        request = RegisterRequest(dryad_address=":7175", ssh_address=":22")
        with pytest.raises(ServerError, match=r"^Capabilities are missing UUID entry$"):
            await client.call(REGISTER, request, timeout=60)
        await client.call(HEALTHCHECK, Empty(), timeout=60)


async def test_an_argument_that_cannot_be_sent_keeps_the_connection() -> None:
    async with serving(Recorder().routes()) as address, await connect(address) as client:
        bad = SetLEDRequest(led="1", red=-1, green=0, blue=0)
        with pytest.raises(MismatchError):
            await client.call(SET_LED, bad, timeout=60)
        good = SetLEDRequest(led="1", red=1, green=0, blue=0)
        await client.call(SET_LED, good, timeout=60)


async def test_a_late_reply_is_dropped_and_the_next_call_works() -> None:
    asked, encoder = asyncio.Event(), Encoder()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked.wait()
        writer.write(reply(0, 1, encoder) + reply(1, 2, encoder))
        await reader.read()

    async with scripted(script) as address, await connect(address) as client:
        with pytest.raises(CallTimeoutError, match=r"Interface.GetCurrent was not answered"):
            await client.call(GET_CURRENT, Empty(), timeout=0.05)
        asked.set()
        assert await client.call(GET_CURRENT, Empty(), timeout=60) == CurrentReply(milliamperes=2)


async def test_a_reply_of_another_type_keeps_the_connection() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        encoder = Encoder()
        await reader.readuntil(SET_LED.name.encode())
        header = ResponseHeader(method=GET_CURRENT.name, sequence=0, error="")
        other = SetLEDRequest(led="1", red=1, green=1, blue=1)
        writer.write(encoder.encode((RESPONSE, header), (SET_LED.argument, other)))
        writer.write(reply(1, 5, encoder))
        await reader.read()

    async with scripted(script) as address, await connect(address) as client:
        first = asyncio.ensure_future(client.call(GET_CURRENT, Empty(), timeout=60))
        await asyncio.wait([first], timeout=0)
        argument = SetLEDRequest(led="1", red=1, green=1, blue=1)
        second = asyncio.ensure_future(client.call(SET_LED, argument, timeout=60))
        with pytest.raises(MismatchError):
            await first
        assert await second == Empty()


async def test_a_lost_connection_stays_lost() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(20)

    async with scripted(script) as address, await connect(address) as client:
        with pytest.raises(DisconnectedError, match=r"unexpected EOF"):
            await client.call(GET_CURRENT, Empty(), timeout=60)
        with pytest.raises(DisconnectedError):
            await client.call(GET_CURRENT, Empty(), timeout=60)


async def test_a_broken_reply_ends_every_call() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00")
        await reader.read()

    async with scripted(script) as address, await connect(address) as client:
        calls = [client.call(GET_CURRENT, Empty(), timeout=60) for _ in range(3)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(each, DisconnectedError) for each in results)


async def test_calls_beyond_the_limit_wait_for_their_turn() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        encoder = Encoder()
        for sequence in range(3):
            await reader.readuntil(GET_CURRENT.name.encode())
            writer.write(reply(sequence, sequence, encoder))

    one = GobLimits(calls=1)
    async with scripted(script) as address, await connect(address, limits=one) as client:
        calls = [client.call(GET_CURRENT, Empty(), timeout=60) for _ in range(3)]
        assert [each.milliamperes for each in await asyncio.gather(*calls)] == [0, 1, 2]


async def test_closing_ends_calls_under_way() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with scripted(script) as address:
        client = await connect(address)
        call = asyncio.ensure_future(client.call(GET_CURRENT, Empty(), timeout=60))
        await asyncio.wait([call], timeout=0.01)
        await client.close()
        with pytest.raises(DisconnectedError, match=r"^connection is shut down$"):
            await call


async def test_a_missing_socket_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(DisconnectedError, match=r"missing.socket"):
        await connect(tmp_path / "missing.socket")


async def test_a_server_that_never_answers_is_given_up() -> None:
    release = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()

    async with scripted(script) as address:
        with pytest.raises(CallTimeoutError):
            await call_once(address, GET_CURRENT, Empty(), reply_timeout=0.05)
        release.set()

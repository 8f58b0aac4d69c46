"""A message is written as HTTP has it, and a certificate counts for the name that was given."""

import asyncio
import ssl
from pathlib import Path

import pytest

from boruta_farm.notify.guard import JudgedAddress
from boruta_farm.notify.sending import HttpSender
from tests.certificates import Authority, files_in
from tests.security.test_receivers import receiver


async def test_what_is_sent() -> None:
    heard = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heard.set_result((head.decode().splitlines(), await reader.readexactly(7)))
        writer.write(b"HTTP/1.0 202\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    place = JudgedAddress(
        url=f'http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a%20b/"{{;x?key=<1>&b=/',
        host="hooks.example:99",
        name="hooks.example",
    )
    async with server, asyncio.timeout(20):
        assert await HttpSender()(place, b'{"a":1}', {"webhook-id": "event_1"}) == 202
        (first, *headers), body = await heard
    assert first == "POST /a%20b/%22%7B;x?key=%3C1%3E&b=/ HTTP/1.1"
    assert body == b'{"a":1}'
    told = dict(line.split(": ") for line in headers if line)
    assert told["Host"] == "hooks.example:99"
    assert told["Content-Length"] == "7"
    assert told["webhook-id"] == "event_1"


@pytest.mark.parametrize("name", ["localhost", "other.example"])
async def test_over_tls_the_name_counts(name: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = authority.issue(files_in(tmp_path))
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(files.certificate, files.key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=own)
    port = server.sockets[0].getsockname()[1]
    place = JudgedAddress(url=f"https://127.0.0.1:{port}/", host=name, name=name)
    send = HttpSender(ssl.create_default_context(cafile=authority.file))
    async with server, asyncio.timeout(20):
        if name == "localhost":
            assert await send(place, b"{}", {}) == 200
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                await send(place, b"{}", {})


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 2\xb2\xb2 OK\r\n",
        b"HTTP/2 200\r\n",
        b"HTTP/1.1 999 Odd\r\n",
        b"\r\n",
        b"x" * 20_000,
    ],
    ids=["ssh", "digits", "version", "status", "empty", "long"],
)
async def test_what_is_no_answer_is_told_as_a_fault(answer: bytes) -> None:
    async with receiver(answer) as (place, _):
        with pytest.raises(ValueError, match=r"no HTTP|limit"):
            await HttpSender()(place, b"{}", {})


async def test_what_comes_after_an_interim_answer_counts() -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 410 Gone\r\n\r\n"
    async with receiver(answer) as (place, _):
        assert await HttpSender()(place, b"{}", {}) == 410


async def test_an_answer_without_a_status_is_a_connection_that_broke() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 2")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    place = JudgedAddress(url=f"http://127.0.0.1:{port}/", host="x", name="x")
    async with server, asyncio.timeout(20):
        with pytest.raises(ConnectionError):
            await HttpSender()(place, b"{}", {})

"""Clients and agents check the server's certificate."""

import asyncio
import dataclasses
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import connect
from boruta_farm.dryad.dialling import Dialler
from boruta_farm.model.errors import ConfigError, UnavailableError
from boruta_farm.server.http.door import Door
from boruta_farm.server.http.port import http_protocol
from boruta_farm.server.tls import Certificates
from tests.certificates import Authority, files_in
from tests.server.speaking import speaking
from tests.web.serving import Announcing, World


@asynccontextmanager
async def served(
    folder: Path, host: str = "127.0.0.1"
) -> AsyncIterator[tuple[int, Authority, World]]:
    """Serve a farm over TLS."""
    authority = Authority(folder)
    files = authority.issue(files_in(folder))
    world = World()
    held = Certificates(files.certificate, files.key, world.clock)
    config = uvicorn.Config(
        world.app,
        http=http_protocol(Door(), held.context),
        ws="none",
        lifespan="off",
        log_config=None,
    )
    server = Announcing(config)
    with socket.socket() as listener:
        listener.bind((host, 0))
        listener.listen()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await server.ready.wait()
            yield listener.getsockname()[1], authority, world
        finally:
            world.app.stop()
            server.should_exit = True
            await serving


async def test_a_client_with_the_authority_is_served(tmp_path: Path) -> None:
    async with served(tmp_path) as (port, authority, _):
        config = ClientConfig(server=f"https://127.0.0.1:{port}", ca_file=authority.file)
        async with connect(config) as farm:
            assert (await farm.version()).api == "v1"


async def test_a_client_without_it_refuses_in_words(tmp_path: Path) -> None:
    async with served(tmp_path) as (port, _, _world):
        config = ClientConfig(server=f"https://127.0.0.1:{port}")
        async with connect(config) as farm:
            with pytest.raises(UnavailableError, match=r"cannot trust .* --ca-file"):
                await farm.version()


async def test_an_address_that_is_not_the_certificates_is_refused(tmp_path: Path) -> None:
    async with served(tmp_path, "127.0.0.2") as (port, authority, _):
        config = ClientConfig(server=f"https://127.0.0.2:{port}", ca_file=authority.file)
        async with connect(config) as farm:
            with pytest.raises(UnavailableError, match="IP address mismatch"):
                await farm.version()


@pytest.mark.parametrize("both_stacks", [False, True])
async def test_a_server_without_tls_is_told(
    both_stacks: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with speaking(World().app, both_stacks=both_stacks) as port:
        address = f"https://127.0.0.1:{port.number}"
        async with connect(ClientConfig(server=address)) as farm:
            with pytest.raises(UnavailableError) as told:
                await farm.version()
        with pytest.raises(UnavailableError, match="write http:// instead of https://"):
            await Dialler(address, lambda: "s3cret").dial()
    assert told.value.message == (
        f"the server at {address} speaks no TLS there: write http:// instead of https://"
    )
    [first, _] = [record.getMessage() for record in caplog.records if "TLS" in record.msg]
    assert first == (
        "127.0.0.1 spoke TLS to the plain HTTP port: it must call http://, or the server needs "
        "tls_certificate and tls_key"
    )


@pytest.mark.parametrize("both_stacks", [False, True])
async def test_a_server_with_tls_is_told(
    both_stacks: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "boruta_farm.server.http.encrypted")
    async with speaking(World().app, tls=tmp_path, both_stacks=both_stacks) as port:
        address = f"http://127.0.0.1:{port.number}"
        async with connect(ClientConfig(server=address)) as farm:
            with pytest.raises(UnavailableError) as told:
                await farm.version()
        assert told.value.message == (
            f"the server at {address} speaks TLS there: write https:// instead of http://"
        )
        with pytest.raises(UnavailableError, match="write https:// instead of http://"):
            await Dialler(address, lambda: "s3cret").dial()
        raw = await dataclasses.replace(port, authority=None).say(b"GET / HTTP/1.1\r\n\r\n")
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: text/plain" in head
    assert body == b"this port speaks HTTPS: use https://... instead of http://\n"
    assert "127.0.0.1 spoke plain HTTP to the HTTPS port: it must call https://" in caplog.messages


async def test_an_agent_with_the_authority_is_served(tmp_path: Path) -> None:
    async with served(tmp_path) as (port, authority, world):
        dialler = Dialler(f"https://127.0.0.1:{port}", lambda: "s3cret", authority.file)
        link = await dialler.dial()
        await link.send("hello")
        assert await link.receive() == "HELLO"
        await link.close(1000, "")
        assert world.hub.served == [("127.0.0.1", "s3cret")]


async def test_an_agent_without_it_keeps_its_credential(tmp_path: Path) -> None:
    async with served(tmp_path) as (port, _, world):
        with pytest.raises(UnavailableError, match=r"cannot be trusted: .* set ca_file"):
            await Dialler(f"https://127.0.0.1:{port}", lambda: "s3cret").dial()
        assert world.hub.served == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_authority_is_told(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"ca_file: .*ca\.pem cannot be used"):
        asyncio.run(_connect(ClientConfig(server="https://127.0.0.1:1", ca_file=path)))


async def _connect(config: ClientConfig) -> None:
    async with connect(config):
        raise AssertionError("connected")


async def test_the_standard_client_agrees(tmp_path: Path) -> None:
    async with served(tmp_path) as (port, authority, _):
        trust = ssl.create_default_context(cafile=authority.file)
        async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
            answer = await client.get(f"https://127.0.0.1:{port}/api/v1/version")
        assert answer.status_code == 200


async def test_plain_http_to_a_server_with_tls_is_told(tmp_path: Path) -> None:
    async with served(tmp_path) as (port, _, _world):
        config = ClientConfig(server=f"http://127.0.0.1:{port}")
        async with connect(config) as farm:
            with pytest.raises(UnavailableError, match="write https://"):
                await farm.version()

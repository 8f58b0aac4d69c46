"""Certificates: refused in words, served, and taken anew without a restart."""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from boruta_farm.clock import SystemClock
from boruta_farm.model.errors import ConfigError
from boruta_farm.server.http.door import Door
from boruta_farm.server.http.port import http_protocol
from boruta_farm.server.tls import Certificates
from tests.certificates import Authority, Files, files_in
from tests.web.serving import Announcing

WITHIN = 60.0
NEVER = 3600.0


def certificates(files: Files, look_every: float = NEVER) -> Certificates:
    return Certificates(files.certificate, files.key, SystemClock(), look_every)


@asynccontextmanager
async def served(held: Certificates) -> AsyncIterator[int]:
    """Serve with uvicorn, as the server does, and yield the port."""
    config = uvicorn.Config(
        PlainTextResponse("fine"),
        http=http_protocol(Door(), held.context),
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = Announcing(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        looking = asyncio.create_task(held.watch())
        try:
            await server.ready.wait()
            yield listener.getsockname()[1]
        finally:
            looking.cancel()
            server.should_exit = True
            await serving


async def shown(port: int, authority: Authority) -> int:
    """Return the number of the certificate that a client which checks it is shown."""
    trust = ssl.create_default_context(cafile=authority.file)
    async with asyncio.timeout(WITHIN):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
    certificate = writer.get_extra_info("peercert")
    writer.close()
    return int(certificate["serialNumber"], 16)


async def logged(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Wait until a line of the log holds these words."""
    came = asyncio.Event()

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if words in record.getMessage():
                came.set()

    watch = Watch()
    logger = logging.getLogger("boruta_farm.server.tls")
    logger.addHandler(watch)
    try:
        if words not in caplog.text:
            async with asyncio.timeout(WITHIN):
                await came.wait()
    finally:
        logger.removeHandler(watch)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def files(tmp_path: Path, authority: Authority) -> Files:
    return authority.issue(files_in(tmp_path))


@pytest.fixture(autouse=True)
def all_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "boruta_farm.server.tls")


async def test_the_certificate_is_served(files: Files, authority: Authority) -> None:
    async with served(certificates(files)) as port:
        assert await shown(port, authority) == files.serial


async def test_a_client_of_another_authority_refuses(files: Files, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    async with served(certificates(files)) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await shown(port, other)


def test_the_names_of_the_certificate_are_known(files: Files) -> None:
    assert certificates(files).names == ("localhost",)


def test_versions_below_1_2_are_not_offered(files: Files) -> None:
    assert certificates(files).context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("how", ["asked", "seen"])
async def test_new_files_are_served_without_a_restart(
    how: str, files: Files, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    held = certificates(files, NEVER if how == "asked" else 0.05)
    async with served(held) as port:
        first = await shown(port, authority)
        authority.issue(files)
        if how == "asked":
            held.look_now()
        await logged(caplog, "loaded anew")
        assert await shown(port, authority) == files.serial != first


async def test_files_that_do_not_fit_leave_the_old_ones_in_use(
    files: Files, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held = certificates(files)
    async with served(held) as port:
        first = await shown(port, authority)
        key = files.key.read_bytes()
        authority.issue(files)
        fitting = files.key.read_bytes()
        files.key.write_bytes(key)
        held.look_now()
        await logged(caplog, "the certificate in use stays")
        assert await shown(port, authority) == first
        files.key.write_bytes(fitting)
        held.look_now()
        await logged(caplog, "loaded anew")
        assert await shown(port, authority) == files.serial


def readable_by_all(files: Files) -> None:
    files.key.chmod(0o644)


def of_another(files: Files) -> None:
    certificate = files.certificate.read_bytes()
    Authority(files.key.parent, "third").issue(files)
    files.certificate.write_bytes(certificate)


def no_pem(files: Files) -> None:
    files.certificate.write_text("nothing")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (readable_by_all, "can be read by everybody"),
        (of_another, "cannot be used"),
        (no_pem, "cannot be used"),
        (lambda files: files.key.unlink(), "tls_key: .* cannot be read .*; name the PEM file"),
        (lambda files: files.certificate.unlink(), "No such file"),
    ],
)
def test_unusable_files_are_refused_in_words(
    spoil: Callable[[Files], None], words: str, files: Files
) -> None:
    spoil(files)
    with pytest.raises(ConfigError, match=words):
        certificates(files)


def test_a_certificate_that_ends_soon_is_told(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    certificates(authority.issue(files_in(tmp_path), timedelta(days=3)))
    told = [r.levelname for r in caplog.records if "valid until" in r.getMessage()]
    assert set(told) == {"WARNING"}


def test_group_may_read_the_key(files: Files) -> None:
    os.chmod(files.key, 0o640)  # noqa: PTH101
    certificates(files)

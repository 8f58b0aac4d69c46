"""A certificate made for one farm: good for its names, private, never written over."""

import asyncio
import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from boruta_farm.model.errors import ConfigError
from boruta_farm.server.authority import make_certificate
from tests.certificates import Files
from tests.server.test_tls import certificates, served

NAMES = ("localhost", "127.0.0.1", "farm.example")


async def test_clients_with_the_authority_trust_it(tmp_path: Path) -> None:

    files = make_certificate(tmp_path, NAMES, datetime.now(UTC))
    held = certificates(Files(files.certificate, files.key))
    trust = ssl.create_default_context(cafile=files.authority)
    async with served(held) as port:
        for name in NAMES:
            _, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=trust, server_hostname=name
            )
            writer.close()
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            await asyncio.open_connection(
                "127.0.0.1", port, ssl=trust, server_hostname="other.example"
            )


def test_the_key_is_private_and_the_authoritys_is_gone(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, NAMES, datetime.now(UTC))
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    keys = [path for path in tmp_path.iterdir() if "PRIVATE KEY" in path.read_text()]
    assert keys == [files.key]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, NAMES, datetime.now(UTC))
    before = files.key.read_bytes()
    with pytest.raises(ConfigError, match=r"farm\.key: cannot be written"):
        make_certificate(tmp_path, NAMES, datetime.now(UTC))
    assert files.key.read_bytes() == before

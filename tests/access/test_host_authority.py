"""Certificates of host keys, read by another library than the one that makes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncssh
import pytest
from cryptography.hazmat.primitives.serialization import (
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from boruta_farm.access.cipher import AesGcmCipher
from boruta_farm.access.host_authority import MOST_NAMES, HostAuthority
from boruta_farm.model.errors import ProtocolError

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(hours=1)
CIPHER = AesGcmCipher(bytes(range(32)))


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_a_host_key_is_vouched_for_by_its_names_and_for_its_time(kind: str) -> None:
    key = asyncssh.generate_private_key(kind)
    authority = HostAuthority(CIPHER)
    line = authority.sign(
        key.export_public_key().decode(), {"rpi4.farm", "one"}, "one r7", NOW, UNTIL
    )
    assert "\n" not in line
    made: Any = asyncssh.import_certificate(line)
    assert made.key.public_data == key.public_data
    assert made.signing_key.public_data == asyncssh.import_public_key(authority.public).public_data
    assert sorted(made.principals) == ["one", "rpi4.farm"]
    times = load_ssh_public_identity(line.encode())
    assert isinstance(times, SSHCertificate)
    assert times.type is SSHCertificateType.HOST
    assert times.valid_after == int((NOW - timedelta(hours=1)).timestamp())
    assert times.valid_before == int(UNTIL.timestamp())


def test_every_server_of_a_farm_has_the_same_authority_and_no_other_farm() -> None:
    again = HostAuthority(AesGcmCipher(bytes(range(32))))
    assert again.public == HostAuthority(CIPHER).public
    assert HostAuthority(AesGcmCipher(bytes(32))).public != again.public
    assert again.public.startswith("ssh-ed25519 ")


def test_no_more_names_than_openssh_reads() -> None:
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    names = {f"board-{number:04}" for number in range(2 * MOST_NAMES)}
    made: Any = asyncssh.import_certificate(HostAuthority(CIPHER).sign(key, names, "x", NOW, UNTIL))
    assert len(made.principals) == MOST_NAMES


@pytest.mark.parametrize("line", ["", "ssh-ed25519 HOST", "ssh-ed25519"])
def test_what_is_no_key_is_not_vouched_for(line: str) -> None:
    with pytest.raises(ProtocolError, match="cannot be read"):
        HostAuthority(CIPHER).sign(line, {"one"}, "x", NOW, UNTIL)

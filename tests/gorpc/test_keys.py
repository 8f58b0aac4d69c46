import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PublicKey as ReferenceEd25519,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from tests.gorpc.values import KEYS

from boruta_farm.gorpc.errors import InvalidKeyError
from boruta_farm.gorpc.keys import (
    Ed25519PublicKey,
    PublicKey,
    RSAPublicKey,
    format_authorized_key,
    parse_authorized_key,
)


@given(KEYS)
def test_keys_survive_the_line_form(key: PublicKey) -> None:
    line = format_authorized_key(key)
    assert line.endswith("\n")
    assert parse_authorized_key(line) == key
    assert parse_authorized_key(line.strip() + " somebody@somewhere else") == key


@given(st.integers(2**1023 + 1, 2**2048 - 1).map(lambda number: number | 1))
def test_rsa_lines_are_what_others_write(modulus: int) -> None:
    reference = RSAPublicNumbers(65537, modulus).public_key()
    line = reference.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert format_authorized_key(RSAPublicKey(modulus=modulus, exponent=65537)) == line + "\n"


def test_ed25519_lines_are_what_others_write() -> None:
    data = bytes(range(32))
    reference = ReferenceEd25519.from_public_bytes(data)
    line = reference.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert format_authorized_key(Ed25519PublicKey(data=data)) == line + "\n"


def blob(*parts: bytes) -> str:
    joined = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return base64.b64encode(joined).decode()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-rsa",
        "ssh-dss " + blob(b"ssh-dss", b"\x01"),
        "ssh-rsa not*base64",
        "ssh-rsa " + blob(),
        "ssh-rsa " + blob(b"ssh-ed25519", bytes(32)),
        "ssh-rsa " + blob(b"ssh-rsa", b"\x03"),
        "ssh-rsa " + blob(b"ssh-rsa", b"\x03", b"\x05", b"\x01"),
        "ssh-rsa " + blob(b"ssh-rsa", b"\x03", b"\x85"),
        "ssh-rsa " + blob(b"ssh-rsa", b"\x01", b"\x05"),
        "ssh-rsa " + blob(b"ssh-rsa", b"\x03", b"\x05")[:-4],
        "ssh-ed25519 " + blob(b"ssh-ed25519", bytes(33)),
        "ssh-rsa " + blob(b"ssh-rsa", b"\x03", b"\x01" + bytes(4096)),
        "command=x ssh-rsa " + blob(b"ssh-rsa", b"\x03", b"\x05"),
    ],
)
def test_other_lines_are_refused(line: str) -> None:
    with pytest.raises(InvalidKeyError):
        parse_authorized_key(line)


def test_a_line_is_one_line() -> None:
    line = format_authorized_key(Ed25519PublicKey(data=bytes(32)))
    with pytest.raises(InvalidKeyError):
        parse_authorized_key(line + line)


def test_long_keys_can_be_shown() -> None:
    assert repr(RSAPublicKey(modulus=2**16384 - 1, exponent=3)) == "RSAPublicKey(exponent=3)"

"""Which lines are public keys, and which of them a board of the original can be given."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from boruta_farm.core.sshkeys import check_ssh_key, goes_over_go_rpc
from boruta_farm.gorpc.keys import parse_authorized_key
from boruta_farm.model.errors import ProtocolError, SSHKeyError

PublicKey = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | dsa.DSAPublicKey
)


def line_of(key: PublicKey) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


ED25519 = line_of(ed25519.Ed25519PrivateKey.generate().public_key())
RSA = line_of(rsa.generate_private_key(65537, 2048).public_key())
ECDSA = line_of(ec.generate_private_key(ec.SECP256R1()).public_key())


def blob(kind: str, *parts: bytes) -> str:
    """Return a line whose blob holds these parts."""
    strings = b"".join(len(p).to_bytes(4, "big") + p for p in (kind.encode(), *parts))
    return f"{kind} {base64.b64encode(strings).decode()}"


@pytest.mark.parametrize(
    ("line", "travels"),
    [(ED25519, True), (RSA, True), (ECDSA, False)],
    ids=["ed25519", "rsa", "ecdsa"],
)
def test_real_keys_are_taken(line: str, travels: bool) -> None:
    check_ssh_key(f"{line} me@host\n")
    assert goes_over_go_rpc(line) is travels


@pytest.mark.parametrize(
    "line",
    [
        blob("ssh-ed25519", b"x" * 31),
        blob("ssh-ed25519", b"x" * 32, b"more"),
        blob("ssh-ed25519"),
        blob("ssh-rsa", b"\x01\x00\x01"),
        blob("ssh-rsa", b"\x01\x00\x01", b"\x80" + b"x" * 255),
        blob("ssh-rsa", b"\x01\x00\x01", b""),
        blob("ssh-rsa", b"\x01", b"\x00" + b"\xff" * 256),
        blob("ssh-rsa", b"\x01" * 9, b"\x00" + b"\xff" * 256),
        blob("ssh-rsa", b"\x01\x00\x01", b"\x00" + b"\xff" * 2049),
        blob("ssh-rsa", b"\x01\x00\x01", b"\x00" + b"\xff" * 256, b"more"),
        blob("ecdsa-sha2-nistp256"),
        ED25519[:-8],
        RSA.replace("rsa", "ed25519", 1),
    ],
    ids=[
        *("short ed25519", "long ed25519", "empty ed25519", "rsa of one part", "negative modulus"),
        *("empty modulus", "even exponent", "long exponent", "long modulus", "rsa of four parts"),
        *("empty ecdsa", "cut off", "one kind under the name of another"),
    ],
)
def test_what_no_board_could_take_is_refused_when_it_is_filed(line: str) -> None:
    with pytest.raises(SSHKeyError):
        check_ssh_key(line)


@pytest.mark.parametrize(
    "line",
    [ED25519, RSA, blob("ssh-rsa", b"\x03", b"\x7f" * 2048)],
    ids=["ed25519", "rsa", "largest rsa"],
)
def test_what_is_taken_can_be_sent(line: str) -> None:
    check_ssh_key(line)
    try:
        parse_authorized_key(line)
    except ProtocolError as error:
        pytest.fail(f"it would fail at the board: {error}")

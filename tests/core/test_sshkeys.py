"""Which lines are public keys, and which of them a board of the original can be given."""

import base64

import asyncssh
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from boruta_farm.core.sshkeys import board_key, goes_over_go_rpc
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


def number(value: int) -> bytes:
    """Return a number as keys hold it."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def point_of(curve: ec.EllipticCurve) -> bytes:
    public = ec.generate_private_key(curve).public_key()
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


P256 = point_of(ec.SECP256R1())
REAL = {
    "ed25519": ED25519,
    "rsa": RSA,
    "rsa of 1024 bits": blob("ssh-rsa", number(65537), number((1 << 1023) + 1)),
    "nistp256": ECDSA,
    "nistp384": line_of(ec.generate_private_key(ec.SECP384R1()).public_key()),
    "nistp521": line_of(ec.generate_private_key(ec.SECP521R1()).public_key()),
    "sk-ed25519": blob("sk-ssh-ed25519@openssh.com", b"x" * 32, b"ssh:"),
    "sk-ecdsa": blob("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", P256, b"ssh:"),
}


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("comment", ["", " me@host", " Jörg @ Köln", "\t two  words \r"])
def test_boards_get_type_and_body_of_real_keys(name: str, comment: str) -> None:
    assert board_key(f"  {REAL[name]}{comment}\n") == REAL[name]
    assert goes_over_go_rpc(REAL[name]) is (name.split()[0] in ("ed25519", "rsa"))


@pytest.mark.parametrize("name", REAL)
def test_what_is_taken_the_sandbox_s_library_takes(name: str) -> None:
    assert asyncssh.import_public_key(board_key(REAL[name])).algorithm.decode() in REAL[name]


WRONG = [
    (f'command="id" {ED25519}', "options"),
    (f"no-pty {ED25519}", "options"),
    (f'from="a b",restrict {ED25519}', "options"),
    (f"{ED25519}\n{ED25519}", "one line"),
    (f"{ED25519} a\x1bb", "one line"),
    (f"{ED25519} a\u2028b", "one line"),
    (f"{ED25519} {chr(0xD800)}", "one line"),
    (f"{ED25519}\0", "one line"),
    ("ssh-ed25519", "ends after its type"),
    (ED25519 + "=", "damaged"),
    (ED25519.replace("AAAA", "AA!A"), "damaged"),
    (blob("ssh-dss", b"x"), "of type 'ssh-dss'"),
    (blob("ecdsa-sha2-nistp256", b"nistp384", P256), "no ecdsa-sha2-nistp256 key"),
    (blob("ecdsa-sha2-nistp256", b"nistp256", P256[:-1] + b"\0"), "no point on nistp256"),
    (blob("ecdsa-sha2-nistp256", b"nistp256", b"\x02" + P256[1:33]), "no point"),
    (blob("ssh-rsa", number(65537), number((1 << 1022) + 1)), "1023 bits"),
    (blob("ssh-rsa", number(65537), number((1 << 16384) + 1)), "16385 bits"),
    (blob("ssh-rsa", number(65537), number(1 << 2047)), "modulus cannot be used"),
    (blob("ssh-rsa", number(65537), b"\0" + number((1 << 2047) + 1)), "no ssh-rsa key"),
    (blob("sk-ssh-ed25519@openssh.com", b"x" * 32, b""), "application"),
    ("x" * 8193, "8193 characters"),
    ("", "one-line form"),
]


@pytest.mark.parametrize(("line", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_is_wrong_with_a_key_is_said(line: str, words: str) -> None:
    with pytest.raises(SSHKeyError, match=words):
        board_key(line)


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
        board_key(line)


@pytest.mark.parametrize(
    "line",
    [ED25519, RSA, blob("ssh-rsa", number((1 << 62) + 1), number((1 << 16384) - 1))],
    ids=["ed25519", "rsa", "largest rsa"],
)
def test_what_is_taken_can_be_sent(line: str) -> None:
    board_key(line)
    try:
        parse_authorized_key(line)
    except ProtocolError as error:
        pytest.fail(f"it would fail at the board: {error}")

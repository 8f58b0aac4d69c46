"""Public keys as ``Dryad.Prepare`` carries them, to and from OpenSSH's one-line form.

Only the two kinds that both ends of the original have registered exist here; any other kind
cannot be sent.
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from boruta_farm.gorpc.errors import InvalidKeyError

_RSA: Final = "ssh-rsa"
_ED25519: Final = "ssh-ed25519"
_ED25519_BYTES: Final = 32
# OpenSSH accepts no longer ones; the largest Boruta or its boards have been seen with is 4096.
_LONGEST_RSA_BITS: Final = 16384
_LONGEST_LINE: Final = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class RSAPublicKey:
    """Hold modulus and exponent of an ``ssh-rsa`` key."""

    modulus: int = field(repr=False)
    exponent: int

    def __post_init__(self) -> None:
        if not 0 < self.modulus < 1 << _LONGEST_RSA_BITS:
            raise InvalidKeyError("the modulus of an ssh-rsa key is missing, negative or too long")
        if not 1 < self.exponent < 1 << 63:
            raise InvalidKeyError("the exponent of an ssh-rsa key is out of range")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ed25519PublicKey:
    """Hold the 32 bytes of an ``ssh-ed25519`` key."""

    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.data) != _ED25519_BYTES:
            raise InvalidKeyError(f"an ssh-ed25519 key has 32 bytes, this one {len(self.data)}")


PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey


def format_authorized_key(key: PublicKey) -> str:
    """Return the line for ``authorized_keys``: kind, base64, newline; no comment."""
    match key:
        case RSAPublicKey(modulus=modulus, exponent=exponent):
            kind, parts = _RSA, [_mpint(exponent), _mpint(modulus)]
        case Ed25519PublicKey(data=data):
            kind, parts = _ED25519, [data]
    blob = b"".join(_string(part) for part in (kind.encode(), *parts))
    return f"{kind} {base64.b64encode(blob).decode()}\n"


def parse_authorized_key(line: str) -> PublicKey:
    """Read a line of kind, base64 and maybe a comment; raise ``InvalidKeyError`` for all else."""
    words = line.split(maxsplit=2)
    is_one_line = len(line) <= _LONGEST_LINE and len(line.splitlines()) == 1
    if not is_one_line or len(words) < 2 or words[0] not in (_RSA, _ED25519):
        raise InvalidKeyError
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error as error:
        raise InvalidKeyError("the base64 part of the public key is damaged") from error
    kind, *parts = _split(blob)
    if kind.decode("ascii", errors="replace") != words[0]:
        raise InvalidKeyError(f"the key is called {words[0]} but holds another kind")
    match words[0], parts:
        case "ssh-rsa", [exponent, modulus]:
            return RSAPublicKey(
                modulus=int.from_bytes(modulus, "big", signed=True),
                exponent=int.from_bytes(exponent, "big", signed=True),
            )
        case "ssh-ed25519", [data]:
            return Ed25519PublicKey(data=data)
    raise InvalidKeyError(f"a key of kind {words[0]} does not have {len(parts)} parts")


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _mpint(number: int) -> bytes:
    """Encode a positive integer as RFC 4251 section 5 wants it: the top bit stays clear."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _split(blob: bytes) -> list[bytes]:
    parts: list[bytes] = []
    rest = blob
    while rest:
        length = int.from_bytes(rest[:4], "big")
        if len(rest) < 4 + length:
            raise InvalidKeyError("the public key ends too early")
        parts.append(rest[4 : 4 + length])
        rest = rest[4 + length :]
    return parts or [b""]

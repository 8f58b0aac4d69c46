"""Public keys in OpenSSH's one-line form: the one rule for what is taken, and what boards get."""

import base64
import binascii
import hashlib
import re
from typing import Final, NamedTuple
from unicodedata import category

from boruta_farm.model.errors import SSHKeyError

MAX_SSH_KEY: Final = 8192
LEAST_RSA_BITS: Final = 1024
MOST_RSA_BITS: Final = 16384
"""What OpenSSH and OpenSSL take."""
MOST_EXPONENT_BITS: Final = 63
"""What Go RPC carries; usual are 17."""
LONGEST_APPLICATION: Final = 255
GO_KINDS: Final = ("ssh-rsa", "ssh-ed25519")
"""All that Go RPC can carry to a board."""

_BLANK = re.compile("[ \t]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of characters, and what ends a line or paragraph."""


class Curve(NamedTuple):
    """The curve y^2 = x^3 - 3x + b of the numbers below the prime p."""

    p: int
    b: int

    @property
    def size(self) -> int:
        """Return the bytes of one coordinate."""
        return (self.p.bit_length() + 7) // 8

    def holds(self, point: bytes) -> bool:
        """Tell whether an uncompressed point (SEC 1) lies on the curve."""
        size = self.size
        if len(point) != 1 + 2 * size or point[0] != 4:
            return False
        x, y = int.from_bytes(point[1 : 1 + size], "big"), int.from_bytes(point[1 + size :], "big")
        return x < self.p and y < self.p and (y * y - (x * x - 3) * x - self.b) % self.p == 0


CURVES: Final = {
    b"nistp256": Curve(
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    b"nistp384": Curve(
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    ),
    b"nistp521": Curve(
        2**521 - 1,
        0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
    ),
}
"""NIST's curves (FIPS 186-4)."""

KINDS: Final = (
    "ssh-ed25519",
    "ssh-rsa",
    *(f"ecdsa-sha2-{curve.decode()}" for curve in CURVES),
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


def fingerprint(key: str) -> str:
    """Return the fingerprint of a key as ``board_key`` returns it, as ssh shows it."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def board_key(line: str) -> str:
    """Return the key of a line as boards get it: type and base64, without its comment.

    Each board's SSH library reads such a line alike; comments are for people, and libraries
    differ on what may stand in them. Raises SSHKeyError with what is wrong: other types, lengths
    and curves, a body that is not the type's, options, several lines, control characters.
    """
    if len(line) > MAX_SSH_KEY:
        raise SSHKeyError(f"SSHKey has {len(line)} characters; the most is {MAX_SSH_KEY}")
    plain = line.strip(" \t\r\n")
    for character in plain:
        if character != "\t" and category(character) in _BREAKING:
            raise SSHKeyError(
                f"SSHKey must be one line without control characters, and holds {character!r}; "
                "give one key, as in the file that ends in .pub"
            )
    kind, *rest = _BLANK.split(plain, maxsplit=2)
    if kind not in KINDS:
        if any(word in KINDS for word in _BLANK.split(plain)):
            raise SSHKeyError(
                "SSHKey must begin with its type: options in front of a key are not taken"
            )
        if rest and rest[0].startswith("AAAA"):
            raise SSHKeyError(f"SSHKey is of type {kind[:64]!r}; give one of {', '.join(KINDS)}")
        raise SSHKeyError
    if not rest:
        raise SSHKeyError(f"SSHKey ends after its type {kind}; give the whole line")
    blob = _decoded(rest[0])
    wrong = _fault(kind, _parts(blob))
    if wrong is not None:
        raise SSHKeyError(f"SSHKey {wrong}")
    return f"{kind} {base64.b64encode(blob).decode()}"


def goes_over_go_rpc(line: str) -> bool:
    """Tell whether a board of the original can be given this key."""
    return line.split(" ", 1)[0] in GO_KINDS


def _decoded(encoded: str) -> bytes:
    cut = SSHKeyError(
        "SSHKey has a damaged body: its base64 cannot be read; copy the whole line again"
    )
    if not _BASE64.fullmatch(encoded):
        raise cut
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise cut from None
    if base64.b64encode(blob).decode() != encoded:
        raise cut
    return blob


def _fault(kind: str, parts: list[bytes] | None) -> str | None:
    """Return what is wrong with a key's parts in words (RFC 4253, RFC 5656, RFC 8709)."""
    if parts is None or parts[0] != kind.encode():
        return f"holds no key of the type {kind} that it names"
    match kind, parts[1:]:
        case "ssh-ed25519", [key] if len(key) == 32:
            return None
        case "ssh-rsa", [exponent, modulus]:
            return _rsa_fault(exponent, modulus)
        case "sk-ssh-ed25519@openssh.com", [key, application] if len(key) == 32:
            return _application_fault(application)
        case "sk-ecdsa-sha2-nistp256@openssh.com", [b"nistp256", point, application] if CURVES[
            b"nistp256"
        ].holds(point):
            return _application_fault(application)
        case _, [curve, point] if curve in CURVES and kind == f"ecdsa-sha2-{curve.decode()}":
            return None if CURVES[curve].holds(point) else f"is no point on {curve.decode()}"
    return f"has a body that is no {kind} key"


def _rsa_fault(exponent: bytes, modulus: bytes) -> str | None:
    e, n = _number(exponent), _number(modulus)
    if e is None or n is None:
        return "has a body that is no ssh-rsa key"
    if not LEAST_RSA_BITS <= n.bit_length() <= MOST_RSA_BITS:
        return (
            f"is an RSA key of {n.bit_length()} bits; boards take {LEAST_RSA_BITS} to "
            f"{MOST_RSA_BITS}: make another, for example with ssh-keygen -t ed25519"
        )
    if e < 3 or not e & 1 or not n & 1 or e.bit_length() > MOST_EXPONENT_BITS:
        return "is an RSA key whose exponent or modulus cannot be used; make another"
    return None


def _application_fault(application: bytes) -> str | None:
    if 1 <= len(application) <= LONGEST_APPLICATION and all(
        32 <= byte < 127 for byte in application
    ):
        return None
    return "names an application that is no short text"


def _parts(blob: bytes) -> list[bytes] | None:
    """Cut a key's blob into its strings (RFC 4251, section 5); None when it cannot be cut."""
    parts = []
    at = 0
    while at < len(blob):
        end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
        if len(blob) < max(end, at + 4):
            return None
        parts.append(blob[at + 4 : end])
        at = end
    return parts or None


def _number(part: bytes) -> int | None:
    """Return a number above 0 in its one form: a sign, and no zeros that it does not need."""
    if not part or part[0] >= 0x80 or (part[0] == 0 and (len(part) == 1 or part[1] < 0x80)):
        return None
    return int.from_bytes(part, "big") or None

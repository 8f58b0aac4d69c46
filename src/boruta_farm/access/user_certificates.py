"""OpenSSH's certificates (PROTOCOL.certkeys), those of security keys too, and their signatures."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from boruta_farm.access.ssh_blobs import BlobReader

SUFFIX: Final = "-cert-v01@openssh.com"
SECURITY_KEYS: Final = frozenset(
    {"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"}
)
FIELDS: Final[Mapping[str, int]] = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
"""How many strings a key of each kind takes behind its name."""
KINDS: Final[Mapping[str, str]] = {
    kind.removesuffix("@openssh.com") + SUFFIX: kind for kind in FIELDS
}
"""Of which kind of key a kind of certificate is."""
RSA_HASHES: Final[Mapping[bytes, type[hashes.HashAlgorithm]]] = {
    b"rsa-sha2-256": hashes.SHA256,
    b"rsa-sha2-512": hashes.SHA512,
}
CURVE_HASHES: Final[Mapping[str, type[hashes.HashAlgorithm]]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}
SHORTEST_RSA: Final = 1024
"""Bits; OpenSSH takes none below either."""
USER: Final = 1
TOUCHED: Final = 1


class ForgeableError(ValueError):
    """A signature was made with SHA-1, for which certificates can be forged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCertificate:
    """Carry what a certificate says, and what its authority has signed of it.

    Keys are blobs, as they stand in the second word of a line.
    """

    key: bytes
    serial: int
    person: bool
    """Whether it is a person's; else it is a host's."""
    name: bytes
    principals: tuple[bytes, ...]
    valid_after: int
    valid_before: int
    """Seconds since 1970; the end is not within."""
    bounds: Mapping[bytes, bytes]
    """Critical options by name: what has to be kept by whoever lets somebody in."""
    signer: bytes
    signed: bytes
    signature: bytes

    def see_signature(self) -> None:
        """Check that its authority has signed it.

        Raises InvalidSignature or ValueError when it has not, ForgeableError for SHA-1.
        """
        verify(self.signer, self.signature, self.signed)


def read_certificate(line: str) -> UserCertificate | None:
    """Read a line of type and body; None for what is no certificate. Raises ValueError."""
    shown, blob = _cut(line)
    if not shown.endswith(SUFFIX):
        load(blob)
        return None
    kind = KINDS.get(shown)
    if kind is None:
        raise ValueError(f"{shown[:60]!r} is a certificate of no kind that is known")
    reader = BlobReader(blob)
    reader.string()
    reader.string()  # What makes each certificate another one.
    start = reader.at
    for _ in range(FIELDS[kind]):
        reader.string()
    name = kind.encode()
    key = len(name).to_bytes(4, "big") + name + blob[start : reader.at]
    load(key)
    serial, sort = reader.number(8), reader.number(4)
    if sort not in (USER, USER + 1):
        raise ValueError("it is neither a person's nor a host's")
    told, principals = reader.string(), tuple(BlobReader(reader.string()).strings())
    valid_after, valid_before = reader.number(8), reader.number(8)
    bounds = _options(reader.string())
    reader.string()  # Extensions: what a shell would be allowed, of which there is none here.
    reader.string()  # Reserved by the format.
    signer = reader.string()
    load(signer)
    signed = blob[: reader.at]
    signature = reader.string()
    reader.see_end()
    return UserCertificate(
        key=key,
        serial=serial,
        person=sort == USER,
        name=told,
        principals=principals,
        valid_after=valid_after,
        valid_before=valid_before,
        bounds=bounds,
        signer=signer,
        signed=signed,
        signature=signature,
    )


def key_blob(line: str) -> bytes:
    """Return the blob of a line's public key, whatever follows it. Raises ValueError."""
    _, blob = _cut(line)
    load(blob)
    return blob


def key_line(blob: bytes) -> str:
    """Return type and body of a key."""
    return f"{BlobReader(blob).string().decode()} {base64.b64encode(blob).decode()}"


def load(
    blob: bytes,
) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    """Return a key that signatures are checked by. Raises ValueError."""
    reader = BlobReader(blob)
    kind = reader.string().decode("ascii")
    if kind not in FIELDS:
        raise ValueError(f"{kind[:60]!r} is a key of no kind that is known")
    for _ in range(FIELDS[kind]):
        reader.string()
    reader.see_end()
    try:
        key = load_ssh_public_key(key_line(blob).encode())
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < SHORTEST_RSA:
        raise ValueError(f"an RSA key of {key.key_size} bits can be broken")
    if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise ValueError(f"{kind!r} is a key of no kind that is known")
    return key


def verify(signer: bytes, signature: bytes, signed: bytes) -> None:
    """Check a signature as ssh carries it.

    A security key signs more than it is given: hashes, whether it was touched, and how often it has
    signed (PROTOCOL.u2f). Raises InvalidSignature or ValueError, ForgeableError for SHA-1.
    """
    reader = BlobReader(signature)
    kind, made = reader.string(), reader.string()
    of_key = BlobReader(signer)
    expected = of_key.string()
    if expected.decode("ascii") in SECURITY_KEYS:
        flags, count = reader.raw(1), reader.raw(4)
        if not flags[0] & TOUCHED:
            raise ValueError("nobody has touched the security key that signed")
        *_, application = of_key.strings()
        digest = hashlib.sha256(application).digest()
        signed = digest + flags + count + hashlib.sha256(signed).digest()
    reader.see_end()
    key = load(signer)
    if isinstance(key, rsa.RSAPublicKey):
        if kind == b"ssh-rsa":
            raise ForgeableError("it is signed with SHA-1")
        if kind not in RSA_HASHES:
            raise ValueError("it is signed in another way than its key does")
        # Shorter by zeros at its head it is the same number, and OpenSSH takes it.
        made = made.rjust((key.key_size + 7) // 8, b"\0")
        key.verify(made, signed, padding.PKCS1v15(), RSA_HASHES[kind]())
        return
    if kind != expected:
        raise ValueError("it is signed in another way than its key does")
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(made, signed)
        return
    numbers = BlobReader(made)
    r, s = (int.from_bytes(numbers.string(), "big") for _ in range(2))
    numbers.see_end()
    key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(CURVE_HASHES[key.curve.name]()))


def _options(blob: bytes) -> dict[bytes, bytes]:
    """Return options by name; each stands once, and they are in order."""
    reader = BlobReader(blob)
    options: dict[bytes, bytes] = {}
    last: bytes | None = None
    while reader:
        name, value = reader.string(), BlobReader(reader.string())
        if last is not None and name <= last:
            raise ValueError("its options are not in order")
        last = name
        options[name] = value.string() if value else b""
        value.see_end()
    return options


def _cut(line: str) -> tuple[str, bytes]:
    """Return the kind that a line tells and its body, which begins with the same."""
    match line.split():
        case [kind, body, *_]:
            pass
        case _:
            raise ValueError("it is no line of type and body")
    try:
        blob = base64.b64decode(body, validate=True)
    except ValueError:
        raise ValueError("its body is not in base64") from None
    if BlobReader(blob).string() != kind.encode():
        raise ValueError("it is of another kind than it is said to be")
    return kind, blob

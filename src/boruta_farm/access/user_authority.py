"""Certificates of a company's SSH authority, by which people prove who they are."""

import base64
import hashlib
import ipaddress
import logging
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
    load_ssh_public_key,
)

from boruta_farm.model.errors import ConfigError, UnauthenticatedError, UnavailableError
from boruta_farm.model.front_door import Vouched

logger = logging.getLogger(__name__)

LARGEST_FILE: Final = 4 << 20
LONGEST_CERTIFICATE: Final = 64 * 1024
MOST_REMEMBERED: Final = 1024
SOURCE_ADDRESS: Final = b"source-address"
BROKEN_SIGNATURES: Final = frozenset({b"ssh-rsa", b"ssh-dss"})
"""Made with SHA-1, for which certificates can be forged: OpenSSH takes none since 8.2."""
STRINGS_OF_KEYS: Final = {b"ssh-ed25519": 1, b"ssh-rsa": 2}
"""How many strings the key itself takes in a certificate; curves take two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """Carry what an authority has taken back."""

    keys: frozenset[str] = frozenset()
    serials: tuple[tuple[int, int], ...] = ()
    identities: frozenset[str] = frozenset()


class UserAuthority:
    """Judge certificates by the authorities of one file and the revocations of another.

    Both are read anew when they change, so what is taken back is dead at once. While one of them
    cannot be read, nobody is let in by a certificate. Whose signature is good is remembered: those
    who are inside are judged twice a second.
    """

    def __init__(self, authorities: Path, revoked: Path | None = None) -> None:
        self._authorities = WatchedFile(authorities)
        self._revoked = None if revoked is None else WatchedFile(revoked)
        self._keys: tuple[object, frozenset[str]] = (None, frozenset())
        self._taken_back: tuple[object, Revoked] = (None, Revoked())
        self._good: OrderedDict[str, SSHCertificate] = OrderedDict()

    def check(self) -> None:
        """See that both files can be used. Raises ConfigError."""
        self._trusted()
        self._dead()

    def judge(self, line: str, source: str, now: datetime) -> Vouched:
        """Return what a certificate proves of whoever has its key, coming from an address.

        That he has the key is for others to see. Raises UnauthenticatedError with what is wrong,
        UnavailableError while the files cannot be read.
        """
        try:
            trusted, dead = self._trusted(), self._dead()
        except ConfigError as error:
            logger.error("nobody is let in by a certificate: %s", error.message)
            raise UnavailableError(
                "certificates cannot be judged at present; the farm's log tells why"
            ) from None
        made = self._good.get(line) or _read(line)
        signer = _line(made.signature_key())
        if signer not in trusted:
            raise UnauthenticatedError("the certificate is of an authority that is not known here")
        self._see_signature(made, line)
        name, key = made.key_id.decode(errors="replace"), _line(made.public_key())
        told = f"certificate {name!r} (serial {made.serial})"
        if made.type is not SSHCertificateType.USER:
            raise UnauthenticatedError(f"{told} is a host's, not a person's")
        moment = now.timestamp()
        if moment < made.valid_after:
            raise UnauthenticatedError(f"{told} is not valid yet; see this machine's clock")
        if moment >= made.valid_before:
            raise UnauthenticatedError(f"{told} has expired")
        revoked = (
            key in dead.keys
            or signer in dead.keys
            or name in dead.identities
            # OpenSSH's rule: serial 0 is no number, but the lack of one.
            or (made.serial and any(low <= made.serial <= high for low, high in dead.serials))
        )
        if revoked:
            raise UnauthenticatedError(f"{told} was revoked")
        if not made.valid_principals:
            raise UnauthenticatedError(f"{told} names nobody, and so would be everybody's")
        _see_options(made, source, told)
        return Vouched(
            principals=tuple(one.decode(errors="replace") for one in made.valid_principals),
            key=key,
            proof=f"{told} of {_fingerprint(signer)}",
        )

    def _see_signature(self, made: SSHCertificate, line: str) -> None:
        if line in self._good:
            self._good.move_to_end(line)
            return
        try:
            made.verify_cert_signature()
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            raise UnauthenticatedError("the certificate's signature is wrong") from None
        if _signature_kind(base64.b64decode(line.split()[1])) in BROKEN_SIGNATURES:
            raise UnauthenticatedError(
                "the certificate is signed with SHA-1; the authority must sign with rsa-sha2-512"
            )
        self._good[line] = made
        if len(self._good) > MOST_REMEMBERED:
            self._good.popitem(last=False)

    def _trusted(self) -> frozenset[str]:
        stamp, text = self._authorities.read(self._keys[0])
        if text is not None:
            keys = frozenset(_key(line, self._authorities.path) for line in _lines(text))
            if not keys:
                raise ConfigError(f"{self._authorities.path}: holds no public key")
            self._keys = stamp, keys
        return self._keys[1]

    def _dead(self) -> Revoked:
        if self._revoked is None:
            return Revoked()
        stamp, text = self._revoked.read(self._taken_back[0])
        if text is not None:
            self._taken_back = stamp, _revocations(text, self._revoked.path)
        return self._taken_back[1]


class WatchedFile:
    """Read a file when it is another than the last time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, known: object) -> tuple[object, str | None]:
        """Return the file's stamp, and its text unless the stamp is known. Raises ConfigError."""
        try:
            with self.path.open("rb") as file:
                status = self.path.stat()
                stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
                if stamp == known:
                    return stamp, None
                content = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be read: {error.strerror}") from None
        if len(content) > LARGEST_FILE:
            raise ConfigError(f"{self.path}: has more than {LARGEST_FILE >> 20} MiB")
        try:
            return stamp, content.decode()
        except UnicodeDecodeError:
            raise ConfigError(f"{self.path}: is no text; write lines, not a binary list") from None


def _read(line: str) -> SSHCertificate:
    if len(line) > LONGEST_CERTIFICATE:
        raise UnauthenticatedError("the certificate is too long")
    try:
        made = load_ssh_public_identity(line.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise UnauthenticatedError("a certificate of this kind cannot be read here") from None
    if not isinstance(made, SSHCertificate):
        raise UnauthenticatedError("what was shown is no certificate")
    return made


def _see_options(made: SSHCertificate, source: str, told: str) -> None:
    """Refuse what binds the certificate in a way that could not be kept (critical options)."""
    for name, value in made.critical_options.items():
        if name != SOURCE_ADDRESS:
            raise UnauthenticatedError(
                f"{told} is bound by {name.decode(errors='replace')!r}, which the door cannot keep"
            )
        try:
            networks = [
                ipaddress.ip_network(part.strip(), strict=False)
                for part in value.decode("ascii").split(",")
            ]
            address = ipaddress.ip_address(source.removeprefix("::ffff:"))
        except ValueError:
            raise UnauthenticatedError(f"{told} is bound to addresses that make no sense") from None
        if not any(address in network for network in networks):
            raise UnauthenticatedError(f"{told} is not for the address {source}")


def _signature_kind(blob: bytes) -> bytes:
    """Return the algorithm of a certificate's signature, which stands at its end."""
    strings = _Strings(blob)
    kind = strings.next().removesuffix(b"-cert-v01@openssh.com")
    strings.skip(1 + STRINGS_OF_KEYS.get(kind, 2))
    strings.at += 8 + 4
    strings.skip(2)
    strings.at += 8 + 8
    strings.skip(4)
    return _Strings(strings.next()).next()


class _Strings:
    """Read the strings of a blob, one after the other (RFC 4251, section 5)."""

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self.at = 0

    def next(self) -> bytes:
        start = self.at + 4
        self.at = start + int.from_bytes(self._blob[self.at : start], "big")
        return self._blob[start : self.at]

    def skip(self, count: int) -> None:
        for _ in range(count):
            self.next()


def _revocations(text: str, path: Path) -> Revoked:
    """Read lines as ``ssh-keygen -k`` takes them: serial, id, key, or a key alone."""
    keys: set[str] = set()
    serials: list[tuple[int, int]] = []
    identities: set[str] = set()
    for line in _lines(text):
        word, _, rest = line.partition(":")
        match word.strip().lower():
            case "serial":
                first, _, last = rest.strip().partition("-")
                try:
                    serials.append((int(first, 0), int(last or first, 0)))
                except ValueError:
                    raise ConfigError(f"{path}: {line!r} names no serial number") from None
            case "id":
                identities.add(rest.strip())
            case "key":
                keys.add(_key(rest.strip(), path))
            case _:
                keys.add(_key(line, path))
    return Revoked(keys=frozenset(keys), serials=tuple(serials), identities=frozenset(identities))


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if (told := line.strip()) and not told.startswith("#"):
            yield told


def _key(line: str, path: Path) -> str:
    """Return a line's key as it is compared. Raises ConfigError."""
    words = line.split()
    try:
        return _line(load_ssh_public_key(" ".join(words[:2]).encode()))
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(
            f"{path}: {line[:60]!r} is not understood; write public keys, one a line"
            ", and what is revoked as serial: N, id: NAME or key: ssh-ed25519 AAAA..."
        ) from None


def _line(key: object) -> str:
    """Return type and body of a key."""
    told: bytes = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)  # type: ignore[attr-defined]  # every kind of public key has it
    return told.decode("ascii")


def _fingerprint(line: str) -> str:
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"

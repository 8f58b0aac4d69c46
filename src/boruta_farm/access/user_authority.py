"""Certificates of a company's SSH authority, by which people prove who they are."""

import base64
import hashlib
import ipaddress
import logging
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature

from boruta_farm.access.revocations import Revoked, read_revocations, text_lines
from boruta_farm.access.user_certificates import (
    ForgeableError,
    UserCertificate,
    key_blob,
    key_line,
    read_certificate,
)
from boruta_farm.model.errors import ConfigError, UnauthenticatedError, UnavailableError
from boruta_farm.model.front_door import Vouched

logger = logging.getLogger(__name__)

LARGEST_FILE: Final = 4 << 20
LONGEST_CERTIFICATE: Final = 64 * 1024
MOST_REMEMBERED: Final = 1024
SOURCE_ADDRESS: Final = b"source-address"


class UserAuthority:
    """Judge certificates by the authorities of one file and the revocations of another.

    Both are read anew when they change, so what is taken back is dead at once. While one of them
    cannot be read, nobody is let in by a certificate. Whose signature is good is remembered: those
    who are inside are judged twice a second.
    """

    def __init__(self, authorities: Path, revoked: Path | None = None) -> None:
        self._authorities = WatchedFile(authorities)
        self._revoked = None if revoked is None else WatchedFile(revoked)
        self._keys: tuple[object, frozenset[bytes]] = (None, frozenset())
        self._taken_back: tuple[object, Revoked] = (None, Revoked())
        self._good: OrderedDict[str, UserCertificate] = OrderedDict()

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
        if made.signer not in trusted:
            raise UnauthenticatedError("the certificate is of an authority that is not known here")
        self._see_signature(made, line)
        told = f"certificate {made.name.decode(errors='replace')!r} (serial {made.serial})"
        if not made.person:
            raise UnauthenticatedError(f"{told} is a host's, not a person's")
        moment = now.timestamp()
        if moment < made.valid_after:
            raise UnauthenticatedError(f"{told} is not valid yet; see this machine's clock")
        if moment >= made.valid_before:
            raise UnauthenticatedError(f"{told} has expired")
        if dead.hold(made):
            raise UnauthenticatedError(f"{told} was revoked")
        if not made.principals:
            raise UnauthenticatedError(f"{told} names nobody, and so would be everybody's")
        _see_options(made, source, told)
        return Vouched(
            principals=tuple(one.decode(errors="replace") for one in made.principals),
            key=key_line(made.key),
            proof=f"{told} of {_fingerprint(made.signer)}",
        )

    def _see_signature(self, made: UserCertificate, line: str) -> None:
        if line in self._good:
            self._good.move_to_end(line)
            return
        try:
            made.see_signature()
        except ForgeableError:
            raise UnauthenticatedError(
                "the certificate is signed with SHA-1; the authority must sign with rsa-sha2-512"
            ) from None
        except (InvalidSignature, ValueError):
            raise UnauthenticatedError("the certificate's signature is wrong") from None
        self._good[line] = made
        if len(self._good) > MOST_REMEMBERED:
            self._good.popitem(last=False)

    def _trusted(self) -> frozenset[bytes]:
        stamp, content = self._authorities.read(self._keys[0])
        if content is not None:
            path = self._authorities.path
            try:
                keys = frozenset(_authority(line) for line in text_lines(content))
            except ValueError as error:
                raise ConfigError(f"{path}: {error}") from None
            if not keys:
                raise ConfigError(f"{path}: holds no public key")
            self._keys = stamp, keys
        return self._keys[1]

    def _dead(self) -> Revoked:
        if self._revoked is None:
            return Revoked()
        stamp, content = self._revoked.read(self._taken_back[0])
        if content is not None:
            try:
                self._taken_back = stamp, read_revocations(content)
            except ValueError as error:
                raise ConfigError(f"{self._revoked.path}: {error}") from None
        return self._taken_back[1]


class WatchedFile:
    """Read a file when it is another than the last time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, known: object) -> tuple[object, bytes | None]:
        """Return the file's stamp, and its content if that is new. Raises ConfigError."""
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
        return stamp, content


def _read(line: str) -> UserCertificate:
    if len(line) > LONGEST_CERTIFICATE:
        raise UnauthenticatedError("the certificate is too long")
    try:
        made = read_certificate(line)
    except ValueError:
        raise UnauthenticatedError("a certificate of this kind cannot be read here") from None
    if made is None:
        raise UnauthenticatedError("what was shown is no certificate")
    return made


def _see_options(made: UserCertificate, source: str, told: str) -> None:
    """Refuse what binds the certificate in a way that could not be kept (critical options)."""
    for name, value in made.bounds.items():
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


def _authority(line: str) -> bytes:
    try:
        return key_blob(line)
    except ValueError:
        raise ValueError(
            f"{line[:60]!r} is not understood; write public keys, one a line"
        ) from None


def _fingerprint(key: bytes) -> str:
    return f"SHA256:{base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip('=')}"

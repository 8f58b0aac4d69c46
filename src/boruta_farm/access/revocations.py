"""What an SSH authority has taken back: the lists that ``ssh-keygen -k`` reads and writes."""

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from boruta_farm.access.ssh_blobs import BlobReader
from boruta_farm.access.user_certificates import UserCertificate, key_blob, read_certificate

MAGIC: Final = b"SSHKRL\n\0"
FORMAT: Final = 1
ANY_AUTHORITY: Final = b""
"""For whom a list speaks that names no authority."""


class Section(IntEnum):
    """The parts of a binary list (OpenSSH's PROTOCOL.krl)."""

    CERTIFICATES = 1
    KEYS = 2
    SHA1 = 3
    SIGNATURE = 4
    SHA256 = 5
    EXTENSION = 255


class CertificateSection(IntEnum):
    """What a binary list tells of the certificates of one authority."""

    SERIALS = 0x20
    RANGE = 0x21
    BITMAP = 0x22
    NAMES = 0x23
    EXTENSION = 0x39


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialBitmap:
    """Tell by bits which serial numbers from an offset on are taken back."""

    offset: int
    bits: bytes
    """The last byte's lowest bit is the offset's."""

    def __contains__(self, serial: int) -> bool:
        byte, bit = divmod(serial - self.offset, 8)
        return 0 <= byte < len(self.bits) and bool(self.bits[-1 - byte] >> bit & 1)


@dataclass(slots=True, kw_only=True)
class RevokedCertificates:
    """Gather what is taken back of one authority's certificates."""

    serials: set[int] = field(default_factory=set)
    ranges: list[range] = field(default_factory=list)
    bitmaps: list[SerialBitmap] = field(default_factory=list)
    names: set[bytes] = field(default_factory=set)

    def hold(self, made: UserCertificate) -> bool:
        """Return whether a certificate is among them."""
        if made.name in self.names:
            return True
        # OpenSSH's rule: serial 0 is no number, but the lack of one.
        return bool(made.serial) and (
            made.serial in self.serials
            or any(made.serial in one for one in self.ranges)
            or any(made.serial in one for one in self.bitmaps)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """Carry what is taken back: keys, hashes of keys, certificates by their authority."""

    keys: frozenset[bytes] = frozenset()
    hashes: frozenset[bytes] = frozenset()
    certificates: Mapping[bytes, RevokedCertificates] = field(default_factory=dict)

    def hold(self, made: UserCertificate) -> bool:
        """Return whether a certificate, its key or its authority is taken back."""
        return any(self._hold_key(key) for key in (made.key, made.signer)) or any(
            authority in self.certificates and self.certificates[authority].hold(made)
            for authority in (ANY_AUTHORITY, made.signer)
        )

    def _hold_key(self, key: bytes) -> bool:
        # SHA-1 names what is dead here, never what is good: who finds a second key of one hash has
        # another dead key.
        return key in self.keys or bool(
            self.hashes
            and not self.hashes.isdisjoint(
                (hashlib.sha256(key).digest(), hashlib.sha1(key, usedforsecurity=False).digest())
            )
        )


def read_revocations(content: bytes) -> Revoked:
    """Read a list, in text or binary. Raises ValueError with what is wrong."""
    return _binary(content) if content.startswith(MAGIC) else _text(content)


def text_lines(content: bytes) -> Iterator[str]:
    """Yield the lines that say something. Raises ValueError."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError("is no text; write lines") from None
    for line in text.splitlines():
        if (told := line.strip()) and not told.startswith("#"):
            yield told


def _text(content: bytes) -> Revoked:
    """Read lines as ``ssh-keygen -k`` takes them; a key or certificate alone is one, too."""
    keys: set[bytes] = set()
    digests: set[bytes] = set()
    certificates: defaultdict[bytes, RevokedCertificates] = defaultdict(RevokedCertificates)
    for line in text_lines(content):
        word, _, rest = line.partition(":")
        rest = rest.strip()
        match word.strip().lower():
            case "serial":
                certificates[ANY_AUTHORITY].ranges.append(_serials(line, rest))
            case "id":
                certificates[ANY_AUTHORITY].names.add(rest.encode())
            case "hash":
                digests.add(_digest(line, rest))
            case "key" | "sha1" | "sha256":
                _take_key(rest, keys, certificates)
            case _:
                _take_key(line, keys, certificates)
    return Revoked(keys=frozenset(keys), hashes=frozenset(digests), certificates=certificates)


def _serials(line: str, told: str) -> range:
    first, _, last = told.partition("-")
    try:
        return range(int(first, 0), int(last or first, 0) + 1)
    except ValueError:
        raise ValueError(f"{line!r} names no serial number") from None


def _digest(line: str, told: str) -> bytes:
    kind, _, body = told.partition(":")
    try:
        digest = base64.b64decode(f"{body}=", validate=True)
    except ValueError:
        digest = b""
    if kind.upper() != "SHA256" or len(digest) != hashlib.sha256().digest_size:
        raise ValueError(f"{line[:60]!r} is no fingerprint as ssh-keygen -l shows it")
    return digest


def _take_key(
    line: str, keys: set[bytes], certificates: defaultdict[bytes, RevokedCertificates]
) -> None:
    try:
        made = read_certificate(line)
        if made is None:
            keys.add(key_blob(line))
            return
    except ValueError:
        raise ValueError(
            f"{line[:60]!r} is not understood; write public keys, one a line"
            ", and what is revoked as serial: N, id: NAME or key: ssh-ed25519 AAAA..."
        ) from None
    of_signer = certificates[made.signer]
    if made.serial:
        of_signer.serials.add(made.serial)
    else:
        of_signer.names.add(made.name)


def _binary(content: bytes) -> Revoked:
    try:
        return _sections(content)
    except ValueError as error:
        raise ValueError(f"is no list that ssh-keygen -k has written whole: {error}") from None


def _sections(content: bytes) -> Revoked:
    reader = BlobReader(content)
    reader.raw(len(MAGIC))
    if (told := reader.number(4)) != FORMAT:
        raise ValueError(f"its format is {told}, and {FORMAT} alone is known")
    reader.raw(3 * 8)  # Its number, when it was made, and flags, of which none are defined.
    reader.string()
    reader.string()
    keys: set[bytes] = set()
    digests: set[bytes] = set()
    certificates: defaultdict[bytes, RevokedCertificates] = defaultdict(RevokedCertificates)
    while reader:
        kind = Section(reader.number(1))
        body = BlobReader(reader.string())
        match kind:
            case Section.CERTIFICATES:
                _take_certificates(body, certificates)
            case Section.KEYS:
                keys.update(body.strings())
            case Section.SHA1 | Section.SHA256:
                digests.update(body.strings())
            case Section.SIGNATURE:
                # Who may write the file is trusted, as with lists that nobody has signed.
                reader.string()
            case Section.EXTENSION:
                _see_extension(body)
    return Revoked(keys=frozenset(keys), hashes=frozenset(digests), certificates=certificates)


def _take_certificates(
    section: BlobReader, certificates: defaultdict[bytes, RevokedCertificates]
) -> None:
    taken = certificates[section.string()]
    section.string()
    while section:
        kind = CertificateSection(section.number(1))
        body = BlobReader(section.string())
        match kind:
            case CertificateSection.SERIALS:
                while body:
                    taken.serials.add(body.number(8))
            case CertificateSection.RANGE:
                taken.ranges.append(range(body.number(8), body.number(8) + 1))
                body.see_end()
            case CertificateSection.BITMAP:
                taken.bitmaps.append(SerialBitmap(offset=body.number(8), bits=body.string()))
                body.see_end()
            case CertificateSection.NAMES:
                taken.names.update(body.strings())
            case CertificateSection.EXTENSION:
                _see_extension(body)


def _see_extension(body: BlobReader) -> None:
    """Refuse what the list's writer says must be understood."""
    name = body.string()
    if body.number(1):
        raise ValueError(f"it has the part {name.decode(errors='replace')!r}, which is not known")

"""Encryption at rest with the farm's secret key."""

import hashlib
import os
import secrets
import stat
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from boruta_farm.model.errors import ConfigError, StoreError

KEY_FILE = "secret.key"
KEY_SIZE = 32
NONCE_SIZE = 12
FORMAT = b"\x01"
"""First byte of everything sealed, so that another form can follow one day."""

READABLE_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class AesGcmCipher:
    """Seal with AES-256-GCM under a random nonce, bound to a context that is not stored."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._aead = AESGCM(key)
        self.mark = hashlib.sha256(b"boruta key " + key).hexdigest()[:32]
        """Tells this key from others, and nothing else of it: it has 256 random bits."""

    @classmethod
    def load(cls, data: Path) -> "AesGcmCipher":
        """Return the cipher of a data folder, making its key when there is none.

        Raises ConfigError when the key file is not safe or not whole.
        """
        path = data / KEY_FILE
        if not path.exists():
            _make_key(path)
        return cls(_read_key(path))

    @staticmethod
    def check(data: Path) -> None:
        """Refuse a key file that ``load`` would refuse, and make none. Raises ConfigError."""
        if (path := data / KEY_FILE).exists():
            _read_key(path)

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes made of the key for one purpose, always the same."""
        return HKDF(SHA256(), 32, None, purpose.encode()).derive(self._key)

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt and authenticate ``plain``, bound to ``context``."""
        nonce = secrets.token_bytes(NONCE_SIZE)
        return FORMAT + nonce + self._aead.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return the plain bytes. Raises StoreError when they were tampered with."""
        head, nonce, body = sealed[:1], sealed[1 : 1 + NONCE_SIZE], sealed[1 + NONCE_SIZE :]
        try:
            if head != FORMAT:
                raise InvalidTag
            return self._aead.decrypt(nonce, body, context.encode())
        except (InvalidTag, ValueError):
            raise StoreError(
                f"what is stored as {context} cannot be decrypted: it was changed, or sealed "
                f"with another {KEY_FILE}; restore the one that belongs to this database"
            ) from None


def _make_key(path: Path) -> None:
    """Put a whole key in place or none: a crash between creating and writing leaves no stump."""
    handle, name = tempfile.mkstemp(prefix=f".{KEY_FILE}.", dir=path.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_SIZE))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            return
    finally:
        fresh.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_key(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path}: is no regular file; put the farm's secret key there")
        if status.st_mode & READABLE_BY_OTHERS:
            mode = stat.S_IMODE(status.st_mode)
            raise ConfigError(
                f"{path}: other users may use the farm's secret key (mode {mode:04o}); "
                f"if nobody did, run: chmod 600 {path}"
            )
        if status.st_uid not in (os.geteuid(), 0):
            raise ConfigError(
                f"{path}: belongs to another user (uid {status.st_uid}); "
                "it must belong to the one who runs the server"
            )
        key = file.read(KEY_SIZE + 1)
    if len(key) != KEY_SIZE:
        raise ConfigError(
            f"{path}: is damaged: a key has {KEY_SIZE} bytes; restore it from a backup "
            "(without it no stored session key can be read)"
        )
    return key

"""The keys that open a session: their form, and the file in which sshd finds them."""

import base64
import binascii
import contextlib
import os
import re
import secrets
import time
from pathlib import Path
from typing import Final

from boruta_farm.model.errors import BoardError, KeyRefusedError

FOLDER: Final = Path("/run/boruta/keys")
"""On most systems memory, not disk: after a reboot no key is left."""

TYPE_FORM: Final = re.compile(r"[a-zA-Z0-9@.-]{1,64}")
LONGEST: Final = 16 * 1024


def check_key(line: str) -> str:
    """Return a public key as ``type base64`` without comment. Raises KeyRefusedError.

    Options in front of a key are refused: they would be obeyed by the SSH server.
    """
    parts = line.split()
    wrong = KeyRefusedError(
        "the session's key must be a public key in OpenSSH's form: type and base64"
    )
    if len(line) > LONGEST or len(parts) < 2 or not TYPE_FORM.fullmatch(parts[0]):
        raise wrong
    kind, encoded = parts[0], parts[1]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise wrong from None
    length = int.from_bytes(blob[:4], "big")
    if len(blob) <= 4 + length or blob[4 : 4 + length] != kind.encode():
        raise wrong
    return f"{kind} {encoded}"


class KeyFile:
    """Keep the authorized_keys of one account in a folder that only root writes to."""

    def __init__(self, name: str, folder: Path = FOLDER) -> None:
        self.path = folder / name
        self._folder = folder

    def write(self, keys: tuple[str, ...], group: int, seconds: float) -> None:
        """Replace the file at once; the keys work for so many seconds. Raises BoardError.

        The session's ``group`` may read it, as sshd does that with the user's rights. It is not the
        user's own: he could take away the key's end, and fill what all boards of the host share.
        """
        self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        new = self._folder / f".{self.path.name}.{secrets.token_hex(4)}"
        end = expiry(time.time() + seconds)
        content = "".join(f'expiry-time="{end}" {key}\n' for key in keys)
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(content)
                os.fchown(file.fileno(), -1, group)
                os.fchmod(file.fileno(), 0o640)
            new.replace(self.path)
        except OSError as error:
            with contextlib.suppress(FileNotFoundError):
                new.unlink()
            raise BoardError(f"{self.path}: the key cannot be written: {error.strerror}") from error

    def remove(self) -> bool:
        """Remove the file and tell whether there was one. Raises BoardError."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise BoardError(f"{self.path}: the key cannot be removed: {error.strerror}") from error
        return True


def expiry(moment: float) -> str:
    """Return a moment as sshd reads it: local time, which every version understands."""
    return time.strftime("%Y%m%d%H%M%S", time.localtime(moment))

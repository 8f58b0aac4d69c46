"""The door's own host key, made at the first start and kept in the data folder."""

import os
from pathlib import Path
from typing import Final

import asyncssh

from boruta_farm.model.errors import ConfigError

FILE: Final = "door_host_key"


def host_key(data: Path) -> asyncssh.SSHKey:
    """Return the key, made if there is none. Raises ConfigError where it cannot be had."""
    path = data / FILE
    try:
        if not path.exists():
            _make(path)
        return asyncssh.read_private_key(os.fspath(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be used: {error.strerror}") from None
    except asyncssh.KeyImportError as error:
        raise ConfigError(
            f"{path}: holds no private key ({error}); restore it from a backup, or remove it to "
            "have a new one made, of which ssh will warn everybody"
        ) from None


def _make(path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519", comment="boruta front door")
    new = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key.export_private_key())
        file.flush()
        os.fsync(handle)
    try:
        # Two that make one at once agree on the first.
        os.link(new, path)
    except FileExistsError:
        return
    finally:
        new.unlink()

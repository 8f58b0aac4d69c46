"""The secret by which the server knows this board again."""

import re
import secrets
from pathlib import Path

from boruta_farm.dryad.files import write_durably
from boruta_farm.model.errors import ConfigError

_FORM = re.compile(r"[A-Za-z0-9_-]{32,128}")


def load_credential(path: Path) -> str:
    """Return the credential, made at the first start.

    The server pins it to the board's UUID at the first registration. Raises ConfigError for a
    file that holds anything else.
    """
    try:
        credential = path.read_text().strip()
    except FileNotFoundError:
        credential = secrets.token_urlsafe(32)
        write_durably(path, f"{credential}\n".encode())
        return credential
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the board's credential cannot be read: {error}") from error
    if not _FORM.fullmatch(credential):
        raise ConfigError(
            f"{path}: this is no credential of ours; restore the file, or remove it and "
            "deregister the worker at the server, so that the board is enrolled anew"
        )
    return credential

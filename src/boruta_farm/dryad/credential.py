"""The secret by which the server knows this board again."""

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from boruta_farm.dryad.files import rename_durably, write_durably
from boruta_farm.model.errors import ConfigError, StoreError
from boruta_farm.settings.files import read_bounded

logger = logging.getLogger(__name__)

RENEW_AGAIN: Final = 600.0
"""Seconds until a credential that could not be written is tried again."""

Answer = TypeVar("Answer")

_FORM = re.compile(r"[A-Za-z0-9_-]{32,128}")


class Credential:
    """Keep the board's credential, and during a renewal the coming one beside it.

    ``draft`` writes the coming one, ``adopt`` puts it in place once the farm accepts both: an
    agent that loses power in between comes in with either.
    """

    def __init__(self, path: Path) -> None:
        """Load the credential, or make it. Raises ConfigError."""
        self._path = path
        self._coming = path.with_name(f"{path.name}.next")
        self._current = load_credential(path)

    def present(self) -> str:
        """Return what the farm is dialled with."""
        return self._current

    def draft(self) -> str:
        """Return the hash of the coming credential, the same one until it is adopted."""
        try:
            coming = load_credential(self._coming)
        except ConfigError:
            self._coming.unlink()
            coming = load_credential(self._coming)
        return digest_of(coming)

    def adopt(self) -> None:
        """Use the coming credential from now on. Raises StoreError."""
        coming = load_credential(self._coming)
        rename_durably(self._coming, self._path)
        self._current = coming


async def renewed(
    credential: Credential,
    presented: str,
    tell: Callable[[str, str], Awaitable[None]],
    again: float = RENEW_AGAIN,
) -> None:
    """Agree on a new credential and keep it; ``tell`` is given the hashes of both.

    ``presented`` is what the link was dialled with over which it is told. Once another link has
    renewed that one, nothing is told: the farm takes it only until the new one has come in.
    Where it cannot be written, it is tried again after so many seconds: a full disk breaks no link,
    and the present credential stays good.
    """
    if credential.present() != presented:
        return
    coming = await _once_written(credential.draft, again)
    await tell(digest_of(credential.present()), coming)
    await _once_written(credential.adopt, again)


async def _once_written(write: Callable[[], Answer], again: float) -> Answer:
    while True:
        try:
            return write()
        except (StoreError, ConfigError, OSError) as error:
            logger.warning("the board's credential is not renewed now: %s", error)
            await asyncio.sleep(again)


def digest_of(credential: str) -> str:
    """Return what the farm keeps of a credential."""
    return hashlib.sha256(credential.encode()).hexdigest()


def load_credential(path: Path) -> str:
    """Return the credential, made at the first start.

    The server pins it to the board's UUID at the first registration. Raises ConfigError for a
    file that holds anything else.
    """
    try:
        credential = read_bounded(path).decode("utf-8-sig").strip()
    except FileNotFoundError:
        credential = secrets.token_urlsafe(32)
        write_durably(path, f"{credential}\n".encode())
        return credential
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"{path}: the board's credential cannot be read: {why}") from None
    if not _FORM.fullmatch(credential):
        raise ConfigError(
            f"{path}: this is no credential of ours; restore the file, or remove it and "
            "deregister the worker at the server, so that the board is enrolled anew"
        )
    return credential

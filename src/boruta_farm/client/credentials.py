"""The tokens of signing in, by server: in the system's keyring, else in a private file."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from boruta_farm.model.errors import ConfigError
from boruta_farm.settings.files import parse_json
from boruta_farm.settings.kinds import Named, Text
from boruta_farm.settings.table import SettingError

SERVICE = "boruta"
IN_KEYRING = "keyring"
"""Stands in the file in place of a token that the keyring holds."""
PRIVATE = 0o600
TOKENS = Named(Text(secret=True))


def configuration_folder(environment: Mapping[str, str]) -> Path:
    """Return where a user's configuration of the client lies."""
    base = environment.get("XDG_CONFIG_HOME")
    home = Path(base) if base else Path(environment.get("HOME") or "~").expanduser() / ".config"
    return home / "boruta"


class Keyring(Protocol):
    """What is needed of the library ``keyring``."""

    def get_password(self, service_name: str, username: str) -> str | None:
        """Return a secret."""
        ...

    def set_password(self, service_name: str, username: str, password: str) -> None:
        """Keep a secret."""
        ...

    def delete_password(self, service_name: str, username: str) -> None:
        """Forget a secret."""
        ...


class Credentials:
    """Keep one token per server's address.

    ``keyring`` replaces the system's, None means there is none; without it the optional library
    is asked. A file that others can read is refused, since its tokens may be known.
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, keyring: Keyring | None = None
    ) -> None:
        environment = os.environ if environment is None else environment
        self._path = configuration_folder(environment) / "tokens.json"
        self._keyring = keyring

    def get(self, server: str) -> str | None:
        """Return the token for a server, None when nobody has signed in there."""
        known = self._read().get(server)
        if known != IN_KEYRING:
            return known
        keyring = self._keyring or system_keyring()
        return None if keyring is None else keyring.get_password(SERVICE, server)

    def put(self, server: str, token: str) -> str:
        """Keep a token and return in words where. Raises ConfigError."""
        keyring = self._keyring or system_keyring()
        if keyring is not None:
            keyring.set_password(SERVICE, server, token)
        kept = self._read()
        kept[server] = token if keyring is None else IN_KEYRING
        self._write(kept)
        return str(self._path) if keyring is None else "the system's keyring"

    def forget(self, server: str) -> None:
        """Forget the token for a server, harmless when there is none."""
        kept = self._read()
        known = kept.pop(server, None)
        if known is None:
            return
        keyring = self._keyring or system_keyring()
        if known == IN_KEYRING and keyring is not None:
            keyring.delete_password(SERVICE, server)
        self._write(kept)

    def _read(self) -> dict[str, str]:
        try:
            content = self._path.read_bytes()
            mode = self._path.stat().st_mode
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be read: {error.strerror}") from None
        if mode & 0o077:
            raise ConfigError(
                f"{self._path}: holds tokens and can be read by others; run: "
                f"chmod 600 {self._path}, then sign in anew"
            )
        try:
            return TOKENS.read(parse_json(content))
        except SettingError as wrong:
            raise ConfigError(
                f"{self._path}: is damaged ({wrong.message}); remove it and sign in again: "
                "boruta login"
            ) from None

    def _write(self, kept: Mapping[str, str]) -> None:
        """Replace the file in one step, so that no other run finds half of it."""
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, PRIVATE)
            with os.fdopen(handle, "w") as file:
                json.dump(kept, file, indent=2)
            Path(fresh).replace(self._path)
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be written: {error.strerror}") from None


def system_keyring() -> Keyring | None:
    """Return the system's keyring, None without the library or a place it can use."""
    try:
        import keyring
    except ImportError:
        return None
    backend = keyring.get_keyring()
    return backend if backend.priority >= 1 else None

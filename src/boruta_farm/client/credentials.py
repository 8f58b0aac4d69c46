"""The tokens of signing in, by server: in the system's keyring, else in a private file."""

import json
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, TypeVar

from boruta_farm.model.errors import ConfigError
from boruta_farm.model.home import home_of
from boruta_farm.model.token import check_token
from boruta_farm.settings.files import parse_json, read_bounded
from boruta_farm.settings.kinds import Named, Text
from boruta_farm.settings.table import SettingError

SERVICE = "boruta"
IN_KEYRING = "keyring"
"""Stands in the file in place of a token that the keyring holds."""
PRIVATE = 0o600
TOKENS = Named(Text(secret=True))
KEYRING = "the system's keyring"
LONGEST_REASON = 200

Result = TypeVar("Result")


def configuration_folder(environment: Mapping[str, str]) -> Path | None:
    """Return where a user's configuration of the client lies, None for a user without a home."""
    base = environment.get("XDG_CONFIG_HOME")
    if base:
        return Path(base) / "boruta"
    home = home_of(environment)
    return None if home is None else home / ".config" / "boruta"


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


class KeyringError(Exception):
    """The keyring cannot be used; the text says why."""


class Credentials:
    """Keep one token per server's address.

    ``keyring`` replaces the system's, None means there is none; without it the optional library
    is asked. A keyring that fails, being locked or without its service, is told, and the file
    serves instead. A file that others can read is refused, since its tokens may be known.
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, keyring: Keyring | None = None
    ) -> None:
        environment = os.environ if environment is None else environment
        folder = configuration_folder(environment)
        self._path = None if folder is None else folder / "tokens.json"
        self._keyring = keyring

    def get(self, server: str) -> str | None:
        """Return the token for a server, None when nobody has signed in there.

        Raises ConfigError for a file, a keyring or a token that cannot be used.
        """
        known = self._read().get(server)
        place = str(self._path)
        if known == IN_KEYRING:
            place = KEYRING
            try:
                known = self._asked(server)
            except KeyringError as failure:
                raise ConfigError(
                    f"the token for {server} lies in {KEYRING}, which cannot be used ({failure}); "
                    f"unlock it, set BORUTA_TOKEN, or sign in again: boruta login {server}"
                ) from None
        return None if known is None else check_token(known, f"{place}: {server}")

    def prove_writable(self) -> None:
        """See that ``put`` will succeed, before something is given up for what it shall keep.

        Raises ConfigError.
        """
        self._write(self._read())

    def put(self, server: str, token: str) -> str:
        """Keep a token and return in words where. Raises ConfigError."""
        kept = self._read()
        place, kept[server] = str(self._path), token
        try:
            keyring = self._keyring or system_keyring()
            if keyring is not None:
                _guarded(lambda: keyring.set_password(SERVICE, server, token))
                place, kept[server] = KEYRING, IN_KEYRING
        except KeyringError as failure:
            place = f"{place}, since {KEYRING} cannot be used ({failure})"
        self._write(kept)
        return place

    def forget(self, server: str) -> None:
        """Forget the token for a server, harmless when there is none."""
        kept = self._read()
        known = kept.pop(server, None)
        if known is None:
            return
        self._write(kept)
        if known == IN_KEYRING:
            try:
                keyring = self._keyring or system_keyring()
                if keyring is not None:
                    _guarded(lambda: keyring.delete_password(SERVICE, server))
            except KeyringError as failure:
                raise ConfigError(
                    f"{KEYRING} cannot be used ({failure}): it may still hold the token "
                    f"for {server}"
                ) from None

    def _asked(self, server: str) -> str | None:
        keyring = self._keyring or system_keyring()
        return None if keyring is None else _guarded(lambda: keyring.get_password(SERVICE, server))

    def _read(self) -> dict[str, str]:
        if self._path is None:
            return {}
        try:
            content = read_bounded(self._path)
            mode = self._path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
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
        replace_private(self._path, json.dumps(kept, indent=2), "a token")


def replace_private(
    path: Path | None, text: str, what: str, variable: str = "XDG_CONFIG_HOME"
) -> None:
    """Replace a file of the user's in one step, so that no other run finds half of it.

    ``path`` None is that of a user without a home; ``variable`` names the folder above it. Raises
    ConfigError.
    """
    token = ", or give a token in BORUTA_TOKEN" if variable == "XDG_CONFIG_HOME" else ""
    if path is None:
        raise ConfigError(
            f"there is no home folder in which {what} could be kept; set HOME or {variable}{token}"
        )
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, PRIVATE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # A file that is a link, as in a repository of dot files, stays one.
        fresh.replace(path.resolve() if path.is_symlink() else path)
    except OSError as error:
        if fresh.exists():
            fresh.unlink()
        raise ConfigError(
            f"{path}: cannot be written: {error.strerror}; name another folder with "
            f"{variable}{token}"
        ) from None


def system_keyring() -> Keyring | None:
    """Return the system's keyring, None without the library or a place it can use.

    Raises KeyringError.
    """
    if find_spec("keyring") is None:
        return None
    # It looks for its place when it is imported, and fails there over a setting of its own.
    backend = _guarded(lambda: import_module("keyring").get_keyring())
    return backend if _guarded(lambda: backend.priority) >= 1 else None


def _guarded(work: Callable[[], Result]) -> Result:
    """Do something with the keyring. Raises KeyringError.

    Backends are other people's plug-ins over D-Bus and the like, and raise what they please.
    """
    try:
        return work()
    except Exception as error:  # noqa: BLE001  # whatever they raise, the file serves
        why = " ".join(str(error).split())[:LONGEST_REASON]
        raise KeyringError(why or type(error).__name__) from None

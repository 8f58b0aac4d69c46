"""The profile that signing in leaves behind, written into a file that people edit too."""

import json
import os
import re
from collections.abc import Mapping

from boruta_farm.client.config import ClientConfig, default_path
from boruta_farm.client.credentials import replace_private
from boruta_farm.model.errors import ConfigError
from boruta_farm.settings.files import parse_toml, read_bounded
from boruta_farm.settings.table import SettingError

_TABLE = re.compile(r"\s*\[")
_KEY = re.compile(r"\s*(server|token|ca_file|account)\s*=")
_NAME = re.compile(r"[A-Za-z0-9_-]+")


class Profile:
    """Change server, authority and account of one profile, and nothing else of the file.

    ``name`` None is the profile that is used without being named: ``BORUTA_PROFILE``, the file's
    ``profile_name``, or the keys at its top. Raises ConfigError wherever the file cannot be
    understood.
    """

    def __init__(self, name: str | None, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._path = default_path(environment)
        self._text = self._read()
        self._content = self._parsed(self._text)
        self._profiles(self._content)
        chosen = name or environment.get("BORUTA_PROFILE") or self._content.get("profile_name")
        if chosen is not None and not _NAME.fullmatch(str(chosen)):
            raise ConfigError(
                f"{str(chosen)!r} names no profile: letters, digits, - and _ are allowed"
            )
        self._name = None if chosen is None else str(chosen)

    @property
    def exists(self) -> bool:
        """Tell whether the profile is there already."""
        return self._name is None or self._name in self._profiles(self._content)

    @property
    def words(self) -> str:
        """Return where the profile lies, for people."""
        return str(self._path) if self._name is None else f"[profile.{self._name}] in {self._path}"

    def prove_writable(self) -> None:
        """See that ``save`` will succeed. Raises ConfigError."""
        replace_private(self._path, self._text, "a profile")

    def save(self, config: ClientConfig, account: str) -> None:
        """Name the server, its authority and the account; a token in the profile is dropped."""
        wanted = {"server": config.server, "account": account}
        if config.ca_file is not None:
            wanted["ca_file"] = str(config.ca_file.absolute())
        text = self._changed(wanted)
        content = self._parsed(text)
        found = content if self._name is None else self._profiles(content).get(self._name, {})
        if {key: found.get(key) for key in ("server", "ca_file", "account", "token")} != {
            "ca_file": None,
            "token": None,
            **wanted,
        }:
            raise ConfigError(
                f"{self._path}: is written in a way that cannot be changed here; set these by "
                f"hand: {wanted}"
            )
        replace_private(self._path, text, "a profile")

    def _changed(self, wanted: Mapping[str, str]) -> str:
        """Return the file's text with the keys of the profile's table replaced."""
        fresh = [f"{key} = {json.dumps(value)}" for key, value in wanted.items()]
        lines = self._text.splitlines()
        begin, end = self._table(lines)
        if begin is None:
            return "\n".join(
                [*lines, *([""] if lines else []), f"[profile.{self._name}]", *fresh, ""]
            )
        kept = [line for line in lines[begin:end] if not _KEY.match(line)]
        return "\n".join([*lines[:begin], *fresh, *kept, *lines[end:], ""])

    def _table(self, lines: list[str]) -> tuple[int | None, int]:
        """Return the lines of the profile's table, without its header."""
        tables = [number for number, line in enumerate(lines) if _TABLE.match(line)]
        begin: int | None = 0
        if self._name is not None:
            header = re.compile(rf"\s*\[\s*profile\s*\.\s*\"?{re.escape(self._name)}\"?\s*\]")
            begin = next((n + 1 for n in tables if header.match(lines[n])), None)
        following = (number for number in tables if begin is not None and number >= begin)
        return begin, next(following, len(lines))

    def _read(self) -> str:
        if self._path is None:
            return ""
        try:
            return read_bounded(self._path).decode("utf-8-sig")
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self._path}: is no UTF-8 text: {error.reason}") from None

    def _parsed(self, text: str) -> dict[str, object]:
        try:
            return dict(parse_toml(text.encode()))
        except SettingError as wrong:
            raise ConfigError(f"{self._path}: {wrong}") from None

    def _profiles(self, content: Mapping[str, object]) -> dict[str, dict[str, object]]:
        profiles = content.get("profile", {})
        if not isinstance(profiles, dict):
            raise ConfigError(
                f"{self._path}: profile: write profiles as tables, such as [profile.lab]"
            )
        return {name: table for name, table in profiles.items() if isinstance(table, dict)}

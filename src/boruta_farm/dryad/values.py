"""Read tables of the configuration: every complaint names file, key and what would be right."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from boruta_farm.model.errors import ConfigError


class Table:
    """Take typed values out of one table of a TOML file.

    ``prefix`` is what stands before a key in messages, such as ``user.``. Every method but
    ``known`` takes the value that counts when the key is absent. All raise ConfigError.
    """

    def __init__(self, path: Path, content: Mapping[str, object], prefix: str = "") -> None:
        self.path = path
        self.content = content
        self._prefix = prefix

    def known(self, keys: Iterable[str]) -> None:
        """Refuse keys that nobody would read."""
        keys = tuple(keys)
        for key in self.content:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, n=1)
                hint = f"did you mean {self._prefix}{near[0]}?" if near else "remove it"
                raise ConfigError(f"{self.path}: there is no setting {self._prefix}{key}; {hint}")

    def wrong(self, key: str, words: str) -> ConfigError:
        """Return the complaint about a key, to be raised by the caller."""
        return ConfigError(f"{self.path}: {self._prefix}{key}: {words}")

    def table(self, key: str) -> "Table":
        """Return a table inside this one, empty when it is absent."""
        value = self.content.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, f"must be a table, written as [{self._prefix}{key}]")
        return Table(self.path, value, f"{self._prefix}{key}.")

    def text(self, key: str, default: str) -> str:
        """Return a text."""
        value = self.content.get(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, f"{value!r} must be a text; put it in quotes")
        return value

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.content.get(key, list(default))
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "must be a list of texts in quotes")
        return tuple(value)

    def pairs(self) -> dict[str, str]:
        """Return the whole table as names with texts."""
        for name, value in self.content.items():
            if not isinstance(value, str):
                raise self.wrong(name, f"{value!r} must be a text; put it in quotes")
        return {name: str(value) for name, value in self.content.items()}

    def number(self, key: str, default: float, least: float, most: float) -> float:
        """Return a number within limits, both included."""
        value = self.content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(key, f"{value!r} must be a number")
        if not least <= value <= most:
            raise self.wrong(key, f"{value!r} must lie between {least:g} and {most:g}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self.content.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, f"{value!r} must be true or false")
        return value

    def absolute(self, key: str, default: str) -> Path:
        """Return a path that begins with / or ~."""
        value = Path(self.text(key, default)).expanduser()
        if not value.is_absolute():
            raise self.wrong(key, f"{str(value)!r} must be a path that begins with / or ~")
        return value

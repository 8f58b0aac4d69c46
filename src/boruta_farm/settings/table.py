"""One table of settings: where it stands, and how a complaint names the place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import Final

from boruta_farm.model.errors import ConfigError

LONGEST_SHOWN: Final = 60
FEW: Final = 8
"""As many names are told to those who missed one; of more, the nearest alone."""


class SettingError(ConfigError):
    """a setting is wrong

    ``key`` is the setting's path below whoever raises this, such as ``limits.jobs``; whoever
    knows the place adds it, and raises the whole as a ConfigError.
    """

    def __init__(self, words: str, key: str = "") -> None:
        super().__init__(words)
        self.key = key

    def below(self, key: str) -> "SettingError":
        """Return the same complaint, told from one table further up."""
        key = key if key.isprintable() and key.strip() else repr(key)
        return SettingError(self.message, f"{key}.{self.key}" if self.key else key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Carry what one place says: a file, a table of it, an environment variable, the flags.

    ``place`` names it in complaints, empty where it goes without saying. ``path`` is what stands
    before its keys, such as ``user`` for ``[user]``.
    """

    place: str = ""
    path: str = ""
    content: Mapping[str, object] = field(default_factory=dict)

    def __contains__(self, key: object) -> bool:
        return key in self.content

    def table(self, key: str) -> "Table":
        """Return a table inside this one, empty when it is absent. Raises ConfigError."""
        path = f"{self.path}.{key}" if self.path else key
        try:
            content = mapping(self.content.get(key, {}))
        except SettingError as wrong:
            raise self.refusal(wrong.below(key)) from None
        return Table(place=self.place, path=path, content=content)

    def refusal(self, wrong: SettingError) -> ConfigError:
        """Return a complaint with its whole place, to be raised."""
        if self.path:
            wrong = wrong.below(self.path)
        return ConfigError(": ".join(filter(None, (self.place, wrong.key, wrong.message))))


def mapping(raw: object) -> Mapping[str, object]:
    """Return a table's content. Raises SettingError when the value is none."""
    if not isinstance(raw, Mapping):
        raise SettingError(f"{shown(raw)} must be a table, or names with values in braces")
    return raw


def unknown(key: str, known: Iterable[str]) -> SettingError:
    """Return the complaint about a key that nobody reads."""
    known = list(known)
    import difflib

    near = difflib.get_close_matches(key, known, n=1)
    few = f"known are {', '.join(known)}" if len(known) <= FEW else "remove it"
    hint = f"did you mean {near[0]}?" if near else few
    return SettingError(
        f"there is no such setting; {hint}", key if key.isprintable() else repr(key)
    )


def shown(raw: object) -> str:
    """Return a value as complaints repeat it: short, in one line, whatever it is."""
    if isinstance(raw, dict):
        return "a table"
    if isinstance(raw, list):
        return "a list"
    if isinstance(raw, int) and raw.bit_length() > LONGEST_SHOWN * 3:
        return "a number of very many digits"
    text = str(raw) if isinstance(raw, date | time) else repr(raw)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."

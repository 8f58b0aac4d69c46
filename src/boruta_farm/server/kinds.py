"""Kinds of settings that only the server has."""

from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

from boruta_farm.model.request import SHORTEST_IDLE_END
from boruta_farm.model.webhook import fault_of, read_secret
from boruta_farm.settings.kinds import Duration, Maybe, Text
from boruta_farm.settings.table import SettingError, shown

USUAL_AGEING = timedelta(hours=4)


class LogFormat(StrEnum):
    """Form of the log."""

    HUMAN = "human"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important lines logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Database(Text):
    """A PostgreSQL's address, never repeated with its password; empty for SQLite."""

    def __init__(self) -> None:
        super().__init__(
            r"(postgres(ql)?://.*)?",
            "is no PostgreSQL address; write postgresql://USER@HOST/NAME, or leave it out to use "
            "SQLite",
            secret=True,
        )

    def read(self, raw: object) -> str:
        """Return the address."""
        text = super().read(raw)
        try:
            urlsplit(text)
        except ValueError as error:
            raise SettingError(f"is no PostgreSQL address: {error}") from None
        return text

    def show(self, value: str) -> object:
        """Return the address without its password, for screens and bug reports."""
        if not has_password(value):
            return value
        parts = urlsplit(value)
        place = parts.netloc.rpartition("@")[2]
        user = f"{parts.username}:***@" if parts.username else ""
        return urlunsplit((parts.scheme, user + place, parts.path, "", ""))


def has_password(address: str) -> bool:
    """Tell whether a database's address holds a secret; what is no address holds none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.password is not None or "password" in parts.query


class WebhookAddress(Text):
    """An address that the farm tells things, never repeated: its path may be a secret."""

    def __init__(self) -> None:
        super().__init__(secret=True)

    def read(self, raw: object) -> str:
        """Return the address."""
        text = super().read(raw)
        if text and (fault := fault_of(text)):
            raise SettingError(fault)
        return text


class SigningSecret(Text):
    """What signs the farm's messages, as it is written."""

    def __init__(self) -> None:
        super().__init__(secret=True)

    def read(self, raw: object) -> str:
        """Return the text."""
        text = super().read(raw)
        try:
            read_secret(text)
        except ValueError as error:
            raise SettingError(str(error)) from None
        return text


class IdleEnd(Duration):
    """How long a lent board may go unused: none is for ever, and a few minutes are the least."""

    def read(self, raw: object) -> timedelta:
        """Return the time."""
        found = super().read(raw)
        if timedelta() < found < SHORTEST_IDLE_END:
            minutes = SHORTEST_IDLE_END.total_seconds() / 60
            raise SettingError(f"must be 0s, or {minutes:g}m at least")
        return found


class Ageing(Maybe[timedelta]):
    """A duration, ``off``, or ``on`` for the usual one."""

    def __init__(self) -> None:
        super().__init__(Duration(), "off")

    def read(self, raw: object) -> timedelta | None:
        """Return the time, None when it is off."""
        if isinstance(raw, bool) or raw == "on":
            return USUAL_AGEING if raw else None
        found = super().read(raw)
        if found == timedelta():
            raise SettingError(f"{shown(raw)} is no time at all; write off where that is meant")
        return found

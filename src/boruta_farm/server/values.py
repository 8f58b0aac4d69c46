"""Read and write the values of settings: durations, addresses, port ranges, switches."""

import ipaddress
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from boruta_farm.model.errors import ConfigError

Raw = str | int | float | bool | list[object]
"""What TOML, the environment or a flag may give for one setting."""

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
ORIGIN = re.compile(r"https?://[^/?#\s,@]+")
PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def duration(raw: Raw) -> timedelta:
    """Read ``90s``, ``1h30m`` or ``2d``; a bare number is refused, since it has no unit."""
    text = str(raw).replace(" ", "")
    if isinstance(raw, bool) or not DURATION.fullmatch(text):
        raise ConfigError(
            f"{raw!r} is no duration; write it with a unit, such as 90s, 30m or 1h30m"
        )
    return timedelta(seconds=sum(float(n) * UNITS[u] for n, u in PART.findall(text)))


def show_duration(value: timedelta) -> str:
    """Write a duration in the form that ``duration`` reads."""
    seconds = value.total_seconds()
    for unit in ("d", "h", "m"):
        if seconds and seconds % UNITS[unit] == 0:
            return f"{seconds / UNITS[unit]:g}{unit}"
    return f"{seconds:g}s"


def duration_or_off(usual: timedelta) -> Callable[[Raw], timedelta | None]:
    """Return a reader of a duration, ``off``, or ``on`` for the usual one."""

    def read(raw: Raw) -> timedelta | None:
        if raw in ("off", "on") or isinstance(raw, bool):
            return usual if raw in ("on", True) else None
        found = duration(raw)
        if not found:
            raise ConfigError(f"{raw!r} is no time at all; write off where that is meant")
        return found

    return read


def show_duration_or_off(value: timedelta | None) -> str:
    """Write what ``duration_or_off`` reads."""
    return "off" if value is None else show_duration(value)


def address(raw: Raw) -> tuple[str, int]:
    """Read ``HOST:PORT``; IPv6 hosts stand in brackets; port 0 lets the system choose."""
    text = str(raw)
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"{text!r} is no address; write it as HOST:PORT, such as 127.0.0.1:8487")
    return host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port)


def show_address(value: tuple[str, int]) -> str:
    """Write an address in the form that ``address`` reads."""
    host, port = value
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address_or_none(raw: Raw) -> tuple[str, int] | None:
    """Read ``HOST:PORT``, or nothing at all."""
    return None if raw == "" else address(raw)


def show_address_or_none(value: tuple[str, int] | None) -> str:
    """Write an address in the form that ``address_or_none`` reads."""
    return "" if value is None else show_address(value)


def networks(raw: Raw) -> Networks:
    """Read networks, such as ``10.0.0.0/8, fd00::/8``, from one text."""
    parts = (part.strip() for part in text(raw).split(","))
    try:
        return tuple(ipaddress.ip_network(part) for part in parts if part)
    except ValueError as error:
        raise ConfigError(
            f"{error}; write networks separated by commas, such as 10.0.0.0/8, 192.168.7.0/24"
        ) from None


def show_networks(value: Networks) -> str:
    """Write networks in the form that ``networks`` reads."""
    return ", ".join(str(network) for network in value)


def ports(raw: Raw) -> tuple[int, int]:
    """Read a range of TCP ports, ``FIRST-LAST``."""
    first, separator, last = str(raw).partition("-")
    if not (separator and first.strip().isdigit() and last.strip().isdigit()):
        raise ConfigError(f"{raw!r} is no port range; write it as FIRST-LAST, such as 20000-29999")
    low, high = int(first), int(last)
    if not 1024 <= low <= high <= 65535:
        raise ConfigError(
            f"the ports {low}-{high} must lie between 1024 and 65535, lower one first"
        )
    return low, high


def show_ports(value: tuple[int, int]) -> str:
    """Write a port range in the form that ``ports`` reads."""
    return f"{value[0]}-{value[1]}"


def switch(raw: Raw) -> bool:
    """Read true or false."""
    if isinstance(raw, bool):
        return raw
    text = str(raw).lower()
    if text in ("true", "yes", "on", "1"):
        return True
    if text in ("false", "no", "off", "0"):
        return False
    raise ConfigError(f"{raw!r} is neither true nor false")


def show_switch(value: bool) -> str:
    """Write a switch in the form that ``switch`` reads."""
    return "true" if value else "false"


def whole(raw: Raw) -> int:
    """Read a whole number of at least 1."""
    if isinstance(raw, bool) or not str(raw).isdigit() or int(str(raw)) < 1:
        raise ConfigError(f"{raw!r} is no whole number of at least 1")
    return int(str(raw))


def whole_or_zero(raw: Raw) -> int:
    """Read a whole number; 0 is allowed."""
    if isinstance(raw, bool) or not str(raw).isdigit():
        raise ConfigError(f"{raw!r} is no whole number of at least 0")
    return int(str(raw))


def limit(raw: Raw) -> int | None:
    """Read a whole number of at least 1, or ``none``."""
    return None if raw in ("none", "") else whole(raw)


def show_limit(value: int | None) -> str:
    """Write what ``limit`` reads."""
    return "none" if value is None else str(value)


def limits(raw: Raw) -> tuple[tuple[str, int], ...]:
    """Read limits of single names, such as ``ci=20, ann=2``, from one text."""
    found: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text(raw).split(","))):
        name, _, number = (side.strip() for side in part.rpartition("="))
        if not name or name in found:
            words = f"{name!r} stands there twice" if name else f"{part!r} names nobody"
            raise ConfigError(f"{words}; write NAME=NUMBER, separated by commas: ci=20, ann=2")
        found[name] = whole(number)
    return tuple(found.items())


def show_limits(value: tuple[tuple[str, int], ...]) -> str:
    """Write what ``limits`` reads."""
    return ", ".join(f"{name}={number}" for name, number in value)


def text(raw: Raw) -> str:
    """Read a text."""
    if not isinstance(raw, str):
        raise ConfigError(f"{raw!r} is no text; put it in quotes")
    return raw


def hide_password(value: str) -> str:
    """Write a database's address without its password, for screens and bug reports."""
    parts = urlsplit(value)
    if parts.password is None and "password" not in parts.query:
        return value
    place = parts.netloc.rpartition("@")[2]
    user = f"{parts.username}:***@" if parts.username else ""
    return urlunsplit((parts.scheme, user + place, parts.path, "", ""))


def folder(raw: Raw) -> Path:
    """Read a folder's path; ``~`` stands for the home."""
    return Path(text(raw)).expanduser()


def path_or_none(raw: Raw) -> Path | None:
    """Read a file's path, or nothing at all."""
    return None if raw == "" else folder(raw)


def show_path_or_none(value: Path | None) -> str:
    """Write a path in the form that ``path_or_none`` reads."""
    return "" if value is None else str(value)


def ip_or_empty(raw: Raw) -> str:
    """Read an IP address, or nothing at all."""
    value = text(raw)
    try:
        return str(ipaddress.ip_address(value)) if value else ""
    except ValueError:
        raise ConfigError(f"{value!r} is no IP address") from None


def origins(raw: Raw) -> tuple[str, ...]:
    """Read web origins, such as ``https://ci.example``, from one text; ``*`` means all."""
    found = tuple(part.strip() for part in text(raw).split(",") if part.strip())
    for origin in found:
        if origin != "*" and not ORIGIN.fullmatch(origin):
            raise ConfigError(
                f"{origin!r} is no origin; write scheme, host and port only, such as "
                "https://ci.example or http://10.0.0.7:8080"
            )
    return found


def show_words(value: tuple[str, ...]) -> str:
    """Write words in the form that ``origins`` reads."""
    return ", ".join(value)


def one_of(*allowed: str) -> "OneOf":
    """Return a reader that takes only the given words."""
    return OneOf(allowed)


class OneOf:
    """Read one of several words."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = allowed

    def __call__(self, raw: Raw) -> str:
        """Return the word. Raises ConfigError naming the allowed ones."""
        if raw not in self._allowed:
            raise ConfigError(f"{raw!r} is none of {', '.join(self._allowed)}")
        return str(raw)

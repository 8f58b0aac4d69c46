"""Kinds of settings that name a place: addresses, networks, ports, web addresses, paths."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from boruta_farm.model.addresses import EVERYWHERE, Network, parse_ip, parse_network, with_port
from boruta_farm.model.home import NO_HOME
from boruta_farm.settings.kinds import SettingKind, Text
from boruta_farm.settings.table import SettingError, shown

LAST_PORT: Final = 65535
_ADDRESS: Final = re.compile(r"(\[[0-9a-fA-F:.]+(?:%[^\]\s]+)?\]|[^\s\[\]/@?#:]*):([0-9]{1,5})")
_RANGE: Final = re.compile(r"\s*([0-9]{1,10})\s*-\s*([0-9]{1,10})\s*")
_HOST_NAME: Final = re.compile(r"[\w-]+(?:\.[\w-]+)*\.?", re.ASCII)
_ZONE: Final = re.compile(r"(//\[[^\]/%]*)%25(?=[^\]/])")
"""How an address in a URL writes the sign before its zone (RFC 6874); programs dial it plain."""
_ORIGIN: Final = re.compile(r"https?://[^/?#\s,@]+")


class Address(SettingKind[tuple[str, int]]):
    """``HOST:PORT`` to listen on; IPv6 hosts stand in brackets; port 0 lets the system choose."""

    def read(self, raw: object) -> tuple[str, int]:
        """Return host and port; without a host it is every address of both stacks."""
        host, port = _address(raw)
        return host.removeprefix("[").removesuffix("]") or EVERYWHERE, port

    def show(self, value: tuple[str, int]) -> object:
        """Return its text."""
        return with_port(*value)


class Destination(SettingKind[str]):
    """``HOST:PORT`` or ``:PORT`` as it is told to others, who fill in a missing host."""

    def __init__(self, *, host: bool = False, without: str = "") -> None:
        self._host, self._without = host, without

    def read(self, raw: object) -> str:
        """Return the text, checked."""
        host, port = _address(raw)
        if port == 0 or (self._host and not host):
            form = "HOST:PORT" if self._host else "HOST:PORT or :PORT, and not port 0"
            raise SettingError(f"{shown(raw)} must be {form}{self._without}")
        return str(raw)


class Ports(SettingKind[tuple[int, int]]):
    """A range ``FIRST-LAST`` of numbers such as ports, both included."""

    def __init__(self, least: int, most: int, *, such_as: str, count: int = 1) -> None:
        self._least, self._most = least, most
        self._such_as, self._count = such_as, count

    def read(self, raw: object) -> tuple[int, int]:
        """Return first and last."""
        match = _RANGE.fullmatch(raw) if isinstance(raw, str) else None
        if match is None:
            raise SettingError(
                f'{shown(raw)} must be a range, FIRST-LAST, such as "{self._such_as}"'
            )
        first, last = int(match[1]), int(match[2])
        if first < self._least or last > self._most:
            raise SettingError(f"{first}-{last} must lie between {self._least} and {self._most}")
        if last - first + 1 < self._count:
            raise SettingError(f"{first}-{last} must hold {self._count} or more, lower one first")
        return first, last

    def show(self, value: tuple[int, int]) -> object:
        """Return its text."""
        return f"{value[0]}-{value[1]}"


class Ip(SettingKind[str]):
    """An IP address."""

    def read(self, raw: object) -> str:
        """Return it in its usual form."""
        ip = parse_ip(Text().read(raw))
        if ip is None:
            raise SettingError(f"{shown(raw)} is no IP address")
        return str(ip)


class IpNetwork(SettingKind[Network]):
    """A network, such as ``10.0.0.0/8`` or ``fd00::/8``."""

    def read(self, raw: object) -> Network:
        """Return the network."""
        text = Text(most=100).read(raw)
        try:
            return parse_network(text)
        except ValueError:
            pass
        try:
            meant = f"did you mean {parse_network(text, strict=False)} ?"
        except ValueError:
            meant = "write networks such as 10.0.0.0/8 or fd00::/8"
        raise SettingError(f"{shown(raw)} is no network; {meant}")

    def show(self, value: Network) -> object:
        """Return its text."""
        return str(value)


class HostName(SettingKind[str]):
    """A host's name, such as ``farm.example``; ``*`` means all."""

    def read(self, raw: object) -> str:
        """Return the name."""
        found = Text().read(raw)
        if found != "*" and not _HOST_NAME.fullmatch(found):
            raise SettingError(
                f"{shown(raw)} is no host name; write it without scheme and port, such as "
                "farm.example"
            )
        return found


class Origin(SettingKind[str]):
    """A web origin, such as ``https://ci.example``; ``*`` means all."""

    def read(self, raw: object) -> str:
        """Return the origin."""
        found = Text().read(raw)
        if found != "*" and not _ORIGIN.fullmatch(found):
            raise SettingError(
                f"{shown(raw)} is no origin; write scheme, host and port only, such as "
                "https://ci.example or http://10.0.0.7:8080"
            )
        return found


class Url(SettingKind[str]):
    """A server's address without user, query, fragment or slashes at its end."""

    def __init__(
        self, schemes: Collection[str] = ("http", "https"), *, user: str = "leave them out"
    ) -> None:
        self._schemes, self._user = schemes, user

    def read(self, raw: object) -> str:
        """Return the address."""
        # Secrets of CI and files of Windows bring line ends.
        text = _ZONE.sub(r"\1%", Text(most=2000).read(raw).strip())
        if "@" in text:
            # Not repeated: it may hold a password.
            raise SettingError(f"the address must hold neither user nor token; {self._user}")
        if not text.isprintable() or " " in text:
            raise SettingError(f"{shown(raw)} is no address: there must be no spaces in it")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise SettingError(f"{shown(raw)} is no address: {error}") from None
        if parts.query or parts.fragment:
            raise SettingError(f"{shown(raw)}: the address must hold neither query nor fragment")
        host = parts.hostname
        if host and not _resolvable(host):
            raise SettingError(f"{shown(raw)} is no address: no host can be called {host}")
        if parts.scheme not in self._schemes or not host or port == 0:
            guess = text.split("://")[-1].strip("/")[:60] or "HOST:8487"
            raise SettingError(f"{shown(raw)} is no address; did you mean http://{guess} ?")
        return text.rstrip("/")


class Location(SettingKind[Path]):
    """A file's or folder's path; ``~`` stands for the home, ``full`` ones begin with it or /."""

    def __init__(self, *, full: bool = False) -> None:
        self._full = full

    def read(self, raw: object) -> Path:
        """Return the path."""
        text = Text(most=4096).read(raw)
        try:
            found = Path(text).expanduser()
        except RuntimeError:
            raise SettingError(f"{shown(raw)}: {NO_HOME}") from None
        if not text or (self._full and not found.is_absolute()):
            raise SettingError(
                f"{shown(raw)} must be a path{' that begins with / or ~' * self._full}"
            )
        return found

    def show(self, value: Path) -> object:
        """Return its text."""
        return str(value)


def _resolvable(host: str) -> bool:
    """Tell whether a host's name could be asked for: Python's own functions fail on others."""
    try:
        return len(host.encode("idna")) < 254
    except UnicodeError:
        return False


def _address(raw: object) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(raw) if isinstance(raw, str) else None
    if match is None or int(match[2]) > LAST_PORT:
        raise SettingError(
            f"{shown(raw)} is no address; write HOST:PORT, such as 127.0.0.1:8487, an IPv6 host in "
            "brackets"
        )
    host = match[1]
    if host.startswith("["):
        if parse_ip(host) is None or ":" not in host:
            raise SettingError(f"{shown(raw)}: what stands in brackets is no IPv6 address")
    elif not _resolvable(host):
        raise SettingError(f"{shown(raw)}: {shown(host)} is no host's name")
    return host, int(match[2])

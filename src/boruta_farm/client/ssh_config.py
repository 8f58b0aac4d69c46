"""The block of ssh's configuration that leads ``*.farm`` to boards, by the farm's front door."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.client.tellable import check_tellable
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.front_door import ALIVE_EVERY, ALIVE_MOST, DOMAIN, FrontDoorPlace

CONFIG: Final = "boruta.config"
KNOWN_HOSTS: Final = "boruta.known_hosts"
INCLUDE: Final = f"Include {CONFIG}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorBlock:
    """Carry how the door is reached from here, and with what.

    ``ssh`` is the whole path of the program, as KnownHostsCommand wants it. ``identity`` is the key
    to come with, ``known_hosts`` a file that tells the door's host key; without, ssh decides.
    """

    host: str
    port: int
    ssh: str = "/usr/bin/ssh"
    identity: Path | None = None
    known_hosts: Path | None = None

    def text(self) -> str:
        """Return the block, without the end of its last line. Raises ConfigError."""
        words = [self.ssh]
        if self.identity is not None:
            words += ["-i", _word(self.identity)]
        if self.known_hosts is not None:
            words += ["-o", "StrictHostKeyChecking=yes"]
            words += ["-o", f"UserKnownHostsFile={_word(self.known_hosts)}"]
        door = " ".join(words)
        place = f"-p {self.port} {self.host}"
        lines = [
            f"# Boards of the farm at {self.host}, by ssh rpi4{DOMAIN}: see docs, ssh is enough.",
            f"Host *{DOMAIN}",
            f"    ProxyCommand {door} {place} connect %h",
            f"    KnownHostsCommand {door} -o BatchMode=yes {place} known-hosts %H",
            # Not where ssh would write a key that was confirmed: the next board is another.
            "    UserKnownHostsFile /dev/null",
            *([f"    GlobalKnownHostsFile {_word(self.known_hosts)}"] if self.known_hosts else ()),
            *_session_lines(self.identity),
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsBlock:
    """Carry how boards in hand are reached over the server's own port.

    ``boruta`` is the command line's program and its options, by its whole path.
    """

    host: str
    boruta: tuple[str, ...]
    identity: Path | None = None

    def text(self) -> str:
        """Return the block, without the end of its last line. Raises ConfigError."""
        proxy = f"{shlex.join(self.boruta).replace('%', '%%')} proxy"
        lines = [
            f"# Boards that you hold at {self.host}, by ssh r42{DOMAIN} for request 42.",
            f"Host *{DOMAIN}",
            f"    ProxyCommand {proxy} %h",
            f"    KnownHostsCommand {proxy} --host-key %H",
            "    UserKnownHostsFile /dev/null",
            *_session_lines(self.identity),
        ]
        return "\n".join(lines)


def _session_lines(identity: Path | None) -> Iterator[str]:
    """Yield what holds for a board's session whichever way leads there."""
    yield "    User boruta-user"
    yield "    CheckHostIP no"
    yield f"    ServerAliveInterval {ALIVE_EVERY}"
    yield f"    ServerAliveCountMax {ALIVE_MOST}"
    if identity is not None:
        yield f"    IdentityFile {_word(identity)}"


def door_line(host: str, port: int, key: str) -> str:
    """Return the line of a known_hosts file that tells the door's host key."""
    place = host if port == 22 else f"[{host}]:{port}"
    return f"{place} {key}"


def authority_line(key: str) -> str:
    """Return the line of a known_hosts file that tells who vouches for boards, by all names.

    Only for names with the farm's ending: what else has no dot in its name is no business of its.
    """
    return f"@cert-authority *{DOMAIN} {key}"


def known_lines(host: str, place: FrontDoorPlace) -> str:
    """Return all that ssh has to know of a farm: the door's own key, and the boards' authority."""
    lines = [door_line(host, place.port, place.key)]
    if place.authority is not None:
        lines.append(authority_line(place.authority))
    return "\n".join(lines)


def install(folder: Path, block: str, known: str | None = None) -> Path:
    """Write a block, and what ssh has to know where it leads there, into ssh's own folder.

    Its configuration reads them first. What was written before is replaced. Returns the
    configuration. Raises ConfigError.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _write(folder / CONFIG, f"{block}\n")
        if known is not None:
            _write(folder / KNOWN_HOSTS, f"{known}\n")
        main = folder / "config"
        there = main.read_text() if main.exists() else ""
        if INCLUDE not in there.splitlines():
            # A block further down would not undo what stands above it.
            _write(main, f"{INCLUDE}\n{there}")
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from None
    return main


def _write(path: Path, text: str) -> None:
    target = path.resolve()
    new = target.with_name(f".{target.name}.{os.getpid()}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    new.replace(target)


def _word(path: Path) -> str:
    """Return a path as a word of a command that ssh runs. Raises ConfigError."""
    text = str(check_tellable(path.absolute())).replace("%", "%%")
    if any(sign in text for sign in " \t'"):
        raise ConfigError(
            f"{text!r}: ssh runs a command with this path in it, so it can have no blank and no "
            "quote; choose another"
        )
    return text

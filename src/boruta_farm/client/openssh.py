"""OpenSSH's client: its key and host key in private files, its command line, its process."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from boruta_farm.client.children import end, end_family
from boruta_farm.client.tellable import UNTELLABLE, check_tellable
from boruta_farm.client.way import DIRECT, NOTHING, BoardWay
from boruta_farm.client.wire import checked_host_key
from boruta_farm.model.errors import BorutaError, ConfigError, ProtocolError
from boruta_farm.model.home import expand
from boruta_farm.model.worker import USERNAME, AccessInfo
from boruta_farm.settings.files import read_bounded

LARGEST_KEY_FILE = 64 * 1024

LARGEST_LOG = 16 << 20
LOGGED_ALWAYS = ("debug", "OpenSSH_", "Authenticated to ", "Transferred: ", "Bytes per second: ")
"""How lines of ssh's log begin that it writes when all is well."""

HOST = re.compile(r"[0-9A-Za-z:.][0-9A-Za-z:.%_-]*", re.ASCII)
PLAIN = re.compile(r"/[A-Za-z0-9/._+=@-]*", re.ASCII)
"""Folders that every version of ssh reads as they are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKey:
    """Carry the caller's own public key and the file that ssh shall identify with."""

    line: str
    identity: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Carry where the key and the pinned host key of one session lie; None: there is none.

    ``issued`` tells whether the key is the job's own, which nothing may keep. ``log`` is where ssh
    can tell how it fares, for the session's time. ``proxy`` is the command by which ssh gets there
    where it does not dial itself, ``environment`` what is added to ours for that.
    """

    identity: Path | None
    known_hosts: Path | None
    issued: bool = True
    log: Path | None = None
    proxy: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_own_key(given: str) -> OwnKey:
    """Return the key of a ``.pub`` file, or of the file beside which one lies.

    The private half is never read: ssh does that, or an agent holds it. Raises ConfigError.
    """
    path = expand(given, "--key")
    public = path if path.suffix == ".pub" else path.with_name(path.name + ".pub")
    private = public.with_suffix("")
    try:
        line = read_bounded(public, LARGEST_KEY_FILE).decode("utf-8-sig").strip()
    except OSError as error:
        raise ConfigError(f"{public}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        line = ""
    if "PRIVATE KEY" in line or len(line.splitlines()) != 1:
        raise ConfigError(f"{public}: is no public key in one line, such as 'ssh-ed25519 AAAA...'")
    return OwnKey(line=line, identity=private if private.exists() else public)


def find_ssh(name: str = "ssh") -> str:
    """Return where ssh, or another program of OpenSSH's client, is. Raises ConfigError."""
    found = shutil.which(name)
    if found is None:
        raise ConfigError(
            f"OpenSSH's client '{name}' was not found; "
            "install it (Debian: apt install openssh-client)"
        )
    return found


def keys_at_hand(program: str, host: str, environment: Mapping[str, str]) -> bool:
    """Tell whether ssh has a key to show to a host: one in a file, or whatever an agent holds.

    Asks ssh itself, whose configuration may name others than its default ones. What cannot be
    found out counts as a key: ssh then tells by itself how it fared.
    """
    if environment.get("SSH_AUTH_SOCK"):
        return True
    try:
        asked = subprocess.run(
            (program, "-G", host), capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return True
    told = [line.partition(" ")[::2] for line in asked.stdout.splitlines()]
    files = [Path(value).expanduser() for name, value in told if name == "identityfile"]
    elsewhere = any(
        name in ("identityagent", "pkcs11provider") and value != "none" for name, value in told
    )
    return elsewhere or not files or any(file.exists() for file in files)


@contextmanager
def session_files(
    access: AccessInfo, own: OwnKey | None, way: BoardWay = DIRECT
) -> Iterator[Files]:
    """Write what ssh needs into a folder that only we can read, and remove it at the end.

    Raises ConfigError where there is no place for one.
    """
    with _private_folder() as folder:
        try:
            identity = None if own is None else _nameable(own.identity.absolute(), folder)
            if own is None and access.key:
                identity = write_private(folder / "key", access.key)
            known_hosts = None
            if access.host_key is not None:
                known_hosts = write_private(folder / "known_hosts", known_hosts_line(access))
            door = None
            if way.door is not None:
                door = write_private(folder / "door", way.door)
        except OSError as error:
            raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from None
        yield Files(
            identity=identity,
            known_hosts=known_hosts,
            issued=own is None,
            log=folder / "log",
            proxy=way.proxy_command(door, None if own is None else identity),
            environment=way.environment,
        )


def write_private(path: Path, text: str) -> Path:
    """Write a new file that only its owner can read; its last line gets an end."""
    if not text.endswith("\n"):
        text += "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return path


def known_hosts_line(access: AccessInfo) -> str:
    """Return the line that pins a board's host key. Raises ProtocolError for an odd one."""
    place = access.host if access.port == 22 else f"[{access.host}]:{access.port}"
    return f"{place} {checked_host_key(access.host_key)}\n"


def command_line(
    program: str,
    access: AccessInfo,
    files: Files,
    command: Sequence[str] = (),
    extra: Sequence[str] = (),
) -> list[str]:
    """Return the arguments that start ssh.

    Its first word on an option counts, so ours stand before ``extra``, which stands before the
    user's own configuration. Raises ProtocolError for a user or host that could be an option,
    ConfigError for a path that ssh cannot be told of.
    """
    arguments = [program, "-p", str(access.port), *_given(_options(access, files))]
    if command:
        arguments += ["-o", "RemoteCommand=none"]
    arguments += [*extra, f"{access.username}@{access.host}"]
    if command:
        arguments += ["--", *command] if command[0].startswith("-") else command
    return arguments


def copy_line(
    program: str, access: AccessInfo, files: Files, source: Path | str, target: Path | str
) -> list[str]:
    """Return the arguments with which scp copies a file or folder; texts are paths on the board.

    Raises as ``command_line`` does.
    """
    options = [*_given(_options(access, files)), "-o", "BatchMode=yes"]
    host = f"[{access.host}]" if ":" in access.host else access.host
    # An absolute path is never taken for one on another machine, whatever colons it holds.
    places = (
        str(place.absolute()) if isinstance(place, Path) else f"{access.username}@{host}:{place}"
        for place in (source, target)
    )
    return [program, "-r", "-P", str(access.port), *options, "--", *places]


def configuration(name: str, access: AccessInfo, files: Files) -> str:
    """Return an ssh configuration by whose ``name`` ssh, and all that uses it, finds the board.

    Raises as ``command_line`` does.
    """
    options = [
        ("HostName", access.host.replace("%", "%%")),
        ("Port", str(access.port)),
        ("User", access.username),
        *_options(access, files),
    ]
    return "\n".join([f"Host {name}", *(f"    {key} {value}" for key, value in options), ""])


def _options(access: AccessInfo, files: Files) -> list[tuple[str, str]]:
    """Return what ssh is told of an access, however it is told."""
    if not USERNAME.fullmatch(access.username) or not HOST.fullmatch(access.host):
        raise ProtocolError(
            f"the server sent {access.username!r} at {access.host!r}, which no ssh could reach"
        )
    options = []
    if files.identity is not None:
        options += [("IdentityFile", _quoted(files.identity)), ("IdentitiesOnly", "yes")]
        options += [("PubkeyAuthentication", "yes")]
        if files.issued:
            # A user's configuration may hand every key that is used to an agent, which keeps it.
            options += [("AddKeysToAgent", "no")]
    if files.known_hosts is not None:
        options += [("UserKnownHostsFile", _quoted(files.known_hosts))]
        options += [("GlobalKnownHostsFile", "/dev/null"), ("UpdateHostKeys", "no")]
        options += [("StrictHostKeyChecking", "yes"), ("VerifyHostKeyDNS", "no")]
    else:
        options += [("StrictHostKeyChecking", "accept-new")]
    if files.proxy is not None:
        options += [("ProxyCommand", files.proxy)]
    # A shared connection could be one to the board's last job, and one of ours would outlive it.
    return [
        *options,
        ("ControlMaster", "no"),
        ("ControlPath", "none"),
        # Three unanswered ones are a lost connection.
        ("ServerAliveInterval", "10"),
    ]


def _given(options: Sequence[tuple[str, str]]) -> list[str]:
    return [word for name, value in options for word in ("-o", f"{name}={value}")]


class SshSession:
    """Run ssh in our own process group, so that the terminal is its own.

    What it prints goes where our output goes, or into a file that is open; its input is ours, or
    what the descriptor ``source`` gives. ``environment`` is added to ours. A ``family`` is ended
    with all that it has started: a shell that runs in place of ssh.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        output: IO[bytes] | None = None,
        source: int | None = None,
        environment: Mapping[str, str] = NOTHING,
        *,
        family: bool = False,
    ) -> None:
        self._family = family
        self._arguments = arguments
        self._environment = environment
        self._output = output
        self._source = source
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start ssh. Raises BorutaError when it cannot be started."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments,
                stdin=self._source,
                stdout=self._output,
                env={**os.environ, **self._environment},
            )
        except OSError as error:
            raise BorutaError(f"cannot start {self._arguments[0]}: {error.strerror}") from error

    async def wait(self) -> int:
        """Return ssh's exit status, 128 + n when signal n ended it."""
        assert self._process is not None
        return exit_status(await self._process.wait())

    def close(self) -> None:
        """Give up what the session had besides its process."""

    async def end(self, number: int = signal.SIGTERM) -> None:
        """Send ssh a signal, kill it when it does not end, and wait until it is gone."""
        if self._process is None or self._process.returncode is not None:
            return
        # A terminal's Ctrl-C has reached them all, and programs take a second one for impatience.
        told = number == signal.SIGINT and sys.stdin.isatty()
        await (end_family if self._family and not told else end)(self._process, number)


def exit_status(status: int) -> int:
    """Return a process's exit status as shells tell it: 128 + n when signal n ended it."""
    return 128 - status if status < 0 else status


@dataclass(frozen=True, slots=True, kw_only=True)
class SshLog:
    """Tell what ssh's log says: whether it got in, whether the other side told of an end.

    ``complaints`` are the lines that people are to see.
    """

    connected: bool = False
    ended: bool = False
    complaints: tuple[str, ...] = ()

    @property
    def lost(self) -> bool:
        """Tell whether a session was open and broke off."""
        return self.connected and not self.ended


def logging_options(log: Path) -> tuple[str, ...]:
    """Return the options that have ssh write its log into a file, in place of its complaints."""
    return ("-v", "-E", str(log))


def read_log(log: Path) -> SshLog:
    """Return what ssh's log tells; nothing where ssh wrote none."""
    try:
        lines = read_bounded(log, LARGEST_LOG).decode(errors="replace").splitlines()
    except OSError:
        return SshLog()
    return SshLog(
        connected=any(line.startswith("Authenticated to ") for line in lines),
        ended=any("rtype exit-" in line for line in lines),
        complaints=tuple(
            line for line in lines if line.strip() and not line.startswith(LOGGED_ALWAYS)
        ),
    )


def _quoted(path: Path) -> str:
    """Return a path as an option's value, which ssh reads as words with tokens in them."""
    return f'"{str(check_tellable(path)).replace("%", "%%")}"'


def _nameable(identity: Path, folder: Path) -> Path:
    """Return a path by which ssh finds a key: its own, else links to it and what lies beside."""
    if not UNTELLABLE.search(str(identity)):
        return identity
    name = "key.pub" if identity.suffix == ".pub" else "key"
    for ending in ("", ".pub", "-cert.pub"):
        beside = identity.with_name(identity.name + ending)
        if beside.exists():
            (folder / f"{name}{ending}").symlink_to(beside)
    return folder / name


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Make a folder for the block, in the user's memory where there is such, and remove it.

    Raises ConfigError.
    """
    bases = (os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("TMPDIR"), "/tmp", "/var/tmp")
    usable = (
        base
        for base in bases
        if base and PLAIN.fullmatch(base) and os.access(base, os.W_OK | os.X_OK)
    )
    base = next(usable, None)
    if base is None:
        raise ConfigError(
            "there is no folder for the session's key; let TMPDIR name one that can be written"
        )
    with tempfile.TemporaryDirectory(prefix="boruta-", dir=base) as name:
        yield Path(name)

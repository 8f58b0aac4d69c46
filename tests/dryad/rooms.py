"""A room for tests: namespaces with a real sshd and the root helper in them, and users who log in.

Everything is started by this module and ended by its id; the room's end is the end of all in it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from boruta_farm.dryad.users.remote import RemoteHost

UUID = "d8edba27-37b0-4eb2-b78b-5e4ca1f82ca9"
TIMEOUT = 60.0
ROOM = "boruta_farm.testing.room"
PORT = 22
QUIET = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
TOOLS = ("/usr/sbin/sshd", "useradd", "userdel", "nsenter", "mount", "ssh", "ssh-keygen", "ip")


def require_root() -> None:
    """Skip where no system user can be made."""
    if os.geteuid() != 0:
        pytest.skip("makes real system users in namespaces of its own, which takes root")
    for tool in TOOLS:
        if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            pytest.skip(f"{tool} is not installed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command answered."""

    status: int
    out: str
    err: str


@dataclass(slots=True, kw_only=True)
class Room:
    """A running room; ``folder`` is the same inside and outside."""

    folder: Path
    pid: int
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def inside(self, *command: str) -> list[str]:
        """Return the command line that runs a command in the room, as root."""
        return ["nsenter", "-t", str(self.pid), "-m", "-p", "-i", "-n", "-u", *command]

    def run(self, *command: str, data: str = "", timeout: float = TIMEOUT) -> Result:
        """Run a command in the room to its end."""
        done = subprocess.run(
            self.inside(*command),
            input=data.encode(),
            capture_output=True,
            timeout=timeout,
            check=False,
            cwd="/",
        )
        return Result(
            status=done.returncode,
            out=done.stdout.decode(errors="replace"),
            err=done.stderr.decode(errors="replace"),
        )

    def sh(self, script: str) -> str:
        """Run a script as root in the room; it must succeed."""
        result = self.run("sh", "-ec", script)
        assert result.status == 0, f"{script}: {result.err}{result.out}"
        return result.out

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command that stays; it ends with the room at the latest."""
        process = subprocess.Popen(
            self.inside(*command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
        )
        self.started.append(process)
        return process

    def processes_of(self, uid: int) -> list[str]:
        """Return the command lines of a uid's living processes in the room."""
        lines = self.run("ps", "-eo", "uid=,stat=,args=").out.splitlines()
        rows = [line.split(None, 2) for line in lines]
        return [row[2] for row in rows if int(row[0]) == uid and not row[1].startswith("Z")]


@contextmanager
def open_room(folder: Path) -> Iterator[Room]:
    """Make a room with its sshd for the block."""
    require_root()
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", ROOM, "--bind", str(folder), "--ready", str(write), "cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(write,),
        cwd=folder,
    )
    os.close(write)
    with ExitStack() as stack:
        assert process.stdin is not None
        assert process.stderr is not None
        stack.callback(os.close, read)
        stack.callback(process.stderr.close)
        stack.callback(process.wait, TIMEOUT)
        stack.callback(process.stdin.close)
        if os.read(read, 6) != b"ready\n":
            words = process.stderr.read().decode()
            pytest.skip(f"no namespaces can be made here: {words.strip()}")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        room = Room(folder=folder, pid=int(children.split()[0]))
        stack.callback(_end, room)
        room.sh(
            "test -e /etc/ssh/ssh_host_ed25519_key || ssh-keygen -q -t ed25519 -N '' "
            "-f /etc/ssh/ssh_host_ed25519_key"
        )
        room.sh(f"/usr/sbin/sshd -p {PORT} -E {folder}/sshd.log")
        yield room


def _end(room: Room) -> None:
    for process in room.started:
        # nsenter passes no signal on; what it started ends with the room.
        process.kill()
        process.wait(TIMEOUT)
        assert process.stderr is not None
        process.stderr.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody with a key of his own, who logs in to the room from inside its network."""

    room: Room
    key: Path

    @property
    def public(self) -> str:
        """Return the public half."""
        return self.key.with_suffix(".pub").read_text().strip()

    def command(self, user: str, *words: str, options: Sequence[str] = ()) -> list[str]:
        """Return the ssh command line."""
        login = f"{user}@127.0.0.1"
        quiet = ("-o", "BatchMode=yes", "-o", "LogLevel=ERROR", *QUIET)
        return ["ssh", "-p", str(PORT), "-i", str(self.key), *quiet, *options, login, *words]

    def ssh(self, user: str, script: str) -> Result:
        """Run a script as the session user."""
        return self.room.run(*self.command(user, script))

    def must(self, user: str, script: str) -> str:
        """Run a script as the session user; it must succeed."""
        result = self.ssh(user, script)
        assert result.status == 0, f"{script}: {result.err}{result.out}"
        return result.out

    def refused(self, user: str) -> bool:
        """Tell whether the key does not let in any more."""
        result = self.ssh(user, "true")
        return result.status == 255 and "Permission denied" in result.err


def make_visitor(room: Room, name: str) -> Visitor:
    """Make a key."""
    key = room.folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    return Visitor(room=room, key=key)


def write_config(folder: Path, uuid: str = UUID, **tables: Mapping[str, object]) -> Path:
    """Write an agent's configuration with a helper and return its path."""
    path = folder / f"{uuid}.conf"
    lines = [
        'server = "http://127.0.0.1:1"',
        'driver = "linux"',
        f'helper = "{folder}/{uuid}.sock"',
        f'[caps]\nUUID = "{uuid}"',
    ]
    for name, table in tables.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
    path.write_text("\n".join(lines) + "\n")
    return path


def start_helper(room: Room, config: Path, user: str = "root") -> RemoteHost:
    """Start the root helper in the room and return the way to it; fails with its last words."""
    command = (sys.executable, "-m", "boruta_farm.dryad", "helper")
    process = room.start(*command, "--conf", str(config), "--user", user)
    assert process.stderr is not None
    said = b""
    for line in process.stderr:
        if b" serves " in line:
            return RemoteHost(config.with_suffix(".sock"))
        said += line
    raise HelperFailedError(said.decode())


class HelperFailedError(Exception):
    """The helper ended instead of serving; its words."""


def _toml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"'

"""A sandbox driver with a user who has its key, for tests."""

import asyncio
import os
import shutil
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from boruta_farm.dryad.drivers.sandbox import SandboxConfig, SandboxDriver
from boruta_farm.dryad.drivers.sandbox_isolation import Isolation, find_isolation
from boruta_farm.dryad.proc.processes import Process, list_processes
from boruta_farm.model.errors import BoardError

USER = "boruta-user"
TIMEOUT = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command answered."""

    status: int
    out: bytes
    err: bytes


class Visitor:
    """One who has a private key and the system's OpenSSH client."""

    def __init__(self, folder: Path, name: str = "key", kind: str = "ssh-ed25519") -> None:
        key = asyncssh.generate_private_key(kind)
        self.folder = folder
        self.private = folder / name
        self.private.write_bytes(key.export_private_key())
        self.private.chmod(0o600)
        self.public = key.export_public_key().decode()
        self.key = key

    def options(self) -> list[str]:
        """Return options that keep the tester's own configuration out."""
        return [
            *("-F", "none", "-i", str(self.private)),
            *("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"),
            *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
        ]

    def command(self, driver: SandboxDriver, *words: str, user: str = USER) -> list[str]:
        """Return an ssh command line; words that start with a dash become options."""
        host, port = driver.ssh_address.split(":")
        return [tool("ssh"), *self.options(), "-p", port, f"{user}@{host}", *words]

    async def ssh(
        self, driver: SandboxDriver, command: str, data: bytes = b"", user: str = USER
    ) -> Result:
        """Run a command on the board."""
        return await run(*self.command(driver, command, user=user), data=data)

    async def copy(self, driver: SandboxDriver, source: str, target: str) -> Result:
        """Copy with scp; a path on the board begins with ``board:``."""
        host, port = driver.ssh_address.split(":")
        paths = [path.replace("board:", f"{USER}@{host}:") for path in (source, target)]
        return await run(tool("scp"), *self.options(), "-P", port, *paths)

    async def connect(self, driver: SandboxDriver) -> asyncssh.SSHClientConnection:
        """Log in with asyncssh's client."""
        host, port = driver.ssh_address.split(":")
        return await asyncssh.connect(
            host, int(port), username=USER, client_keys=[self.key], known_hosts=None, config=None
        )


async def run(*command: str, data: bytes = b"") -> Result:
    """Run a command of this machine to its end, at most 20 seconds."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(data), TIMEOUT)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Result(status=process.returncode, out=out, err=err)


def tool(name: str) -> str:
    """Return a program of this machine, or skip the test."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


async def make_config(folder: Path, isolation: Isolation) -> SandboxConfig:
    """Return a configuration, or skip where the kernel does not allow the isolation."""
    try:
        await find_isolation(isolation)
    except BoardError as error:
        pytest.skip(str(error))
    return SandboxConfig(directory=folder, isolation=isolation)


def running(word: str) -> list[Process]:
    """Return the processes of this machine that have ``word`` as an argument."""
    found = []
    for process in list_processes().values():
        try:
            line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(word) in line.split(b"\0"):
            found.append(process)
    return found


async def gone(process: Process) -> None:
    """Wait until a process has ended, at most 20 seconds."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    loop.add_reader(handle, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), TIMEOUT)
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def unique() -> str:
    """Return a number of seconds that no other process sleeps."""
    return f"10000.{uuid.uuid4().int}"


DAEMON = """
import os, signal, sys
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        environment = {} if sys.argv[2] == "bare" else os.environ
        os.execve("/bin/sleep", ["sleep", sys.argv[1]], environment)
    os._exit(0)
os.close(write)
os.read(read, 1)
"""
"""Leave a process behind as daemons do: two forks, a session of its own, deaf to signals."""


async def leave_daemon(
    driver: SandboxDriver, visitor: Visitor, word: str, environment: str = "kept"
) -> None:
    """Leave a daemon on the board; it still runs when its session is over."""
    command = f"exec {sys.executable} - {word} {environment}"
    result = await visitor.ssh(driver, command, DAEMON.encode())
    assert result == Result(status=0, out=b"", err=b"")
    assert len(running(word)) == 1

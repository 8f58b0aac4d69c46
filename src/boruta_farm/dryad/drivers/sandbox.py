"""A board made of this machine: its own SSH server and a scratch home, no root needed.

For demonstrations, tests and CI. **It is not a security boundary**: whoever has the key runs
programs as the user the agent runs as, sees that user's files and may disturb the agent.

What it proves at a clean-up: the key is gone, every connection is closed, the home is removed,
and no process of the session is left. With a PID namespace the kernel ends all processes with
their first one. Without (``subreaper``) the keeper below which orphans gather is searched, then
every process's environment for the session's mark, so neither ``nohup`` nor ``setsid`` nor a
double fork helps.

What an unprivileged agent cannot prove: without a namespace, a process that kills the keeper
(it has the same user) *and* was started with an emptied environment gets away; so does work
handed to cron, at, systemd, a container engine or an existing tmux server of the machine, since
those start it elsewhere. A set-user-ID program may not be killed by the agent: it is found and
reported as a survivor. Files outside the home (/tmp, /var/tmp, /dev/shm), System V IPC objects
and, for root, changes to the system are not undone: TMPDIR points into the home, no more.
"""

import asyncio
import logging
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import asyncssh

from boruta_farm.contracts import Prepared
from boruta_farm.dryad.drivers.base import Board, Driver, DriverKind
from boruta_farm.dryad.drivers.sandbox_control import KeeperControl, attach_keeper, start_keeper
from boruta_farm.dryad.drivers.sandbox_door import SandboxDoor
from boruta_farm.dryad.drivers.sandbox_home import (
    ToolPlaces,
    find_sftp_server,
    find_shell,
    make_home,
    remove_home,
    session_environment,
)
from boruta_farm.dryad.drivers.sandbox_isolation import Isolation, find_isolation
from boruta_farm.dryad.drivers.sandbox_lease import SandboxFolder, SandboxLease
from boruta_farm.dryad.drivers.sandbox_mark import find_session
from boruta_farm.dryad.drivers.sandbox_server import (
    SandboxServer,
    format_key,
    parse_key,
    read_host_key,
)
from boruta_farm.dryad.drivers.sandbox_sessions import Room
from boruta_farm.dryad.dut.launcher import write_launchers
from boruta_farm.dryad.proc.descendants import end_processes, find_descendants
from boruta_farm.dryad.proc.machine import read_boot_id
from boruta_farm.dryad.proc.processes import Process, describe_process
from boruta_farm.dryad.ready import ReadyThread
from boruta_farm.dryad.terminals import message_bytes
from boruta_farm.dryad.tools.door import SessionDoor
from boruta_farm.model.errors import BoardError
from boruta_farm.model.home import lend_home
from boruta_farm.model.worker import NOT_FORWARDED, PORTS_FACT
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Whole

_log = logging.getLogger(__name__)

KEEPER_GONE: Final = "sandbox: the session's keeper is gone; clean the board"
_NAMED = 5
_BANNER_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """The table ``[sandbox]``."""

    port: int = setting(
        Whole(0, 65535),
        "The sandbox's SSH port; 0 chooses one once and keeps it.",
        default=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """Configure a sandbox.

    ``directory`` belongs to this sandbox alone. ``name`` is shown at the prompt. ``port`` 0
    chooses one at the first start and keeps it. ``isolation`` None takes the best the kernel
    allows. ``min_free`` is in bytes, ``end_limit`` (how long a clean-up tries to end processes)
    and ``grace`` (how long a session outlives an agent that was killed) in seconds.
    """

    directory: Path
    port: int = 0
    name: str = "sandbox"
    username: str = "boruta-user"
    isolation: Isolation | None = None
    min_free: int = 64 * 1024 * 1024
    end_limit: float = 10.0
    grace: float = 60.0


class SandboxDriver(Driver):
    """Keep the sandbox's session.

    The key lives in this process and no connection outlives that, so it needs no end of its own.
    An agent that was killed and comes back within the grace finds the session's processes still
    running (only connections are cut); an orderly ``close`` ends them and keeps the home.
    """

    own_server = True
    many_keys = True

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self._folder = SandboxFolder(config.directory)
        self._server = SandboxServer(config.username)
        self._host_key: asyncssh.SSHKey | None = None
        self._port = 0
        self._isolation = Isolation.SUBREAPER
        self._prefix: tuple[str, ...] = ()
        self._lease: SandboxLease | None = None
        self._room: Room | None = None
        self._thread = ReadyThread("sandbox")

    @property
    def ssh_address(self) -> str:
        """Return ``127.0.0.1:port``. Raises BoardError before ``start``."""
        if not self._port:
            raise BoardError("sandbox: not started, so it has no address yet")
        return f"127.0.0.1:{self._port}"

    @property
    def door(self) -> SessionDoor:
        """Return the socket that knows the session by its namespace."""
        return SandboxDoor(self._folder.socket, self._session)

    async def start(self) -> None:
        """Open the SSH server; nobody is let in before ``prepare`` or ``resume``."""
        lend_home(os.environ)
        self._folder.open()
        self._thread.start()
        try:
            write_launchers(self._folder.programs)
            self._isolation, self._prefix = await find_isolation(self._config.isolation)
            self._lease = self._folder.read_lease()
            self._host_key = read_host_key(self._folder.host_key)
            wanted = self._config.port or self._folder.read_port()
            self._port = await self._server.listen(wanted, self._host_key)
            self._folder.write_port(self._port)
        except BaseException:
            await self._server.close()
            self._thread.close()
            self._folder.close()
            raise
        _log.warning(
            "the sandbox in %s is no security boundary: who logs in has this user's rights "
            "(isolation: %s)",
            self._folder.path,
            self._isolation,
        )

    async def close(self) -> None:
        """End the listener, connections and processes; home, key file and port are kept."""
        await self._server.close()
        try:
            await self._end_processes()
        finally:
            self._thread.close()
            self._folder.close()

    async def resume(self, key: str) -> bool:
        """Take up the home, port and, after a crash, the running processes of the last lease.

        Processes whose keeper is gone are ended, since they could no longer be kept track of.
        """
        parsed = parse_key(key)
        lease = self._lease
        if lease is None or lease.boot_id != read_boot_id() or not self._folder.home.is_dir():
            return False
        if self._room is None:
            keeper = attach_keeper(self._folder.path)
            if keeper is None:
                await self._end_processes()
                keeper = await self._start_keeper(lease)
            self._room = self._make_room(keeper, lease)
        self._server.admit(parsed, self._room)
        return True

    async def prepare(self, key: str) -> Prepared:
        """Make home and mark afresh and let the holder of ``key`` in."""
        parsed = parse_key(key)
        if self._host_key is None:
            raise BoardError("sandbox: not started")
        await self.clean()
        lease = SandboxLease(
            mark=secrets.token_hex(16),
            isolation=self._isolation,
            boot_id=read_boot_id(),
            folder=self._folder.identity,
        )
        try:
            self._folder.write_lease(lease)
            self._lease = lease
            make_home(self._folder.home)
        except OSError as error:
            raise BoardError(f"sandbox: the home cannot be made: {error}") from error
        self._room = self._make_room(await self._start_keeper(lease), lease)
        self._server.notice = ""
        self._server.admit(parsed, self._room)
        return Prepared(username=self._config.username, host_key=format_key(self._host_key))

    async def authorize(self, key: str) -> None:
        """Replace the one key and end connections that were made with the old one."""
        parsed = parse_key(key)
        room = self._room
        if room is None:
            raise BoardError("sandbox: not prepared, so there is no key to replace")
        await self._server.shut("the board's key was replaced")
        self._server.admit(parsed, room)

    async def let_in(self, keys: tuple[str, ...], leaving: tuple[str, ...]) -> None:
        """Let more keys in, and end the connections of those that leave."""
        if self._room is None:
            raise BoardError("sandbox: not prepared, so there is no session to share")
        self._server.let_in(keys)
        await self._server.part_with(leaving, "this board is shared with you no more")

    async def certify(self, certificate: str) -> None:
        """Show the certificate to those who come from now on."""
        if self._host_key is None:
            raise BoardError("sandbox: not started")
        self._server.certify(self._host_key, certificate)

    async def visitors(self) -> Mapping[str, int]:
        """Return how many connections each key has open."""
        return self._server.visitors()

    async def sessions(self) -> frozenset[int]:
        """Return the far ports of the connections that are logged in; the server knows its own."""
        return self._server.signed_in()

    async def lost(self) -> str:
        """Tell that the keeper, below which all of a session runs, was killed from outside."""
        alive = self._room is None or self._room.keeper.alive
        return "" if alive else KEEPER_GONE

    async def clean(self) -> tuple[str, ...]:
        """End and remove everything of the session, then look again."""
        connections = await self._server.shut("the job has ended")
        found = await self._end_processes()
        leftovers = await self._thread.do(lambda: remove_home(self._folder.home))
        if self._lease is not None:
            mark = self._lease.mark
            if left := await self._thread.do(lambda: _look(mark, ())):
                raise BoardError(f"sandbox: after the clean-up there are {left}")
            self._folder.remove_lease()
            self._lease = None
        lines = []
        if connections:
            noun = "connection" if connections == 1 else "connections"
            lines.append(f"{connections} open {noun}")
        if found:
            lines.append(found)
        return (*lines, *leftovers)

    async def warn(self, message: str) -> None:
        """Show a line on the terminals of the session."""
        if self._room is not None:
            for session in self._room.terminals:
                session.write(message_bytes(message), None)

    async def put_in_maintenance(self, message: str) -> None:
        """Show ``message`` to whoever tries to log in."""
        text = "".join(c if c.isprintable() else " " for c in message)
        self._server.notice = f"This board is not available: {text}"

    async def healthcheck(self) -> None:
        """Test that the server answers, the keeper lives and the disk has room."""
        if not self._server.listening:
            raise BoardError("sandbox: the SSH server does not listen; restart the agent")
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                banner = await asyncio.wait_for(reader.readline(), _BANNER_TIMEOUT)
            finally:
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError) as error:
            raise BoardError(f"sandbox: the SSH server does not answer: {error}") from error
        if not banner.startswith(b"SSH-2.0-"):
            raise BoardError(f"sandbox: port {self._port} is not served by SSH")
        if words := await self.lost():
            raise BoardError(words)
        free = shutil.disk_usage(self._folder.path).free
        if free < self._config.min_free:
            raise BoardError(
                f"sandbox: only {free >> 20} MiB are free in {self._folder.path}, "
                f"{self._config.min_free >> 20} MiB are needed; free some space"
            )

    async def facts(self) -> dict[str, str]:
        """Return isolation, versions and tools."""
        system = os.uname()
        return {
            "Isolation": self._isolation.value,
            "Kernel": f"{system.sysname} {system.release} {system.machine}",
            PORTS_FACT: NOT_FORWARDED,
            "SFTP": find_sftp_server() or "built in",
            "SSH": f"asyncssh {asyncssh.__version__}",
            "Shell": find_shell(),
        }

    def _session(self) -> tuple[int, SandboxLease] | None:
        """Return what the present session is known by."""
        if self._room is None or self._lease is None:
            return None
        return self._room.keeper.pid, self._lease

    async def _start_keeper(self, lease: SandboxLease) -> KeeperControl:
        if lease.isolation is not self._isolation:
            lease = replace(lease, isolation=self._isolation)
            self._folder.write_lease(lease)
            self._lease = lease
        return await start_keeper(
            self._folder.path, lease.mark, lease.isolation, self._prefix, self._config.grace
        )

    def _make_room(self, keeper: KeeperControl, lease: SandboxLease) -> Room:
        home, shell = self._folder.home, find_shell()
        return Room(
            keeper=keeper,
            home=home,
            shell=shell,
            sftp_server=find_sftp_server(),
            tools=self._folder.socket,
            environment=session_environment(
                home,
                self._config.username,
                shell,
                lease.mark,
                self._config.name,
                ToolPlaces(programs=self._folder.programs, socket=self._folder.socket),
            ),
        )

    async def _end_processes(self) -> str:
        """End the keeper and all below it and all that bears the mark; say what was found.

        Raises BoardError naming the survivors.
        """
        lease = self._lease
        if lease is None:
            return ""
        keeper = self._room.keeper if self._room is not None else attach_keeper(self._folder.path)
        try:
            return await self._end_session(lease, keeper)
        finally:
            self._room = None
            if keeper is not None:
                keeper.close()

    async def _end_session(self, lease: SandboxLease, keeper: KeeperControl | None) -> str:
        own = keeper.infrastructure(lease.mark) if keeper is not None and keeper.alive else ()

        limit = self._config.end_limit
        words = await self._thread.do(lambda: _look(lease.mark, own))
        left: list[Process] = []
        # The end of a namespace's first process is the end of all; below a subreaper they must
        # be gone before it, while their orphans still come back to it.
        if own and lease.isolation is Isolation.SUBREAPER:
            left = await self._thread.do(
                lambda: end_processes(lambda: find_descendants(own[0]), limit)
            )
        if keeper is not None:
            await keeper.kill()
        left += await self._thread.do(
            lambda: end_processes(lambda: find_session(lease.mark), limit)
        )
        if left:
            raise BoardError(f"sandbox: cannot end {await self._thread.do(lambda: _name(left))}")
        return words


def _open(settings: SandboxSettings, board: Board) -> Driver:
    return SandboxDriver(
        SandboxConfig(
            directory=board.folder,
            port=settings.port,
            name=board.name,
            username=board.user.name,
        )
    )


KIND: Final = DriverKind(settings=SandboxSettings, open=_open)


def _look(mark: str, own: tuple[int, ...]) -> str:
    """Return what a session runs besides its keeper."""
    below = find_descendants(own[0]) if own else ()
    return _name([*{*find_session(mark, leave=own), *below}])


def _name(processes: list[Process]) -> str:
    """Return how many there are and what the first of them are."""
    if not processes:
        return ""
    ordered = sorted(processes, key=lambda process: process.pid)
    words = ", ".join(describe_process(process) for process in ordered[:_NAMED])
    more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
    noun = "process" if len(ordered) == 1 else "processes"
    return f"{len(ordered)} {noun}: {words}{more}"

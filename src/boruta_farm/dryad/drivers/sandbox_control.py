"""The agent's end of the keeper: start it, find it again, have it start programs."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from boruta_farm.dryad.drivers.sandbox_isolation import Isolation
from boruta_farm.dryad.drivers.sandbox_keeper import MESSAGE_LIMIT, READY, SOCKET, SandboxProgram
from boruta_farm.dryad.drivers.sandbox_mark import MARK, is_marked
from boruta_farm.dryad.proc.processes import read_process
from boruta_farm.model.errors import BoardError

_START_TIMEOUT = 15.0
_CONNECT_TIMEOUT = 5.0
_SOURCES = Path(__file__).parents[3]
# Without site-packages (-S) and the user's settings (-I) a start costs 15 ms instead of 50.
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from boruta_farm.dryad.drivers.sandbox_keeper import main; main(*sys.argv[2:])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Tell how a program ended; one of ``status``, ``signal`` and ``error`` is set."""

    status: int | None = None
    signal: int | None = None
    core: bool = False
    error: str | None = None


class KeeperControl:
    """Talk to the keeper of one prepared session."""

    def __init__(
        self, connection: socket.socket, pid: int, process: asyncio.subprocess.Process | None
    ) -> None:
        self.pid = pid
        self._connection = connection
        self._process = process
        self._handle = os.pidfd_open(pid)
        self._running: dict[int, asyncio.Future[Ended]] = {}
        self._last = 0
        self._alive = True
        connection.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connection.fileno(), self._read)

    @property
    def alive(self) -> bool:
        """Tell whether the keeper still answers."""
        return self._alive

    def infrastructure(self, mark: str) -> tuple[int, ...]:
        """Return the pids of the keeper and of the ``unshare`` that waits for it."""
        process = read_process(self.pid)
        if process is not None and is_marked(process.parent, mark):
            return self.pid, process.parent
        return (self.pid,)

    def start(
        self, program: SandboxProgram, files: Sequence[int]
    ) -> tuple[int, asyncio.Future[Ended]]:
        """Start a program on ``files`` (its 0, 1, 2, or one terminal for all).

        Returns its number for ``send_signal`` and how it ends. The caller closes its copies of
        the files. Raises BoardError when the keeper cannot be asked.
        """
        self._last += 1
        message = {
            "id": self._last,
            "path": program.path,
            "arguments": program.arguments,
            "environment": program.environment,
            "directory": program.directory,
            "terminal": program.terminal,
        }
        try:
            if not self._alive:
                raise ConnectionError("it has gone")
            socket.send_fds(self._connection, [json.dumps(message).encode()], list(files))
        except OSError as error:
            raise BoardError(f"sandbox: the session's keeper cannot be asked: {error}") from error
        ended: asyncio.Future[Ended] = self._loop.create_future()
        self._running[self._last] = ended
        return self._last, ended

    def send_signal(self, number: int, signal_number: int) -> None:
        """Signal the process group of a running program; nothing happens when it is gone."""
        with contextlib.suppress(OSError):
            self._connection.send(json.dumps({"id": number, "signal": signal_number}).encode())

    async def kill(self) -> None:
        """Kill the keeper and wait until it is gone, and with it its PID namespace.

        Raises BoardError when it is still there after 10 seconds.
        """
        gone = asyncio.Event()
        self._loop.add_reader(self._handle, gone.set)
        try:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            await asyncio.wait_for(gone.wait(), 10.0)
            if self._process is not None:
                await asyncio.wait_for(self._process.wait(), 10.0)
        except TimeoutError as error:
            raise BoardError(
                f"sandbox: the keeper (pid {self.pid}) or a process below it does not end after "
                "SIGKILL; look for processes in state D, restart the machine if they stay"
            ) from error
        finally:
            self._loop.remove_reader(self._handle)

    def close(self) -> None:
        """Let go of the keeper; it lives on unless it was killed."""
        self._lose()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _read(self) -> None:
        try:
            data = self._connection.recv(MESSAGE_LIMIT)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._lose()
            return
        message = json.loads(data)
        ended = self._running.pop(message.pop("id"), None)
        if ended is not None and not ended.done():
            ended.set_result(Ended(**message))

    def _lose(self) -> None:
        if not self._alive:
            return
        self._alive = False
        self._loop.remove_reader(self._connection.fileno())
        self._connection.close()
        for ended in self._running.values():
            if not ended.done():
                ended.set_result(Ended(error="the session was ended"))
        self._running.clear()


def _connect(directory: Path) -> tuple[socket.socket, int]:
    """Return a connection to the keeper of ``directory`` and the keeper's pid."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(_CONNECT_TIMEOUT)
    # The path of a socket is limited to 107 bytes: go through a descriptor of the folder.
    folder = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{SOCKET}")
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except BaseException:
        connection.close()
        raise
    finally:
        os.close(folder)
    return connection, struct.unpack("3i", peer)[0]


def attach_keeper(directory: Path) -> KeeperControl | None:
    """Return the keeper that an earlier agent left in ``directory``, None when it is gone."""
    try:
        connection, pid = _connect(directory)
    except OSError:
        return None
    try:
        return KeeperControl(connection, pid, None)
    except ProcessLookupError:
        connection.close()
        return None


async def start_keeper(
    directory: Path, mark: str, isolation: Isolation, prefix: tuple[str, ...], grace: float
) -> KeeperControl:
    """Start a keeper that serves in ``directory``. Raises BoardError with its last words."""
    log = directory / "keeper.log"
    arguments = (str(_SOURCES), str(directory), isolation.value, str(grace))
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *prefix,
            sys.executable,
            "-I",
            "-S",
            "-c",
            _BOOT,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={MARK: mark},
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        answer = await asyncio.wait_for(process.stdout.readline(), _START_TIMEOUT)
        if answer != READY:
            raise ConnectionError("it did not start")
        connection, pid = _connect(directory)
        return KeeperControl(connection, pid, process)
    except (OSError, TimeoutError) as error:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        words = log.read_text(errors="replace")[-500:].strip()
        raise BoardError(f"sandbox: the session's keeper failed: {error}; {words}") from error

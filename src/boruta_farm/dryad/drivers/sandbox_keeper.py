"""Own all processes of one prepared session, in a process of its own.

The keeper is the init of a PID namespace, or a child subreaper where the kernel allows no
namespace: whatever a session starts stays below it, however often it forks or calls ``setsid``.
The agent asks it over a socket to start programs and hands it their files, and gets back how
they ended. It outlives an agent that was killed, so that an agent restarted within ``grace``
seconds finds the session's processes alive; after that it ends them and itself.

It runs alone and single-threaded (so that fork is safe) with the standard library only, started
by ``sandbox_control`` as ``main(directory, isolation, grace)``.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import selectors
import signal
import socket
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

from boruta_farm.dryad.proc.descendants import end_processes, find_descendants

SOCKET = "keeper.sock"
READY = b"ready\n"
MESSAGE_LIMIT = 256 * 1024
SUBREAPER = "subreaper"

_PR_SET_CHILD_SUBREAPER = 36
_END_LIMIT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxProgram:
    """Say what to start; ``arguments`` include the name shown by ps, which may differ."""

    path: str
    arguments: list[str]
    environment: dict[str, str]
    directory: str
    terminal: bool


class Keeper:
    """Serve one agent at a time; all in one thread."""

    def __init__(self, listener: socket.socket, wakeups: socket.socket, grace: float) -> None:
        self._listener = listener
        self._wakeups = wakeups
        self._grace = grace
        self._agent: socket.socket | None = None
        self._alone_since = time.monotonic()
        self._sessions: dict[int, int] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(wakeups, selectors.EVENT_READ)

    def serve(self) -> None:
        """Serve until no agent has been there for the grace."""
        while True:
            timeout = None
            if self._agent is None:
                timeout = self._alone_since + self._grace - time.monotonic()
                if timeout <= 0:
                    return
            ready = {key.fileobj for key, _ in self._selector.select(timeout)}
            if self._wakeups in ready:
                self._wakeups.recv(4096)
            self._reap()
            if self._listener in ready:
                self._accept()
            elif self._agent in ready:
                self._serve()

    def _accept(self) -> None:
        """Take the newest agent; an older one is dead, or about to be."""
        self._leave()
        self._agent = self._listener.accept()[0]
        self._selector.register(self._agent, selectors.EVENT_READ)

    def _leave(self) -> None:
        if self._agent is not None:
            self._selector.unregister(self._agent)
            self._agent.close()
            self._agent = None
            self._alone_since = time.monotonic()

    def _serve(self) -> None:
        """Do what the agent asks in one message."""
        assert self._agent is not None
        try:
            data, files, _, _ = socket.recv_fds(self._agent, MESSAGE_LIMIT, 3)
        except ConnectionError:
            data, files = b"", []
        if not data:
            self._leave()
            return
        try:
            for file in files:
                os.set_inheritable(file, False)
            message = json.loads(data)
            if "signal" in message:
                self._signal(message["id"], message["signal"])
            else:
                self._start(message.pop("id"), SandboxProgram(**message), files)
        finally:
            for file in files:
                os.close(file)

    def _start(self, session: int, program: SandboxProgram, files: list[int]) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            self._tell({"id": session, "error": f"no new process: {error.strerror}"})
            return
        if pid == 0:
            _become(program, files)
        self._sessions[pid] = session

    def _signal(self, session: int, number: int) -> None:
        """Signal the process group of a session's first process, as sshd does."""
        for pid, known in self._sessions.items():
            if known == session:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, number)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            session = self._sessions.pop(pid, None)
            if session is None:
                continue
            if os.WIFSIGNALED(status):
                core = os.WCOREDUMP(status)
                self._tell({"id": session, "signal": os.WTERMSIG(status), "core": core})
            else:
                self._tell({"id": session, "status": os.WEXITSTATUS(status)})

    def _tell(self, message: dict[str, int | str | bool]) -> None:
        if self._agent is not None:
            try:
                self._agent.send(json.dumps(message).encode())
            except ConnectionError:
                self._leave()


def _become(program: SandboxProgram, files: list[int]) -> None:
    """Turn the forked child into the program: new session, its files, default signals."""
    try:
        os.setsid()
        if program.terminal:
            fcntl.ioctl(files[0], termios.TIOCSCTTY, 0)
            files = files * 3
        for number, file in enumerate(files):
            os.dup2(file, number)
        for known in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(known, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.umask(0o022)
        os.chdir(program.directory)
        os.execve(program.path, program.arguments, program.environment)
    except BaseException as error:  # noqa: BLE001 - the child must never return into the loop
        os.write(2, f"boruta: cannot start {program.path}: {error}\n".encode())
        os._exit(126)


def main(directory: str, isolation: str, grace: str) -> None:
    """Keep the session of ``directory`` until the agent ends it or stays away too long."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if isolation == SUBREAPER:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wakeups, wakeup = socket.socketpair()
    wakeups.setblocking(False)
    wakeup.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)

    # The path of a socket is limited to 107 bytes: the name is bound from within the folder.
    os.umask(0o077)
    os.chdir(directory)
    with contextlib.suppress(FileNotFoundError):
        Path(SOCKET).unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(SOCKET)
    listener.listen(1)
    os.chdir("/")
    os.write(1, READY)
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)

    Keeper(listener, wakeups, float(grace)).serve()
    if isolation == SUBREAPER:
        own = os.getpid()
        left = end_processes(lambda: find_descendants(own), _END_LIMIT)
        sys.exit(f"{len(left)} processes survived" if left else 0)

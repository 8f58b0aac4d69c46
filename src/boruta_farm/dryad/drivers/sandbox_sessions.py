"""One SSH session: its program runs below the keeper, its bytes flow through here.

The behaviour is sshd's: a session without a terminal ends when its program has ended and nobody
holds its output any more; a closed input is passed on while output still flows; a lost connection
hangs the terminal up and leaves programs without one alone until the board is cleaned.
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import asyncssh
from asyncssh.constants import EXTENDED_DATA_STDERR
from asyncssh.stream import SSHServerStreamSession

from boruta_farm.dryad.drivers.sandbox_control import Ended, KeeperControl
from boruta_farm.dryad.drivers.sandbox_keeper import SandboxProgram
from boruta_farm.dryad.drivers.sandbox_sftp import HomeSFTPServer
from boruta_farm.dryad.drivers.sandbox_terminal import (
    Size,
    end_of_input,
    open_terminal,
    resize_terminal,
)
from boruta_farm.dryad.dut.main import HELLO
from boruta_farm.model.errors import BoardError

_log = logging.getLogger(__name__)

# The signals that RFC 4254 section 6.10 names.
_NAMED = frozenset(
    {"ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL"}
    | {"PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"}
)

STATUS_WITHIN = 0.5
"""Seconds for which the end of output is kept back until the status is known."""

_EOW_HANDLER = "_process_eow_at_openssh_dot_com_request"
"""By this name the library looks for who handles OpenSSH's eow@openssh.com; it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What sessions of one prepared board share; ``tools`` is a socket where it has some."""

    keeper: KeeperControl
    home: Path
    shell: str
    sftp_server: str | None
    environment: Mapping[str, str]
    tools: Path
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    terminals: set["SandboxSession"] = field(default_factory=set)


class _Output(asyncio.Protocol):
    """Carry one of the program's outputs to the channel."""

    def __init__(self, session: "SandboxSession", datatype: int | None) -> None:
        self._session = session
        self._datatype = datatype
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._session.write(data, self._datatype)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


class _Input(asyncio.BaseProtocol):
    """Hold the client back while the program does not read."""

    def __init__(self, session: "SandboxSession") -> None:
        self._session = session

    def pause_writing(self) -> None:
        self._session.pause_input()

    def resume_writing(self) -> None:
        # Not at once: asyncio's pipe would drop what is written from within this call if the
        # end of the input came along with it.
        asyncio.get_running_loop().call_soon(self._session.resume_input)

    def connection_lost(self, exc: Exception | None) -> None:
        # What comes now is thrown away, or the client would wait for ever to send it.
        asyncio.get_running_loop().call_soon(self._session.resume_input)


class SandboxSession(asyncssh.SSHServerSession[bytes]):
    """Run a shell, a command or the SFTP server for one channel."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._terminal: tuple[str, Size, Mapping[int, int]] | None = None
        self._command: list[str] = []
        self._shell = False
        self._sftp: SSHServerStreamSession[bytes] | None = None
        self._task: asyncio.Task[None] | None = None
        self._early: list[bytes] = []
        self._ended = False
        self._input: asyncio.WriteTransport | None = None
        self._outputs: list[asyncio.ReadTransport] = []
        self._master = -1
        self._number = 0
        self._writable = True
        self._lost = False

    def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
        """Remember the channel."""
        self._channel = chan
        setattr(chan, _EOW_HANDLER, self._stop_output)

    def pty_requested(self, term_type: str, term_size: Size, term_modes: Mapping[int, int]) -> bool:
        """Accept; the terminal is opened with the program."""
        self._terminal = (term_type, term_size, term_modes)
        return True

    def shell_requested(self) -> bool:
        """Run the shell as a login shell."""
        shell = self._room.shell
        self._shell = True
        self._command = [shell, f"-{Path(shell).name}"]
        return True

    def exec_requested(self, command: str) -> bool:
        """Run the command by the shell."""
        shell = self._room.shell
        self._command = [shell, Path(shell).name, "-c", command]
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        """Serve SFTP: by the system's server inside the session, else by our own."""
        if subsystem != "sftp":
            return False
        if self._room.sftp_server is not None:
            self._command = [self._room.sftp_server, self._room.sftp_server]
            return True
        assert self._channel is not None
        channel, home = self._channel, self._room.home
        self._sftp = SSHServerStreamSession(None, lambda _: HomeSFTPServer(channel, home), 3)
        self._sftp.connection_made(channel)
        return self._sftp.subsystem_requested(subsystem)

    def session_started(self) -> None:
        """Start the program."""
        assert self._channel is not None
        if self._sftp is not None:
            self._sftp.session_started()
            return
        self._task = asyncio.get_running_loop().create_task(self._run(self._channel))
        self._room.tasks.add(self._task)
        self._task.add_done_callback(self._room.tasks.discard)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Pass input on; what comes before the program runs waits (at most one window)."""
        if self._sftp is not None:
            self._sftp.data_received(data, datatype)
        elif self._input is None:
            self._early.append(data)
        elif not self._input.is_closing():
            self._input.write(data)

    def eof_received(self) -> bool:
        """Close the program's input; a terminal gets what a person would type."""
        if self._sftp is not None:
            return self._sftp.eof_received()
        self._ended = True
        if self._input is not None and not self._input.is_closing():
            if self._master < 0:
                self._input.write_eof()
            else:
                with contextlib.suppress(OSError):
                    self._input.write(end_of_input(self._master))
        return True

    def _stop_output(self, _packet: object) -> bool:
        """Let the program's next output fail: the client has nobody left who reads it."""
        if self._terminal is None and self._outputs:
            self._outputs[0].close()
        return True

    def pause_writing(self) -> None:
        """Hold the program back while the client does not read."""
        self._writable = False
        if self._sftp is not None:
            self._sftp.pause_writing()
        for output in self._outputs:
            output.pause_reading()

    def resume_writing(self) -> None:
        """Let the program go on."""
        self._writable = True
        if self._sftp is not None:
            self._sftp.resume_writing()
        for output in self._outputs:
            output.resume_reading()

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        """Resize the terminal."""
        if self._terminal is not None:
            term, _, modes = self._terminal
            self._terminal = (term, (width, height, pixwidth, pixheight), modes)
        if self._master >= 0:
            resize_terminal(self._master, (width, height, pixwidth, pixheight))

    def signal_received(self, signal: str) -> None:
        """Signal the program's process group."""
        number = _signal_number(signal)
        if number is not None and self._number:
            self._room.keeper.send_signal(self._number, number)

    def kill(self) -> None:
        """Kill the program's process group: who started it may not be here any more."""
        if self._number:
            self._room.keeper.send_signal(self._number, signal.SIGKILL)

    def connection_lost(self, exc: Exception | None) -> None:
        """Hang up."""
        self._lost = True
        if self._sftp is not None:
            self._sftp.connection_lost(exc)
        if self._task is not None:
            self._task.cancel()

    def pause_input(self) -> None:
        """Hold the client back."""
        if self._channel is not None and not self._lost:
            self._channel.pause_reading()

    def resume_input(self) -> None:
        """Take input from the client again."""
        if self._channel is not None and not self._lost:
            self._channel.resume_reading()

    def write(self, data: bytes, datatype: int | None) -> None:
        """Send output to the client, unless it has gone."""
        if self._channel is not None and not self._lost:
            with contextlib.suppress(BrokenPipeError):
                self._channel.write(data, datatype)

    async def _run(self, channel: "asyncssh.SSHServerChannel[bytes]") -> None:
        try:
            ended = await self._converse(channel)
        except (BoardError, OSError) as error:
            _log.warning("a session could not be run: %s", error)
            ended = Ended(error=str(error))
        except Exception:  # noqa: BLE001 - logged; a fault of ours must not leave the client waiting
            _log.exception("a session failed")
            ended = Ended(error="the session failed, see the agent's log")
        finally:
            self._release()
        if ended.error is not None:
            self.write(f"boruta: {ended.error}\r\n".encode(), EXTENDED_DATA_STDERR)
            channel.exit(254)
        elif ended.signal is not None:
            name = signal.Signals(ended.signal).name.removeprefix("SIG")
            if name in _NAMED:
                channel.exit_with_signal(name, ended.core)
            else:
                channel.exit(128 + ended.signal)
        else:
            channel.exit(ended.status or 0)

    async def _converse(self, channel: "asyncssh.SSHServerChannel[bytes]") -> Ended:
        """Start the program and carry its bytes until it has ended and said all."""
        if self._terminal is None:
            ours, theirs = _open_pipes()
        else:
            _, size, modes = self._terminal
            master, slave = open_terminal(size, modes)
            if self._shell and self._room.tools.exists():
                self.write(f"{HELLO}\r\n".encode(), None)
            self._master = master
            self._room.terminals.add(self)
            ours, theirs = [os.dup(master), os.dup(master)], [slave]
        try:
            self._number, ending = self._room.keeper.start(self._program(channel), theirs)
        except BaseException:
            for file in ours:
                os.close(file)
            raise
        finally:
            for file in theirs:
                os.close(file)

        outputs = await self._connect(ours)
        for output in outputs:
            await output.ended.wait()
        # Most programs end as soon as their outputs do. A client that shares its connection closes
        # the channel at their end, where it has no input, and hears no status that comes later.
        await asyncio.wait((ending,), timeout=STATUS_WITHIN)
        if not ending.done():
            channel.write_eof()
        return await ending

    async def _connect(self, files: list[int]) -> list[_Output]:
        """Join our ends of the program's files to the channel; return the outputs."""
        loop = asyncio.get_running_loop()
        pipes = [os.fdopen(file, "rb" if place else "wb", 0) for place, file in enumerate(files)]
        types = (None, EXTENDED_DATA_STDERR)[: len(pipes) - 1]
        try:
            outputs = [await self._connect_output(pipes.pop(1), datatype) for datatype in types]
            stdin, _ = await loop.connect_write_pipe(lambda: _Input(self), pipes.pop(0))
        finally:
            for pipe in pipes:
                pipe.close()
        self._input = stdin
        stdin.write(b"".join(self._early))
        self._early.clear()
        if self._ended:
            self.eof_received()
        return outputs

    async def _connect_output(self, pipe: IO[bytes], datatype: int | None) -> _Output:
        output = _Output(self, datatype)
        reading, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: output, pipe)
        self._outputs.append(reading)
        if not self._writable:
            reading.pause_reading()
        return output

    def _program(self, channel: "asyncssh.SSHServerChannel[bytes]") -> SandboxProgram:
        """Return what to start, with the client's variables below the session's own."""
        environment = {
            name: value
            for name, value in channel.get_environment().items()
            if name and "=" not in name and "\0" not in name + value
        }
        own = dict(self._room.environment)
        environment = {**own, **environment, **{k: v for k, v in own.items() if k != "LANG"}}
        if self._terminal is not None:
            environment["TERM"] = self._terminal[0] or "dumb"
        return SandboxProgram(
            path=self._command[0],
            arguments=self._command[1:],
            environment=environment,
            directory=str(self._room.home),
            terminal=self._terminal is not None,
        )

    def _release(self) -> None:
        """Close all our ends; a terminal without them hangs up."""
        self._room.terminals.discard(self)
        stdin = self._input
        if stdin is not None and (not stdin.is_closing() or stdin.get_write_buffer_size()):
            stdin.abort()
        for output in self._outputs:
            output.close()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1


def _open_pipes() -> tuple[list[int], list[int]]:
    """Return our ends (input, output, error) and the program's."""
    program_input, our_input = os.pipe()
    our_output, program_output = os.pipe()
    our_error, program_error = os.pipe()
    return [our_input, our_output, our_error], [program_input, program_output, program_error]


def _signal_number(name: str) -> int | None:
    try:
        return signal.Signals[f"SIG{name}"].value
    except KeyError:
        return None

"""Terminals by request and name, kept running whoever looks on, in whichever process."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from boruta_farm.model.errors import DeviceCallError, TerminalError
from boruta_farm.model.worker import AccessInfo
from boruta_farm.terminals.sessions import BoardSessions
from boruta_farm.terminals.terminal import WINDOW, BoardTerminal
from boruta_farm.terminals.words import NAME

if TYPE_CHECKING:
    import asyncssh

IN_ALL: Final = 256
PER_REQUEST: Final = 8
TERM: Final = "xterm-256color"
SHELL: Final = "shell"
CONSOLE: Final = "console"

Key = tuple[int, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTerminal:
    """Say which terminal of a request is meant, and how large its screen is if it is started.

    ``kind`` is ``shell`` or ``console``, ``name`` which console, ``number`` which of several.
    """

    kind: str
    name: str = ""
    number: str = "1"
    columns: int = 80
    rows: int = 24


class TerminalKeeper:
    """Open and keep the terminals of one process. Judges no right: who asks has done that."""

    def __init__(self, sessions: BoardSessions) -> None:
        self._sessions = sessions
        self._terminals: dict[Key, BoardTerminal] = {}
        self._opening: dict[Key, asyncio.Lock] = {}

    @property
    def running(self) -> int:
        """Return how many terminals' programs run."""
        return sum(not terminal.ended for terminal in self._terminals.values())

    def keeps(self, request_id: int, access: AccessInfo, asked: AskedTerminal) -> bool:
        """Tell whether this terminal runs here."""
        found = self._terminals.get(_key(request_id, access, asked))
        return found is not None and not found.ended

    async def open(
        self, request_id: int, access: AccessInfo, asked: AskedTerminal
    ) -> BoardTerminal:
        """Return a terminal of a running request, started if the access has the farm's key.

        Without it, as one whom the request is shared with has it, those that there are can be
        joined. Raises TerminalError, DeviceCallError.
        """
        key = _key(request_id, access, asked)
        self._sweep()
        lock = self._opening.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                found = self._terminals.get(key)
                if found is not None and not found.ended:
                    return found
                connection = await self._sessions.reach(request_id, access)
                self._make_room(request_id)
                command = None if asked.kind == SHELL else _console(asked.name)
                found = await _start(connection, command, asked.columns, asked.rows)
                self._terminals[key] = found
                return found
        finally:
            if not lock.locked():
                self._opening.pop(key, None)

    async def close(self) -> None:
        """End all terminals."""
        for terminal in self._terminals.values():
            await terminal.close()
        self._terminals.clear()
        await self._sessions.close()

    def _make_room(self, request_id: int) -> None:
        if len(self._terminals) >= IN_ALL:
            raise TerminalError(f"{IN_ALL} terminals are open in pages; use ssh")
        if sum(key[0] == request_id for key in self._terminals) >= PER_REQUEST:
            raise TerminalError(f"{PER_REQUEST} terminals of this request are open; close one")

    def _sweep(self) -> None:
        for key in [key for key, terminal in self._terminals.items() if terminal.ended]:
            del self._terminals[key]


def _key(request_id: int, access: AccessInfo, asked: AskedTerminal) -> Key:
    """Return what tells terminals apart: another board of the same request has others."""
    return (request_id, access.host_key or "", asked.kind + asked.name, asked.number)


async def _start(
    connection: "asyncssh.SSHClientConnection", command: str | None, columns: int, rows: int
) -> BoardTerminal:
    import asyncssh

    try:
        process = await connection.create_process(
            command,
            request_pty="force",
            term_type=TERM,
            term_size=(columns, rows),
            encoding=None,
            window=WINDOW,
        )
    except (OSError, asyncssh.Error) as error:
        raise TerminalError(f"the board opened no terminal: {error}") from error
    return BoardTerminal(process)


def _console(name: str) -> str:
    """Return the line that shows what a console has said in this job, then goes on with it."""
    if name and not NAME.fullmatch(name):
        raise DeviceCallError("that is no name of a console")
    dut = f"dut console {name}".rstrip()
    return f"{dut} --log; exec {dut}"

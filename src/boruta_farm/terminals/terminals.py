"""All terminals, by request and name; and single acts of ``dut`` over the same connections."""

import asyncio
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from boruta_farm.contracts import Requests
from boruta_farm.model.caller import Caller
from boruta_farm.model.device import DeviceAnswer
from boruta_farm.model.errors import DeviceCallError, ForbiddenError, TerminalError
from boruta_farm.terminals.answers import (
    LARGEST_PICTURE,
    LONGEST_ANSWER,
    bounded,
    picture_of,
)
from boruta_farm.terminals.sessions import BoardSessions
from boruta_farm.terminals.terminal import WINDOW, BoardTerminal

if TYPE_CHECKING:
    import asyncssh

IN_ALL: Final = 256
PER_REQUEST: Final = 8
ACT_WITHIN: Final = 120.0
"""Seconds that an act of a tool may take: a power cycle has its pauses."""
TERM: Final = "xterm-256color"
SHELL: Final = "shell"
CONSOLE: Final = "console"
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
VERBS: Final = frozenset({"", "power", "press", "do", "storage", "usb", "screen"})
"""What single acts may be: each ends by itself."""
SNAP: Final = ("screen", "snap")
"""The one act of a screen that ends; its picture comes to the output."""

Key = tuple[int, str, str, str]


class BoardTerminals:
    """Open and keep terminals for those who may have the board's key."""

    def __init__(
        self, requests: Requests, tunnels_at: str, *, forbidden_groups: frozenset[str] = frozenset()
    ) -> None:
        """Members of a forbidden group have no terminals here, only ssh of their own."""
        self._requests = requests
        self._sessions = BoardSessions(requests, tunnels_at)
        self._forbidden = forbidden_groups
        self._terminals: dict[Key, BoardTerminal] = {}
        self._opening: dict[Key, asyncio.Lock] = {}

    async def open(
        self,
        caller: Caller,
        request_id: int,
        *,
        kind: str,
        name: str = "",
        number: str = "1",
        columns: int = 80,
        rows: int = 24,
    ) -> BoardTerminal:
        """Return a terminal of a running request, started if it is its owner who asks.

        ``kind`` is ``shell`` or ``console``, ``name`` which console, ``number`` which of several.
        One whom the request is shared with joins those that there are. Raises TerminalError,
        ForbiddenError, and what ``Requests.acquire_worker`` raises.
        """
        self._check(caller)
        access = await self._sessions.admit(caller, request_id)
        key = (request_id, access.host_key or "", kind + name, number)
        self._sweep()
        lock = self._opening.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                found = self._terminals.get(key)
                if found is not None and not found.ended:
                    return found
                connection = await self._sessions.reach(caller, request_id)
                self._make_room(request_id)
                command = None if kind == SHELL else _console(name)
                found = await _start(connection, command, columns, rows)
                self._terminals[key] = found
                return found
        finally:
            if not lock.locked():
                self._opening.pop(key, None)

    async def operate(
        self, caller: Caller, request_id: int, words: tuple[str, ...]
    ) -> DeviceAnswer:
        """Have ``dut`` do one thing on the board. Raises as ``open`` does."""
        self._check(caller)
        plain = [word for word in words if not word.startswith("--")]
        if (plain[0] if plain else "") not in VERBS:
            raise DeviceCallError(
                f"{plain[0][:40]!r} is nothing to do in one go; type it in a terminal"
            )
        snap = plain[:1] == ["screen"]
        if snap and (tuple(words[:2]) != SNAP or not all(map(NAME.fullmatch, words[2:]))):
            raise DeviceCallError("of a screen one picture is taken: screen snap [NAME]")
        connection = await self._sessions.reach(caller, request_id)
        import asyncssh

        # A file to write to would leave the picture on the board.
        line = shlex.join(("dut", *words, "-") if snap else ("dut", *words))
        try:
            async with asyncio.timeout(ACT_WITHIN):
                process = await connection.create_process(line, encoding=None, window=WINDOW)
                try:
                    output, error = await asyncio.gather(
                        bounded(process.stdout, LARGEST_PICTURE if snap else LONGEST_ANSWER),
                        bounded(process.stderr, LONGEST_ANSWER),
                    )
                    await process.wait_closed()
                finally:
                    process.close()
        except TimeoutError:
            raise TerminalError(f"{line} took longer than {ACT_WITHIN:g} s") from None
        except (OSError, asyncssh.Error) as error_there:
            raise TerminalError(f"{line} broke off: {error_there}") from error_there
        status = 255 if process.exit_status is None else process.exit_status
        if snap and status == 0:
            return DeviceAnswer(status=0, output="", error=_text(error), picture=picture_of(output))
        return DeviceAnswer(status=status, output=_text(output), error=_text(error))

    @asynccontextmanager
    async def flash(
        self, caller: Caller, request_id: int, name: str, size: int
    ) -> AsyncIterator["asyncssh.SSHClientProcess[bytes]"]:
        """Have ``dut flash`` read an image of so many bytes from whoever holds what is yielded.

        It is ended with the block. Raises as ``open`` does.
        """
        self._check(caller)
        if name and not NAME.fullmatch(name):
            raise DeviceCallError("that is no name of a medium")
        connection = await self._sessions.reach(caller, request_id)
        import asyncssh

        words = [
            "dut",
            "--json",
            "flash",
            "--progress",
            "--size",
            str(size),
            *([name] if name else []),
        ]
        try:
            process = await connection.create_process(
                shlex.join((*words, "-")), encoding=None, window=WINDOW
            )
        except (OSError, asyncssh.Error) as error:
            raise TerminalError(f"the board started nothing: {error}") from error
        try:
            yield process
        finally:
            process.close()

    async def close(self) -> None:
        """End all terminals."""
        for terminal in self._terminals.values():
            await terminal.close()
        self._terminals.clear()
        await self._sessions.close()

    def _check(self, caller: Caller) -> None:
        for group in sorted(self._forbidden & (caller.groups or frozenset())):
            raise ForbiddenError(
                f"group {group} has no terminals in the page (browser_terminal_forbidden); use ssh"
            )

    def _make_room(self, request_id: int) -> None:
        if len(self._terminals) >= IN_ALL:
            raise TerminalError(f"{IN_ALL} terminals are open in pages; use ssh")
        if sum(key[0] == request_id for key in self._terminals) >= PER_REQUEST:
            raise TerminalError(f"{PER_REQUEST} terminals of this request are open; close one")

    def _sweep(self) -> None:
        for key in [key for key, terminal in self._terminals.items() if terminal.ended]:
            del self._terminals[key]


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


def _text(told: bytes) -> str:
    return told.decode(errors="replace")

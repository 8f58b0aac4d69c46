"""All terminals, by request and name; and single acts of ``dut`` over the same connections."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from boruta_farm.contracts import Requests
from boruta_farm.model.addresses import dialled
from boruta_farm.model.caller import Caller
from boruta_farm.model.device import DeviceAnswer
from boruta_farm.model.errors import DeviceCallError, ForbiddenError, TerminalError
from boruta_farm.model.worker import AccessInfo
from boruta_farm.terminals.answers import (
    LARGEST_PICTURE,
    LONGEST_ANSWER,
    bounded,
    picture_of,
)
from boruta_farm.terminals.distant import DistantView
from boruta_farm.terminals.keeper import AskedTerminal, TerminalKeeper
from boruta_farm.terminals.line import TerminalLine
from boruta_farm.terminals.sessions import BoardSessions
from boruta_farm.terminals.terminal import WINDOW, BoardTerminal
from boruta_farm.terminals.viewing import LocalView, TerminalView
from boruta_farm.terminals.words import NAME

if TYPE_CHECKING:
    import asyncssh

ACT_WITHIN: Final = 120.0
"""Seconds that an act of a tool may take: a power cycle has its pauses."""
VERBS: Final = frozenset({"", "power", "press", "do", "storage", "usb", "screen"})
"""What single acts may be: each ends by itself."""
SNAP: Final = ("screen", "snap")
"""The one act of a screen that ends; its picture comes to the output."""

Elsewhere = Callable[[], Awaitable[TerminalLine | None]]


class BoardTerminals:
    """Open and keep terminals for those who may have the board's key."""

    def __init__(
        self,
        requests: Requests,
        tunnels_at: str,
        *,
        forbidden_groups: frozenset[str] = frozenset(),
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """Take the address that the tunnels listen on; of all addresses the loopback one serves.

        Members of a forbidden group have no terminals here, only ssh of their own. ``elsewhere``
        gives a line to the process that keeps terminals, None while there is none.
        """
        self._requests = requests
        self._host = dialled(tunnels_at)
        self._sessions = BoardSessions()
        self._keeper = TerminalKeeper(self._sessions)
        self._forbidden = forbidden_groups
        self._elsewhere = elsewhere

    async def open(self, caller: Caller, request_id: int, asked: AskedTerminal) -> BoardTerminal:
        """Return a terminal of this process, of a running request.

        It is started if it is the request's owner who asks; one whom the request is shared with
        joins those that there are. Raises TerminalError, ForbiddenError, and what
        ``Requests.acquire_worker`` raises.
        """
        return await self._keeper.open(request_id, await self._admit(caller, request_id), asked)

    @asynccontextmanager
    async def view(
        self,
        caller: Caller,
        request_id: int,
        asked: AskedTerminal,
        *,
        position: int | None,
        types: bool,
    ) -> AsyncIterator[TerminalView]:
        """Look on at a terminal for the block, from a position on or from all that is kept.

        It is one of another process, where there is one to keep terminals. Raises as ``open`` does,
        and what is read of another process that ends raises ConnectionError.
        """
        access = await self._admit(caller, request_id)
        here = self._keeper.keeps(request_id, access, asked)
        line = None if here or self._elsewhere is None else await self._elsewhere()
        if line is None:
            terminal = await self._keeper.open(request_id, access, asked)
            with LocalView(terminal, position, types=types) as view:
                yield view
            return
        try:
            yield await DistantView.begin(
                line, request_id, access, asked, position=position, types=types
            )
        finally:
            line.close()

    async def operate(
        self, caller: Caller, request_id: int, words: tuple[str, ...]
    ) -> DeviceAnswer:
        """Have ``dut`` do one thing on the board. Raises as ``open`` does."""
        access = await self._admit(caller, request_id)
        plain = [word for word in words if not word.startswith("--")]
        if (plain[0] if plain else "") not in VERBS:
            raise DeviceCallError(
                f"{plain[0][:40]!r} is nothing to do in one go; type it in a terminal"
            )
        snap = plain[:1] == ["screen"]
        if snap and (tuple(words[:2]) != SNAP or not all(map(NAME.fullmatch, words[2:]))):
            raise DeviceCallError("of a screen one picture is taken: screen snap [NAME]")
        connection = await self._sessions.reach(request_id, access)
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
        access = await self._admit(caller, request_id)
        if name and not NAME.fullmatch(name):
            raise DeviceCallError("that is no name of a medium")
        connection = await self._sessions.reach(request_id, access)
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
        """End all terminals of this process."""
        await self._keeper.close()

    async def _admit(self, caller: Caller, request_id: int) -> AccessInfo:
        """Return the access of a running request as it is dialled from here, for who may have it.

        Raises ForbiddenError, and what ``Requests.acquire_worker`` raises.
        """
        self._check(caller)
        access = await self._requests.acquire_worker(caller, request_id)
        return replace(access, ip=self._host, zone="")

    def _check(self, caller: Caller) -> None:
        for group in sorted(self._forbidden & (caller.groups or frozenset())):
            raise ForbiddenError(
                f"group {group} has no terminals in the page (browser_terminal_forbidden); use ssh"
            )


def _text(told: bytes) -> str:
    return told.decode(errors="replace")

"""A session at the door itself: a verb in text, a connection to a board, or a board by name."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, Protocol

import asyncssh

from boruta_farm.frontdoor.boards import HeldBoards
from boruta_farm.frontdoor.bridge import BoardBridge, SessionWish
from boruta_farm.frontdoor.guest import DoorGuest
from boruta_farm.frontdoor.line import ServerLine
from boruta_farm.frontdoor.names import Here, fingerprint, want_of
from boruta_farm.frontdoor.pipe import Pipe
from boruta_farm.frontdoor.refusals import told_here
from boruta_farm.frontdoor.verbs import VerbRoom, perform
from boruta_farm.model.account import AccountChange
from boruta_farm.model.errors import (
    BorutaError,
    ForbiddenError,
    WantError,
    WorkerNotFoundError,
)
from boruta_farm.selectors.want import Want
from boruta_farm.selectors.wanted import wanted
from boruta_farm.words.times import Times

log = logging.getLogger(__name__)

CONNECT: Final = "connect "
FAILED: Final = 255
USED_WRONGLY: Final = 2
MOST_EARLY: Final = 64 * 1024
"""Bytes that may come before it is known where they go."""
EOT: Final = b"\x04"
INTERRUPT: Final = b"\x03"


class DoorHost(Protocol):
    """The connection that a session belongs to."""

    line: ServerLine
    boards: HeldBoards
    user: str
    offered: list[str]
    here: Here

    @property
    def guest(self) -> DoorGuest:
        """Return who it is. Raises ForbiddenError where he is not let in any more."""
        ...

    def session_over(self) -> None:
        """Count a session out."""
        ...

    def follow(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Do something for as long as the connection lasts."""
        ...

    async def carry(
        self,
        want: Want,
        name: str,
        pipe: Callable[[Callable[[], None]], Pipe],
        opened: "asyncio.Future[None]",
        tell: Callable[[str], None],
    ) -> None:
        """Have a board, and a pipe to its tunnel, until the pipe has ended."""
        ...


class DoorSession(asyncssh.SSHServerSession[bytes]):
    """Answer one session, whose kind is told by the user's name and the command."""

    def __init__(self, knock: DoorHost) -> None:
        self._knock = knock
        self._channel: asyncssh.SSHServerChannel[bytes]
        self._work: asyncio.Task[None] | None = None
        self._pipe: Pipe | None = None
        self._bridge: BoardBridge | None = None
        self._typed = asyncio.Event()
        self._terminal: str | None = None
        self._size = (80, 24, 0, 0)
        self._modes: Mapping[int, int] = {}
        self._command: str | None = None
        self._subsystem: str | None = None
        self._early = b""
        self._early_end = False
        self._left = False

    # What the library asks.

    def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
        """Take the channel."""
        self._channel = chan

    def connection_lost(self, exc: Exception | None) -> None:
        """End what was done for it."""
        self._left = True
        self._knock.session_over()
        if self._work is not None:
            self._work.cancel()
        if self._pipe is not None:
            self._pipe.close()

    def pty_requested(
        self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Mapping[int, int]
    ) -> bool:
        """Take a terminal."""
        self._terminal, self._size, self._modes = term_type, term_size, term_modes
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        """Hand on its size."""
        self._size = (width, height, pixwidth, pixheight)
        if self._bridge is not None:
            self._bridge.resize(width, height, (pixwidth, pixheight))

    def shell_requested(self) -> bool:
        """Take a session without a command."""
        return True

    def exec_requested(self, command: str) -> bool:
        """Take one with a command."""
        self._command = command
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        """Take a subsystem, which only a board has."""
        self._subsystem = subsystem
        return True

    def session_started(self) -> None:
        """Begin."""
        self._work = self._knock.follow(self._answer())

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Hand bytes to where they go."""
        if self._pipe is not None:
            self._pipe.feed(data)
        elif self._bridge is not None:
            self._bridge.feed(data)
        else:
            if self._terminal is not None and INTERRUPT in data:
                self._leave(130)
            self._early += data
            if len(self._early) >= MOST_EARLY:
                # What he sends waits with him; nothing of it is lost.
                self._channel.pause_reading()
            self._typed.set()

    def eof_received(self) -> bool:
        """Hand on that nothing more comes."""
        if self._pipe is not None:
            self._pipe.feed_eof()
        elif self._bridge is not None:
            self._bridge.feed_eof()
        else:
            self._early_end = True
            self._typed.set()
        return True

    def pause_writing(self) -> None:
        """Have the board wait."""
        if self._pipe is not None:
            self._pipe.hold_back()
        elif self._bridge is not None:
            self._bridge.hold_back()

    def resume_writing(self) -> None:
        """Have it go on."""
        if self._pipe is not None:
            self._pipe.go_on()
        elif self._bridge is not None:
            self._bridge.go_on()

    def signal_received(self, signal: str) -> None:
        """Hand a signal on; one that means the door ends the session."""
        if self._bridge is not None:
            self._bridge.signal(signal)
        elif signal in ("INT", "TERM", "HUP", "QUIT"):
            self._leave(130)

    # What is done.

    async def _answer(self) -> None:
        try:
            self._leave(await self._answered())
        except BorutaError as error:
            times = Times(now=self._knock.line.farm().now())
            self._complain(told_here(error, times, self._knock.here))
            self._leave(USED_WRONGLY if isinstance(error, WantError) else FAILED)
        except OSError as error:
            self._complain(f"the board's tunnel cannot be reached: {error.strerror}")
            self._leave(FAILED)
        except asyncio.CancelledError:
            self._leave(FAILED)
            raise
        except Exception:
            log.exception("a session of %s failed", self._knock.user)
            self._complain("the door failed; its log tells more")
            self._leave(FAILED)

    async def _answered(self) -> int | str:
        guest = self._knock.guest
        if self._command is not None and self._command.startswith(CONNECT):
            return await self._connect(self._command.removeprefix(CONNECT).strip())
        async with self._knock.line.turns.of(guest.who):
            want = await self._wanted_by_user_name()
        if want is not None:
            return await self._carry_on(want)
        if self._subsystem is not None:
            raise ForbiddenError(
                f"{self._subsystem} is on boards, not at their door; name one: "
                f"sftp -J {self._knock.here.jump} boruta-user@rpi4"
            )
        room = VerbRoom(
            guest=guest,
            farm=self._knock.line.farm_of(guest),
            settings=await self._knock.line.settings(),
            here=self._knock.here,
            host_key=self._host_key,
            say=self._say,
        )
        async with self._knock.line.turns.of(guest.who):
            status = await perform(room, self._command or "ls")
        if self._command is None and guest.key is None and not guest.visitor.open_farm:
            await self._offer_to_keep(room)
        return status

    async def _connect(self, name: str) -> int:
        """Lead to a board's ssh; where that stands is told beside it."""
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        over = asyncio.Event()
        made: list[Pipe] = []

        def pipe(ended: Callable[[], None]) -> Pipe:
            def gone() -> None:
                over.set()
                ended()

            made.append(Pipe(gone))
            return made[0]

        carrying = asyncio.create_task(
            self._knock.carry(want_of(name), name, pipe, opened, self._complain)
        )
        try:
            await asyncio.shield(opened)
            # Only now: what came before goes first.
            self._pipe = made[0]
            self._hand_on(self._pipe)
            self._pipe.attach(_Open(self._channel))
            await over.wait()
        finally:
            carrying.cancel()
            await asyncio.gather(carrying, return_exceptions=True)
        return 0

    async def _wanted_by_user_name(self) -> Want | None:
        """Return the board that the user's name asks for, None where it is only a name.

        Only what is exactly a board or a kind of board counts: people are called many things.
        """
        knock = self._knock
        if knock.user == knock.guest.visitor.name:
            return None
        try:
            want = want_of(knock.user)
            if want.request is None and want.terms:
                farm = knock.line.farm_of(knock.guest)
                page = await farm.workers.list_workers(farm.caller)
                wanted(want, page.items, (await knock.line.settings()).kinds, exact=True)
        except (WantError, WorkerNotFoundError):
            return None
        return want

    async def _carry_on(self, want: Want) -> int | str:
        settings = await self._knock.line.settings()
        if not settings.read_by_farm:
            raise ForbiddenError(
                f"{self._knock.user}@... is switched off here, since the farm could read it; "
                f"write: ssh -J {self._knock.here.jump} boruta-user@{self._knock.user}"
            )
        async with AsyncExitStack() as stack:
            granted = await stack.enter_async_context(
                self._knock.boards.visit(
                    self._knock.guest, want, self._complain, self._knock.here, own_key=False
                )
            )
            if self._terminal is not None:
                self._complain(
                    f"{granted.worker.name} is yours while you stay; this way is read by the farm, "
                    "ssh -J is not"
                )
            bridge = BoardBridge(self._channel)

            def ready() -> None:
                self._bridge = bridge
                self._hand_on(bridge)

            wish = SessionWish(
                command=self._command,
                subsystem=self._subsystem,
                terminal=self._terminal,
                size=self._size,
                modes=self._modes,
            )
            return await bridge.carry_out(granted, wish, self._knock.here, ready)

    async def _host_key(self, name: str) -> str | None:
        """Return the key of the board to which a name leads this guest."""
        want = want_of(name.removeprefix("[").partition("]")[0])
        granted = self._knock.boards.held(self._knock.guest, want)
        return None if granted is None else granted.worker.host_key

    async def _offer_to_keep(self, room: VerbRoom) -> None:
        """Offer to put the key that somebody came with, and that is nobody's, on his account."""
        if not self._knock.offered:
            self._say("No key was shown: add one to your account by: boruta user key add FILE.pub")
            return
        key = self._knock.offered[0]
        self._say(
            f"You came with the key {fingerprint(key)}. Keep it, so that no token is needed from "
            "now on? [Y/n]"
        )
        answer = (await self._line()).strip().lower()
        if answer not in ("", "y", "yes"):
            self._say("It is not kept.")
            return
        farm, name = room.farm, room.guest.visitor.name
        account = await farm.accounts.get_account(farm.caller, name)
        await farm.accounts.save_account(
            farm.caller, name, AccountChange(ssh_keys=(*account.ssh_keys, key))
        )
        self._say(
            f"It is kept with the account {name}: ssh {room.here.words} needs no token any more."
        )

    async def _line(self) -> str:
        """Return what is typed next, up to the end of a line."""
        while not self._early.endswith((b"\r", b"\n", EOT)):
            if self._early_end or len(self._early) >= MOST_EARLY:
                return "n"
            self._typed.clear()
            await self._typed.wait()
        return self._early.decode(errors="replace").rstrip("\r\n\x04")

    def _hand_on(self, to: Pipe | BoardBridge) -> None:
        """Hand on what came before it was known where to, and let the rest come."""
        early, self._early = self._early, b""
        if early:
            to.feed(early)
        if self._early_end:
            to.feed_eof()
        self._channel.resume_reading()

    def _say(self, text: str) -> None:
        end = "\r\n" if self._terminal is not None else "\n"
        self._channel.write(_clean(text, end).encode())

    def _complain(self, text: str) -> None:
        if not self._left and not self._channel.is_closing():
            end = "\r\n" if self._terminal is not None else "\n"
            self._channel.write_stderr(_clean(f"boruta: {text}", end).encode())

    def _leave(self, status: int | str) -> None:
        # A channel counts as closing once its end was sent, and may still tell how it ended.
        if self._left:
            return
        self._left = True
        if isinstance(status, str):
            self._channel.exit_with_signal(status)
        else:
            self._channel.exit(status)


class _Open:
    """Be a channel that a pipe ends with a good status."""

    def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]") -> None:
        self._channel = channel
        self.write = channel.write
        self.write_eof = channel.write_eof
        self.pause_reading = channel.pause_reading
        self.resume_reading = channel.resume_reading

    def close(self) -> None:
        """Leave the end to the session."""


def _clean(text: str, end: str) -> str:
    """Return a text in lines, without what could steer a terminal."""
    lines = ("".join(c if c.isprintable() else "?" for c in line) for line in text.split("\n"))
    return end.join(lines) + end

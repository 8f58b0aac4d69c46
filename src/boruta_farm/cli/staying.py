"""A session that outlives a lost network: it is opened again by itself while the job lives."""

import asyncio
import logging
import shlex
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from boruta_farm.cli.console import complain, local_times, remark
from boruta_farm.cli.question import ask, someone_there
from boruta_farm.cli.signals import Signals
from boruta_farm.cli.terminal import TerminalSession, remark_beside, tidy
from boruta_farm.client.farm import Farm
from boruta_farm.client.job import JobOverError
from boruta_farm.client.lease import Lease
from boruta_farm.client.openssh import (
    OwnKey,
    SshSession,
    command_line,
    find_ssh,
    logging_options,
    read_log,
    session_files,
)
from boruta_farm.client.session import LeftError
from boruta_farm.client.ways import find_way
from boruta_farm.model.errors import BorutaError, UnavailableError
from boruta_farm.model.request import Request
from boruta_farm.model.via import Via
from boruta_farm.words.durations import duration

log = logging.getLogger(__name__)

LOST: Final = 255
INTERRUPTED: Final = 130
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 10.0
"""Seconds between two attempts to connect again; each pause is twice the last."""
CONNECTS_WITHIN: Final = ("-o", "ConnectTimeout=10")
ANSWERS_WITHIN: Final = 15.0
"""Seconds a board has to tell whether a session goes on there."""

PERSISTENT: Final = "boruta"
"""The name of the tmux session on the board."""
PERSIST_LINE: Final = (
    "if command -v tmux >/dev/null 2>&1; then "
    f"exec tmux new-session -A -s {PERSISTENT}; "
    "else echo 'boruta: this board has no tmux: the shell ends with its connection' >&2; "
    'exec "${SHELL:-sh}" -l; fi'
)
GOES_ON_LINE: Final = f"tmux has-session -t ={PERSISTENT}"

Attend = Callable[[SshSession, Lease], Awaitable[tuple[int, Request | None]]]
"""Run ssh until it ends or the job does; return its status, and the request where that is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellWish:
    """Carry how a shell is to be opened; ``ours`` tells that the request ends with it.

    ``via`` is asked anew whenever the connection was lost, since networks change. ``linger`` is how
    long the farm keeps the board for a client that it does not hear of.
    """

    own: OwnKey | None
    extra: tuple[str, ...]
    persist: bool
    via: Via
    ours: bool
    linger: timedelta | None


class StayingShell:
    """A shell on a board, opened anew whenever its connection is lost."""

    def __init__(
        self, farm: Farm, lease: Lease, wish: ShellWish, signals: Signals, attend: Attend
    ) -> None:
        self._farm = farm
        self._lease = lease
        self._wish = wish
        self._signals = signals
        self._attend = attend
        self._prolonging: asyncio.Task[None] | None = None
        self._lost = False
        self._why = ""
        self._unheard_since: datetime | None = None

    async def until_over(self) -> int:
        """Return the shell's status.

        Raises LeftError where the request is to stay though the shell is gone, and BorutaError for
        failures of our own.
        """
        try:
            return await self._until_over()
        except asyncio.CancelledError:
            if self._signals.hung_up and self._wish.persist and self._wish.ours:
                # Only the terminal is gone: what runs in tmux is what was to survive that.
                raise LeftError(self._left("the terminal is gone")) from None
            raise
        finally:
            if self._prolonging is not None:
                self._prolonging.cancel()
                await asyncio.gather(self._prolonging, return_exceptions=True)

    async def _until_over(self) -> int:
        pause = FIRST_PAUSE
        while True:
            status, over, connected, lost = await self._session()
            if over is not None or not (lost or (self._lost and not connected and status == LOST)):
                return await self._ended(status, over)
            if connected:
                pause = FIRST_PAUSE
            if not self._lost or connected:
                self._tell_lost()
            self._lost = True
            if not await self._pause(pause):
                return LOST
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _session(self) -> tuple[int, Request | None, bool, bool]:
        """Open the shell once; return its status, the request if over, connected, lost."""
        if self._lost:
            await self._find_way()
        with session_files(self._lease.access, self._wish.own, self._lease.way) as files:
            assert files.log is not None
            extra: Sequence[str] = (*logging_options(files.log), *self._wish.extra)
            if self._lost:
                extra = (*CONNECTS_WITHIN, *extra)
            command: tuple[str, ...] = ()
            if self._wish.persist:
                extra, command = ("-t", *extra), (f"exec sh -c {shlex.quote(PERSIST_LINE)}",)
            line = command_line(find_ssh(), self._lease.access, files, command, extra)
            session = TerminalSession(line, self._pressed, files.environment)
            try:
                status, over = await self._attend(session, self._lease)
            finally:
                session.close()
            log = read_log(files.log)
        if not self._lost and status == LOST and not log.lost:
            for complaint in log.complaints:
                remark(complaint)
        elif self._lost and not log.connected and log.complaints[-1:] not in ((), (self._why,)):
            self._why = log.complaints[-1]
            remark(f"not yet: {self._why}")
        return status, over, log.connected, log.lost

    async def _find_way(self) -> None:
        """Take another way to the board where the old one does not lead there any more.

        The board may be reached at another address: its site's relay, or a server, may be gone.
        """
        farm, number = self._farm, self._lease.request_id
        try:
            access = await farm.requests.acquire_worker(farm.caller, number)
            self._lease.move(access, await find_way(farm, number, access, self._wish.via))
        except BorutaError as error:
            log.debug("the way stays as it was: %s", error)

    def _tell_lost(self) -> None:
        tidy(whole_screen=self._wish.persist)
        kept = ""
        if self._wish.linger is not None:
            kept = f"the farm keeps the board for {duration(self._wish.linger)}"
        parts = ("the connection to the board is lost", kept, "connecting again; Ctrl-C asks")
        remark("; ".join(part for part in parts if part))

    async def _pause(self, pause: float) -> bool:
        """Wait before the next attempt; False where the job is over. Raises LeftError."""
        if self._farm.now() >= self._lease.until:
            pause = max(pause, LONGEST_PAUSE)
        with self._signals.interrupts() as interrupted:
            waiting = [
                asyncio.create_task(self._lease.ended()),
                asyncio.create_task(interrupted.wait()),
            ]
            try:
                await asyncio.wait(waiting, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waiting:
                    task.cancel()
            if interrupted.is_set():
                await self._asked()
        if self._lease.over is not None:
            return False
        if self._farm.now() >= self._lease.until + timedelta(seconds=LONGEST_PAUSE):
            remark("the job's time is over, and the farm cannot be asked")
            return False
        return await self._ours_still()

    async def _ours_still(self) -> bool:
        """Tell whether the board may still be kept for us: the farm has not been silent too long.

        Where it is gone, as a demo that was ended, nobody is to wait for the end of the job.
        """
        if self._wish.linger is None:
            return True
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                await self._farm.requests.get_request_info(
                    self._farm.caller, self._lease.request_id
                )
        except (UnavailableError, TimeoutError):
            now = self._farm.now()
            if self._unheard_since is None:
                self._unheard_since = now
                remark(
                    "the farm does not answer either; it keeps the board for "
                    f"{duration(self._wish.linger)} at most, then this gives up"
                )
            if now - self._unheard_since >= self._wish.linger:
                remark(
                    f"the farm has not answered for {duration(self._wish.linger)}: the board is "
                    "given back, or the farm is gone"
                )
                return False
        except BorutaError as error:
            log.debug("the farm answers: %s", error)
            self._unheard_since = None
        else:
            self._unheard_since = None
        return True

    async def _asked(self) -> None:
        """Ask whoever pressed Ctrl-C what is to be done. Raises LeftError unless it is to go on."""
        if not someone_there():
            raise asyncio.CancelledError
        choices = {"g": "go on trying", "l": "leave the board as it is"}
        if self._wish.ours:
            choices["e"] = "end the request"
        key = await ask("still trying to connect again", choices, interrupted="l")
        if key == "l":
            raise LeftError(self._left("left"))
        if key == "e":
            self._signals.interrupt()
            raise asyncio.CancelledError

    async def _ended(self, status: int, over: Request | None) -> int:
        """Return the status of a shell that ended. Raises LeftError for one that goes on."""
        if over is None and self._lease.over is None and self._wish.ours:
            if self._wish.persist and await self._goes_on():
                raise LeftError(self._left("what runs in tmux goes on"), status=0)
            if self._lost and await self._open_elsewhere():
                raise LeftError(self._left("another session of it is open"), status=status)
        return status

    async def _goes_on(self) -> bool:
        try:
            done = await self._lease.run(GOES_ON_LINE, timeout=ANSWERS_WITHIN)
        except (TimeoutError, JobOverError):
            return False
        return done.returncode == 0

    async def _open_elsewhere(self) -> bool:
        """Tell whether somebody has taken the session up meanwhile, as far as the board tells."""
        try:
            found = await self._farm.requests.list_sessions(
                self._farm.caller, self._lease.request_id
            )
        except BorutaError:
            return False
        return any(sessions.count for sessions in found)

    def _left(self, why: str) -> str:
        number = self._lease.request_id
        again = f"boruta ssh {number}{' --persist' if self._wish.persist else ''}"
        kept = ""
        if self._wish.linger is not None:
            kept = f", which is given back {duration(self._wish.linger)} after its last holder"
        return (
            f"{why}: request {number} keeps its board{kept}; take it up here or elsewhere: "
            f"{again}; give it back: boruta close {number}"
        )

    def _pressed(self) -> bool:
        """Prolong the job where its end is near; the key is the shell's otherwise."""
        if not self._lease.ends_soon:
            return False
        if self._prolonging is None or self._prolonging.done():
            self._prolonging = asyncio.create_task(self._prolong())
        return True

    async def _prolong(self) -> None:
        try:
            end = await self._farm.requests.prolong_access(
                self._farm.caller, self._lease.request_id
            )
        except BorutaError as error:
            with _in_raw_mode():
                complain(error, f"request {self._lease.request_id}")
            return
        remark_beside(f"the job goes on until {local_times(self._farm.now()).moment(end)}")


@contextmanager
def _in_raw_mode() -> Iterator[None]:
    """Begin and end at the left margin, which a line's end alone does not lead to."""
    print("\r", end="", flush=True)
    yield
    print("\r", end="", flush=True)

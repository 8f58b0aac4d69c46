"""A board in hand: kept alive and prolonged for as long as it is held."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess

from boruta_farm.client.device import (
    DevicePower,
    DeviceScreen,
    DeviceTool,
    Flashed,
    flash,
    list_tools,
    perform,
    press,
)
from boruta_farm.client.device_console import DeviceConsole
from boruta_farm.client.farm import Farm
from boruta_farm.client.job import JobEnd
from boruta_farm.client.remote import Remote
from boruta_farm.client.way import DIRECT, BoardWay
from boruta_farm.model.errors import (
    InvalidError,
    NotFoundError,
    ProlongLimitError,
    RefusedError,
    UnauthenticatedError,
    UnavailableError,
)
from boruta_farm.model.events import Event, EventKind
from boruta_farm.model.job import Job
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import AccessInfo
from boruta_farm.words.nudge import question, unused
from boruta_farm.words.refusal import refusal
from boruta_farm.words.times import Times

log = logging.getLogger(__name__)

Say = Callable[[str], None]

LAST_CALL = timedelta(minutes=5)
"""When the end cannot be moved any more, it is announced this long before."""
REACH = frozenset({EventKind.WORKER_LOST, EventKind.WORKER_BACK, EventKind.WORKER_REGISTERED})
"""An agent that was lost and comes over a new link has registered again."""
NOT_OURS = (RefusedError, UnauthenticatedError)
"""Who is holding may be sent away meanwhile, or his token be revoked."""
SOONEST = 1.0
"""The shortest pause between two attempts to prolong, in seconds."""


class Lease:
    """Hold a running request; made by ``hold``.

    Whatever is done with it raises JobOverError once the job is over, however that came about,
    also what is under way then.
    """

    def __init__(
        self,
        farm: Farm,
        request: Request,
        job: Job,
        access: AccessInfo,
        say: Say,
        more: str | None = None,
        way: BoardWay = DIRECT,
    ) -> None:
        self.request_id = request.id
        self.worker = job.worker
        self.access = access
        self.way = way
        """How ssh gets to the board."""
        self.until = job.timeout
        self.unreachable_since: datetime | None = None
        """Since when the farm has not heard of the board's agent; None while it has."""
        self._farm = farm
        self._end = JobEnd(farm, request.id)
        self._remote = Remote(access, self._end.guard, way)
        self.power = DevicePower(self._remote)
        """The power of the device under test."""
        self.screen = DeviceScreen(self._remote)
        self.console = DeviceConsole(self._remote)
        self._keep_alive = request.keep_alive
        self._timed = request.length is not None
        self._say = say
        self._more = more or f"more time: boruta prolong {request.id} +30m"
        self._moved = asyncio.Event()
        self._nudged_at: datetime | None = None
        self._idle_ends: datetime | None = None

    def move(self, access: AccessInfo, way: BoardWay) -> None:
        """Reach the board so from now on, by what the farm tells now."""
        self.access, self.way = access, way
        self._remote.move(access, way)

    async def ended(self) -> Request:
        """Wait until the job is over for whatever reason and return the finished request."""
        return await self._end.wait()

    async def run(
        self,
        command: str | Sequence[str],
        *,
        input: str | None = None,  # noqa: A002  # as in subprocess.run
        check: bool = False,
        timeout: float | None = None,
        most: int | None = None,
    ) -> CompletedProcess[str]:
        """Run a command on the board and return its status and what it printed.

        A text is a line for the board's shell, a sequence is quoted for it word by word. As with
        ``subprocess.run``, ``check`` raises CalledProcessError for a status other than 0. 255 is
        also ssh's own status, where the board cannot be reached. After ``timeout`` seconds
        TimeoutError is raised and the connection is ended. Of what it prints ``most`` bytes are
        kept, the first, of its complaints as many. Raises ConfigError without OpenSSH.
        """
        done = await self._remote.run(command, input, timeout, most)
        if check:
            done.check_returncode()
        return done

    async def put(self, local: str | Path, remote: str = "") -> None:
        """Copy a file or folder to the board, to a path that begins in the job's home.

        Raises CopyError, and ConfigError without OpenSSH.
        """
        await self._remote.copy(Path(local), remote)

    async def get(self, remote: str, local: str | Path = ".") -> None:
        """Copy a file or folder from the board. Raises as ``put`` does."""
        await self._remote.copy(remote, Path(local))

    async def fetch(self, remote: str, local: Path, most: int) -> None:
        """Copy one file of the board that has at most so many bytes, whatever the board sends.

        Raises CopyError, also for a larger one, of which nothing is kept.
        """
        await self._remote.fetch(remote, local, most)

    @asynccontextmanager
    async def forward(
        self, port: int, *, host: str = "localhost", local: int = 0
    ) -> AsyncIterator[int]:
        """Let a port of this machine lead to one of the board's supervisor for the block.

        Yields the port here, which listens on 127.0.0.1: ``local``, or a free one. ``host`` is
        what the supervisor is to connect to, such as the device in its own network. Raises
        ForwardError and JobOverError.
        """
        self._end.check()
        async with self._remote.forward(local, host, port) as chosen:
            yield chosen

    async def press(self, name: str = "", hold: float | None = None) -> None:
        """Press a button of the device for so many seconds, else as long as the board's admin says.

        The name may be left out where there is one. Raises DeviceError.
        """
        await press(self._remote, name, hold)

    async def flash(
        self,
        image: str | Path,
        name: str = "",
        *,
        bmap: str | Path | None = None,
        sha256: str = "",
        verify: bool = True,
        keep: bool = False,
    ) -> Flashed:
        """Write an image to the device's card, read it back, and give the card to the device.

        A file of ours is streamed to the board, with its sum; an address is fetched by the board,
        where its admin allows it. ``name`` says which medium, where there are several; ``keep``
        leaves it at the supervisor. It takes as long as it takes: call it off by cancelling.
        Raises DeviceError, which says what the card is then, and ConfigError for what cannot be
        read.
        """
        return await flash(
            self._remote, image, name, bmap=bmap, sha256=sha256, verify=verify, keep=keep
        )

    async def do(self, name: str, *words: str) -> CompletedProcess[str]:
        """Do what the board's admin has named, and return its status and what it said."""
        return await perform(self._remote, name, words)

    async def tools(self) -> tuple[DeviceTool, ...]:
        """Return what the board has to operate its device with. Raises DeviceError."""
        return await list_tools(self._remote)

    def release_files(self) -> None:
        """Remove the private files that commands and copies needed."""
        self._remote.close()

    @property
    def over(self) -> Request | None:
        """Return the finished request if the job is known to be over, else None."""
        return self._end.request

    @property
    def ends_soon(self) -> bool:
        """Tell whether the end is near of a job that goes on only if somebody says so."""
        return self._timed and self.until - self._farm.now() <= LAST_CALL

    async def prolong_for_ever(self) -> None:
        """Prolong whenever half of the remaining time has passed, until the farm's limit.

        A job whose length was named is left to whoever named it. The end is announced.
        """
        if self._timed or await self._prolong_to_the_limit():
            await self._announce_end()

    async def _announce_end(self) -> None:
        """Say that the end is near, anew for each; somebody may move it meanwhile."""
        while True:
            while (remaining := (self.until - self._farm.now() - LAST_CALL).total_seconds()) > 0:
                await asyncio.sleep(remaining)
                if self.until - self._farm.now() <= LAST_CALL:
                    until = self._times().moment(self.until)
                    more = f"; {self._more}" if self._timed else ""
                    self._say(f"the job ends in 5 minutes, at {until}{more}")
            self._moved.clear()
            await self._moved.wait()

    def _ends(self, until: datetime) -> None:
        """Take note of an end; it is never moved to an earlier time."""
        if until > self.until:
            self.until = until
            self._moved.set()

    async def _prolong_to_the_limit(self) -> bool:
        """Return whether the job has an end that is still to come."""
        while True:
            remaining = (self.until - self._farm.now()).total_seconds()
            await asyncio.sleep(max(remaining / 2, SOONEST))
            # The event of the new end may be here before the answer.
            before = self.until
            try:
                end = await self._farm.requests.prolong_access(self._farm.caller, self.request_id)
            except UnavailableError as error:
                log.debug("request %d was not prolonged: %s", self.request_id, error)
                continue
            except ProlongLimitError as error:
                self._say(f"not prolonged: {refusal(error, self._times())}")
                return True
            except NOT_OURS as error:
                log.debug("request %d is not ours to prolong: %s", self.request_id, error)
                return True
            except (InvalidError, NotFoundError) as error:
                # The job is over: its event tells why.
                log.debug("request %d cannot be prolonged: %s", self.request_id, error)
                return False
            if end <= before:
                self._say(
                    f"the farm's limit is reached: the job ends at {self._times().moment(end)}"
                )
                return True
            self._ends(end)

    async def renew_for_ever(self) -> None:
        """Renew KeepAlive four times within its span."""
        if self._keep_alive is None:
            return
        while True:
            await asyncio.sleep(self._keep_alive / 4)
            try:
                await self._farm.requests.keep_alive(self._farm.caller, self.request_id)
            except UnavailableError as error:
                log.debug("KeepAlive of request %d was not renewed: %s", self.request_id, error)
            except UnauthenticatedError as error:
                self._say(
                    f"request {self.request_id} is not kept alive any more, so the farm takes its "
                    f"board back within {self._keep_alive} s: {error.message}"
                )
                return
            except (InvalidError, NotFoundError, RefusedError) as error:
                log.debug("request %d cannot be kept alive: %s", self.request_id, error)
                return

    async def notice_end(self) -> None:
        """Follow the board's events, those of its job among them, until the request is finished."""
        async with self._farm.watch(worker=self.worker) as happenings:
            async for happening in happenings:
                try:
                    if not isinstance(happening, Event) or happening.kind in REACH:
                        await self._look_for_agent()
                    request = await self._farm.requests.get_request_info(
                        self._farm.caller, self.request_id
                    )
                except UnavailableError as error:
                    log.debug("request %d was not read: %s", self.request_id, error)
                    continue
                if request.state is not RequestState.IN_PROGRESS:
                    self._end.note(request)
                    return
                if request.job is not None:
                    self._ends(request.job.timeout)
                await self._tell_nudge(request)
                await self._tell_unused(request)

    async def _tell_nudge(self, request: Request) -> None:
        """Tell the holder once that somebody asks for his board."""
        job, at = request.job, request.nudged_at
        if at is None or job is None or at < job.granted or at == self._nudged_at:
            return
        self._nudged_at = at
        self._say(question(request, await self._board()))

    async def _tell_unused(self, request: Request) -> None:
        """Tell the holder once that his board is taken unless he uses it."""
        if request.idle_ends != self._idle_ends:
            self._idle_ends = request.idle_ends
            told = unused(request, await self._board(), self._times())
            if told is not None:
                self._say(told)

    async def _board(self) -> str:
        try:
            worker = await self._farm.workers.get_worker_info(self._farm.caller, self.worker)
        except UnavailableError as error:
            log.debug("worker %s was not read: %s", self.worker, error)
            return "this board"
        return worker.name

    async def _look_for_agent(self) -> None:
        """Tell when the board's agent is lost or back, instead of leaving a silent session."""
        worker = await self._farm.workers.get_worker_info(self._farm.caller, self.worker)
        before, self.unreachable_since = self.unreachable_since, worker.unreachable_since
        if worker.unreachable_since is not None and before is None:
            since = self._times().moment(worker.unreachable_since)
            self._say(
                f"{worker.name} is out of reach since {since}: its agent does not answer the farm; "
                "it stays yours, and can be used if it comes back before the job ends, "
                f"at {self._times().moment(self.until)}"
            )
        elif worker.unreachable_since is None and before is not None:
            self._say(f"{worker.name} is in reach again")

    def _times(self) -> Times:
        return Times(now=self._farm.now(), zone=None)


@asynccontextmanager
async def hold(
    farm: Farm,
    request: Request,
    access: AccessInfo,
    say: Say = log.warning,
    more: str | None = None,
    way: BoardWay = DIRECT,
) -> AsyncIterator[Lease]:
    """Keep a running request alive and prolonged while the block runs; neither files nor closes.

    ``say`` gets a line when the end comes nearer and cannot be moved, and when the board's agent
    is lost or back; ``more`` tells beside the former how to get more time. ``way`` leads to it.
    """
    if request.job is None:
        raise ValueError("only a running request can be held")
    lease = Lease(farm, request, request.job, access, say, more, way)
    tasks = [
        asyncio.create_task(lease.prolong_for_ever()),
        asyncio.create_task(lease.renew_for_ever()),
        asyncio.create_task(_watching(lease, say)),
    ]
    try:
        yield lease
    finally:
        lease.release_files()
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("upkeep of request %d failed", request.id, exc_info=outcome)


async def _watching(lease: Lease, say: Say) -> None:
    """Notice the end; a server that tells no events takes nothing from the session itself."""
    try:
        await lease.notice_end()
    except (UnavailableError, NotFoundError, *NOT_OURS) as error:
        say(f"the end of the job will not be announced: {error.message}")

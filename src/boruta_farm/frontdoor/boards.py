"""Boards in the hands of those at the door: filed for, waited for, kept, given back."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Final

from boruta_farm.client.farm import Farm
from boruta_farm.client.lease import hold
from boruta_farm.client.session import (
    DEFAULT_KEEP_ALIVE,
    DEFAULT_PRIORITY,
    filed,
    wait_for_board,
)
from boruta_farm.client.waiting import Progress
from boruta_farm.client.wanting import asking
from boruta_farm.frontdoor.guest import DoorGuest
from boruta_farm.frontdoor.line import ServerLine
from boruta_farm.frontdoor.names import Here
from boruta_farm.model.errors import (
    BorutaError,
    ForbiddenError,
    NotFoundError,
    SharingError,
    UnavailableError,
)
from boruta_farm.model.explanation import Explanation
from boruta_farm.model.listing import RequestFilter
from boruta_farm.model.request import NewRequest, Request, RequestState
from boruta_farm.model.worker import AccessInfo, Worker, WorkerState
from boruta_farm.selectors.selector import parse
from boruta_farm.selectors.want import Want
from boruta_farm.selectors.wanted import Meant, wanted
from boruta_farm.words.explanation import headline
from boruta_farm.words.times import Times

log = logging.getLogger(__name__)

Tell = Callable[[str], None]
MOST_HELD: Final = 50
"""HeldBoards, waited for or held, of one guest through this door."""
SERVING: Final = (WorkerState.IDLE, WorkerState.RUNNING, WorkerState.PREPARE)
"""States of boards for which somebody may wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """Carry a board that was granted, and where its tunnel is reached from here."""

    request: Request
    worker: Worker
    farm: Farm
    host: str
    port: int


class HeldBoards:
    """Hold one board for each guest and want, however many connections lead there.

    With ``own_key`` the key that the guest proved opens the board, beside those of his account;
    without, the farm keeps the job's key, to go there in his place. A board that was filed for
    without is opened to his key when he comes with it. The other way round the farm has none, which
    is said. Nobody waits behind himself: who asks for what he has gets that.
    """

    def __init__(self, line: ServerLine) -> None:
        self._line = line
        self._held: dict[tuple[str, str], _HeldBoard] = {}

    @property
    def count(self) -> int:
        """Return how many boards are held or waited for."""
        return len(self._held)

    @asynccontextmanager
    async def visit(
        self, guest: DoorGuest, want: Want, tell: Tell, here: Here, *, own_key: bool
    ) -> AsyncIterator[Granted]:
        """Have a wanted board for the block; ``tell`` gets a line for each change of the wait.

        It is given back a while after the last block that had it is left, at once where it was
        still waited for. ``here`` is where he came, for what he is told to type. Raises what filing
        and waiting raise, ForbiddenError, and SharingError for a board that takes one key.
        """
        name = (guest.who, str(want).casefold())
        held = self._held.get(name) or self._filed(guest, want)
        if held is None:
            if sum(who == guest.who for who, _ in self._held) >= MOST_HELD:
                raise ForbiddenError(f"you have {MOST_HELD} boards by this door, the most; end one")
            held = self._held[name] = _HeldBoard(
                self._line, self, guest, want, here, own_key=own_key
            )
            held.start(lambda: self._forget(name, held))
        held.enter(tell)
        try:
            granted = await held.granted()
            if own_key:
                await held.open_to(guest)
            elif granted.request.ssh_key is not None:
                raise ForbiddenError(here.keyed(granted.request.id))
            yield granted
        finally:
            held.leave(tell)

    def any_of(self, guest: DoorGuest) -> bool:
        """Tell whether a guest has or awaits a board here, to which he may be coming again."""
        return bool(self.of(guest))

    def held(self, guest: DoorGuest, want: Want) -> Granted | None:
        """Return the board that a guest has by this want, None where he has none."""
        held = self._held.get((guest.who, str(want).casefold())) or self._filed(guest, want)
        return None if held is None else held.present

    def of(self, guest: DoorGuest) -> "list[_HeldBoard]":
        """Return what a guest has or awaits here."""
        return [held for (who, _), held in self._held.items() if who == guest.who]

    def _filed(self, guest: DoorGuest, want: Want) -> "_HeldBoard | None":
        """Return what keeps the request that is wanted by its number, and would close it."""
        if want.request is None:
            return None
        return next((held for held in self.of(guest) if held.number == want.request), None)

    def _forget(self, name: tuple[str, str], held: "_HeldBoard") -> None:
        if self._held.get(name) is held:
            del self._held[name]

    async def close(self) -> None:
        """Give everything back."""
        await asyncio.gather(*[held.end() for held in list(self._held.values())])


class _HeldBoard:
    """One board of one guest, from filing to giving back."""

    def __init__(
        self,
        line: ServerLine,
        boards: HeldBoards,
        guest: DoorGuest,
        want: Want,
        here: Here,
        *,
        own_key: bool,
    ) -> None:
        self._line = line
        self._boards = boards
        self._guest = guest
        self._want = want
        self._here = here
        self._own_key = own_key
        self.number = want.request
        """The request's, None until it is filed, and where it is another's here."""
        self._lodging = False
        """Whether the board is one that its guest has by another want."""
        self._opened: set[str] = set()
        """Keys by which the board is known to open."""
        self._farm = line.farm_of(guest)
        self._tells: list[Tell] = []
        self._said = ""
        self._changed = asyncio.Event()
        self._granted: asyncio.Future[Granted] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None]
        self._over: Callable[[], None]

    def start(self, over: Callable[[], None]) -> None:
        """Begin; ``over`` is called at the end, after which nobody else may enter."""
        self._over = over
        self._task = asyncio.create_task(self._run())

    def enter(self, tell: Tell) -> None:
        """Count a visitor in."""
        self._tells.append(tell)
        self._changed.set()
        if self._said and not self._granted.done():
            tell(self._said)

    def leave(self, tell: Tell) -> None:
        """Count him out."""
        self._tells.remove(tell)
        self._changed.set()
        if not self._tells and not self._granted.done():
            # At once: who comes while this is being closed is not to share its end.
            self._over()
            self._task.cancel()

    @property
    def present(self) -> Granted | None:
        """Return the board if it is there."""
        done = self._granted.done() and self._granted.exception() is None
        return self._granted.result() if done else None

    async def granted(self) -> Granted:
        """Return the board once it is there."""
        return await asyncio.shield(self._granted)

    async def open_to(self, guest: DoorGuest) -> None:
        """Have the board open to the key that a guest has proved. Raises what the farm refuses."""
        granted = await self.granted()
        key = guest.key
        if key is None or key == granted.request.ssh_key or key in self._opened:
            return
        request = granted.request
        try:
            taken = await self._line.open_to(guest, request.id)
        except SharingError as refusal:
            if request.ssh_key is not None:
                raise
            way = self._here.way_to(request.id, own_key=False)
            raise ForbiddenError(f"{refusal.message}; without a jump: {way}") from refusal
        if not taken:
            raise UnavailableError(
                f"{granted.worker.name} has not taken your key yet; try again in a moment"
            )
        self._opened.add(key)

    async def end(self) -> None:
        """Give it back now."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            await self._keep()
        except asyncio.CancelledError:
            self._fail(NotFoundError("nobody waits for it any more"))
        except BorutaError as error:
            self._fail(error)
        except Exception:
            log.exception("what %s wanted of the door failed", self._guest.visitor.name)
            self._fail(BorutaError())
        finally:
            self._over()

    def _fail(self, error: BorutaError) -> None:
        if self._granted.done():
            log.info("a board of %s: %s", self._guest.visitor.name, error.message)
            return
        self._granted.set_exception(error)
        # Nobody may be there any more to hear of it.
        self._granted.exception()

    async def _keep(self) -> None:
        async with AsyncExitStack() as stack:
            request = await self._request(stack)
            assert request.job is not None
            worker = await self._farm.workers.get_worker_info(self._farm.caller, request.job.worker)
            settings = await self._line.settings()
            access = AccessInfo(
                ip=settings.reach,
                port=worker.port,
                key="",
                username=worker.username,
                host_key=worker.host_key,
            )
            lease = await stack.enter_async_context(hold(self._farm, request, access, self._say))
            self._granted.set_result(
                Granted(
                    request=request,
                    worker=worker,
                    farm=self._farm,
                    host=settings.reach,
                    port=worker.port,
                )
            )
            ended = asyncio.create_task(lease.ended())
            linger = timedelta() if self._lodging else settings.linger
            left = asyncio.create_task(self._all_left(linger))
            try:
                await asyncio.wait((ended, left), return_when=asyncio.FIRST_COMPLETED)
                self._over()
            finally:
                ended.cancel()
                left.cancel()
                await asyncio.gather(ended, left, return_exceptions=True)

    async def _request(self, stack: AsyncExitStack) -> Request:
        """Return the wanted request once it runs; one that is filed here is closed in the end."""
        farm, number = self._farm, self._want.request
        if number is None:
            settings = await self._line.settings()
            new = NewRequest(
                priority=DEFAULT_PRIORITY,
                caps={},
                ssh_key=self._guest.key if self._own_key else None,
                account_key=None if self._guest.visitor.open_farm else self._own_key,
                keep_alive=DEFAULT_KEEP_ALIVE,
                strict=True,
            )
            async with self._line.turns.of(self._guest.who):
                there = (await farm.workers.list_workers(farm.caller)).items
                meant = wanted(self._want, there, settings.kinds)
                had = await self._had_already(meant, there)
            if had is not None:
                return await self._lodge(had, stack)
            new = asking(new, meant)
            number = (await stack.enter_async_context(filed(farm, new, self._say))).id
            self.number = number
        elif not await self._line.may_enter(self._guest, number):
            raise ForbiddenError(
                f"request {number} is not yours; its owner can share it: boruta share {number} "
                f"{self._guest.visitor.name}"
            )
        return await wait_for_board(farm, number, None, self._progress, stays=True, zone=UTC)

    async def _lodge(self, number: int, stack: AsyncExitStack) -> Request:
        """Return a running request of the guest's as its board is kept by the request's number."""
        self._lodging = True
        visit = self._boards.visit(
            self._guest,
            Want(request=number),
            self._say,
            self._here,
            own_key=self._own_key,
        )
        return (await stack.enter_async_context(visit)).request

    async def _had_already(self, meant: Meant, there: Sequence[Worker]) -> int | None:
        """Return the guest's request whose board is wanted where none would do but his own."""
        farm, guest = self._farm, self._guest
        here = {
            held.present.worker.uuid: held.present.request.id
            for held in self._boards.of(guest)
            if held.present is not None
        }
        if not here and guest.visitor.open_farm:
            return None
        fitting = [w for w in there if w.state in SERVING and _fits(w, meant)]
        if not fitting:
            return None
        mine = [here[worker.uuid] for worker in fitting if worker.uuid in here]
        if len(mine) == len(fitting):
            return mine[0]
        # What he has otherwise, such as a run in CI, is entered only where nothing else is meant.
        if guest.visitor.open_farm or len(fitting) > 1 or fitting[0].state is WorkerState.IDLE:
            return None
        running = RequestFilter(states=(RequestState.IN_PROGRESS,))
        for request in (await farm.requests.list_requests(farm.caller, running)).items:
            job = request.live_job
            if job is not None and job.worker == fitting[0].uuid:
                return request.id if request.owner_name == guest.visitor.name else None
        return None

    async def _all_left(self, linger: timedelta) -> None:
        """Return once nobody has been here for a while."""
        while True:
            self._changed.clear()
            if self._tells:
                await self._changed.wait()
                continue
            try:
                async with asyncio.timeout(linger.total_seconds()):
                    await self._changed.wait()
            except TimeoutError:
                if not self._tells:
                    # Who comes from now on gets another one.
                    self._over()
                    return

    def _progress(self, progress: Progress) -> None:
        if progress.explanation is not None:
            told = headline(progress.explanation, Times(now=self._farm.now()))
            self._say("; ".join((told, *self._own_among(progress.explanation))))
        elif progress.trouble is not None:
            self._say("waiting: the farm's server is out of reach; your place is kept")

    def _own_among(self, found: Explanation) -> Iterable[str]:
        """Say which of those who are waited for is the guest himself, and what he can do."""
        here = {held.number for held in self._boards.of(self._guest)}
        visitor = self._guest.visitor
        for holder in found.holders:
            by_account = not visitor.open_farm and holder.owner == visitor.name
            if holder.request_id in here or by_account:
                number = holder.request_id
                yield (
                    f"request {number} is your own: for its board write r{number} in place of "
                    f"{self._want}, or give it back: {self._here.closing(number)}"
                )
                return

    def _say(self, text: str) -> None:
        if text == self._said:
            return
        self._said = text
        for tell in self._tells:
            tell(text)


def _fits(worker: Worker, meant: Meant) -> bool:
    has = worker.matched
    exact = all(has.get(name) == value for name, value in meant.caps.items())
    return exact and parse(meant.selector or "").matches(has)

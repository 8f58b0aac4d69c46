"""The follower that matches: keeps the index and submits what it proposes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from boruta_farm.clock import Clock
from boruta_farm.core.demands import DemandKey
from boruta_farm.core.jobs import Grant
from boruta_farm.feed import Feed
from boruta_farm.fleet import Fleet
from boruta_farm.matching.forecast import Score
from boruta_farm.matching.index import PASS_LIMIT, Index
from boruta_farm.model.caller import Caller, Role
from boruta_farm.model.errors import StaleProposalError, StartingError, UnavailableError
from boruta_farm.model.events import Change, stepped
from boruta_farm.model.explanation import Cause, Explanation
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.waiting import Waiting
from boruta_farm.store.base import Snapshot
from boruta_farm.words.explanation import said
from boruta_farm.words.times import Times

MOST_IN_FLIGHT = 512
"""Grants submitted and not yet answered; well below what the writer's queue holds."""

CHUNK = 200
"""Records folded before other tasks get their turn."""

RETRY_SECONDS = 1.0
LONGEST_NAP_SECONDS = 60.0
PATIENCE = timedelta(seconds=30)

_log = logging.getLogger(__name__)

Mark = Callable[[tuple[int, ...]], Awaitable[None]]
"""Writes a mark on waiting requests, checking each again."""


class Foreseen(NamedTuple):
    """Name who is to have a board once it is IDLE, and the index that proposed it."""

    grant: Grant
    proposed_by: Index


class Matcher:
    """Follow the feed and have idle workers granted to waiting requests.

    ``grant`` runs one proposal as a command and raises StaleProposalError when it is refused.
    ``orphan`` and ``adopt`` mark requests whose last registered worker went, or that found one
    again. While ``held`` says why, nothing is granted; ``look`` is called when that is over, and
    when ``leads`` has changed: who does not lead knows all, explains all, and proposes nothing.
    ``job_limits`` tells how many jobs an account may hold, where that is limited; when
    that changes, which only admins cause, the index is built anew. ``fleet`` knows which boards
    have a living link; without one all count as reachable. Loading gives way to other
    tasks, so calls are served meanwhile.
    """

    def __init__(
        self,
        feed: Feed,
        grant: Callable[[Grant], Awaitable[None]],
        orphan: Mark,
        adopt: Mark,
        clock: Clock,
        settings: FarmSettings,
        job_limits: Callable[[], Mapping[str, int]] = dict,
        held: Callable[[], str | None] = lambda: None,
        fleet: Fleet | None = None,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._feed = feed
        self._held = held
        self._leads = leads
        self._submit_grant = grant
        self._orphan = orphan
        self._adopt = adopt
        self._clock = clock
        self._settings = settings
        self._job_limits = job_limits
        self._fleet = fleet
        self._limited: Mapping[str, int] = {}
        self._score = Score()
        self._index: Index | None = None
        self._served: Mapping[DemandKey, int] = {}
        self._in_flight: dict[Grant, datetime] = {}
        self._refused: set[Grant] = set()
        self._work = asyncio.Event()
        self._until: datetime | None = None
        self._marks = asyncio.Event()
        self._started: datetime | None = None

    async def keep_matching(self) -> None:
        """Match until cancelled; whatever fails unexpectedly ends it with that error."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._propose(tasks))
                tasks.create_task(self._mark())
                if self._fleet is not None:
                    self._fleet.listen(self._touched)
                while True:
                    await self._follow(tasks)
        finally:
            if self._fleet is not None:
                self._fleet.forget(self._touched)
            self._index = self._started = None

    def explain(self, request: Request, caller: Caller, *, brief: bool = False) -> Explanation:
        """Tell where a request stands in the queue and what it waits for.

        Owners are named to themselves, to admins, and to all where the farm shows owners.
        """
        if self._index is None:
            return Explanation(
                request_id=request.id,
                state=request.state.value,
                cause=Cause.STARTING,
            )
        everybody = self._settings.show_owners or caller.role is Role.ADMIN

        def sees(owner: str) -> bool:
            return everybody or owner == caller.id

        now = self._clock.now()
        found = self._index.explain(request, now, sees, brief=brief)
        held = self._held() if request.state is RequestState.WAITING else None
        if held is None:
            return found
        found = said(found, Times(now=now))
        return replace(found, text=f"no board is lent just now, since {held}; {found.text}")

    def claim(self, uuid: str) -> Foreseen | None:
        """Propose who gets a board that is about to become IDLE, if anybody waits for it.

        So it is granted in the transaction that makes it so. Whoever claims calls ``settle`` once.
        """
        index = self._index
        if index is None or len(self._in_flight) >= MOST_IN_FLIGHT or not self._may_grant():
            return None
        now = self._clock.now()
        grant = index.foreseen(uuid, now)
        if grant is None:
            return None
        self._in_flight[grant] = now
        return Foreseen(grant=grant, proposed_by=index)

    def settle(self, claim: Foreseen, *, granted: bool) -> None:
        """Take back who was proposed, unless he has the board."""
        full = len(self._in_flight) >= MOST_IN_FLIGHT
        self._in_flight.pop(claim.grant, None)
        if not granted:
            claim.proposed_by.refused(claim.grant)
        if full or not granted:
            self._work.set()

    def look(self) -> None:
        """See at once whether something can be granted."""
        self._wake()

    def capability_names(self) -> Collection[str]:
        """Return the capabilities that registered boards have; none while the index is built."""
        return () if self._index is None else self._index.capability_names

    def wanted(self, uuid: str) -> bool:
        """Tell whether somebody waits for a worker who could have it now; no while it is read."""
        if self._index is None:
            return False
        return self._index.wanted(uuid, self._clock.now())

    def count_orphans(
        self,
        uuid: str,
        groups: tuple[str, ...] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> int:
        """Count waiting requests that only this worker serves, and not with what is given.

        Raises StartingError while the index is being built.
        """
        if self._index is None:
            raise StartingError
        return self._index.count_orphans(uuid, groups, labels)

    def alive(self, now: datetime) -> str | None:
        """Return None while matching moves on, else what stands still and since when."""
        if self._started is None:
            return "the matcher does not run"
        if self._index is None and now - self._started > PATIENCE:
            return f"the matching index is being built since {self._started:%H:%M:%S} UTC"
        oldest = next(iter(self._in_flight.values()), now)
        if now - oldest > PATIENCE:
            return f"grants are unanswered since {oldest:%H:%M:%S} UTC"
        return None

    async def _follow(self, tasks: asyncio.TaskGroup) -> None:
        """Build an index and keep it current until it falls too far behind."""
        self._started = self._clock.now()
        try:
            snapshot, subscription = await self._feed.follow()
        except UnavailableError as fault:
            _log.warning("the queue cannot be read, trying again: %s", fault)
            await asyncio.sleep(RETRY_SECONDS)
            return
        try:
            self._index = index = await self._build(snapshot)
            # What it was built from must not live as long as it is followed.
            del snapshot
            self._wake()
            while (changes := await subscription.next()) is not None:
                await self._fold(index, changes)
                if stepped(changes):
                    _log.info("the farm's time was set: the queue is read anew")
                    break
                limits = self._job_limits()
                if limits is not self._limited and limits != self._limited:
                    _log.info("accounts may hold other numbers of jobs: the queue is read anew")
                    break
                # At once: whoever was woken for it would come after the calls answered now.
                self._pass(index, tasks)
                self._wake_earlier(index)
                if index.has_marks:
                    self._marks.set()
            else:
                _log.warning("the matcher fell behind the feed and reads its queue anew")
            self._served = index.served()
        finally:
            subscription.close()
            self._index = None

    async def _build(self, snapshot: Snapshot) -> Index:
        self._limited = self._job_limits()
        index = Index(
            self._clock.now(), _limited(self._settings, self._limited), self._score, self._away
        )
        index.begin(snapshot.summaries)
        loading = index.loading()
        # Requests first: then it is known what tells workers apart before any is placed.
        for count, request in enumerate(snapshot.brief(), 1):
            if isinstance(request, Waiting):
                loading.put(request)
            else:
                index.put_request(request)
            if count % CHUNK == 0:
                await asyncio.sleep(0)
        for count, worker in enumerate(snapshot.workers, 1):
            index.put_worker(worker)
            if count % CHUNK == 0:
                await asyncio.sleep(0)
        index.inherit(self._served)
        self._served = {}
        return index

    def _away(self, uuid: str) -> datetime | None:
        """Return since when a fenced board has no link, so that nothing is granted to it."""
        return None if self._fleet is None else self._fleet.away(uuid)

    def _touched(self, uuids: Collection[str]) -> None:
        """Look at boards whose links may have come or gone; what else changed, the feed tells."""
        if self._index is not None:
            for uuid in uuids:
                self._index.look(uuid)
            self._work.set()

    async def _fold(self, index: Index, changes: tuple[Change, ...]) -> None:
        for count, change in enumerate(changes, 1):
            index.fold(change)
            if count % CHUNK == 0:
                await asyncio.sleep(0)

    def _wake(self) -> None:
        self._work.set()
        self._marks.set()

    async def _propose(self, tasks: asyncio.TaskGroup) -> None:
        """Submit what the index proposes when time has come, or there is room again."""
        while True:
            index = self._index
            if index is not None:
                self._pass(index, tasks)
            await self._rest(index)

    def _pass(self, index: Index, tasks: asyncio.TaskGroup) -> None:
        """Submit all that the index proposes now, as far as there is room."""
        if not self._may_grant():
            return
        while room := min(PASS_LIMIT, MOST_IN_FLIGHT - len(self._in_flight)):
            now = self._clock.now()
            grants = index.proposals(now, room)
            for grant in grants:
                self._in_flight[grant] = now
                tasks.create_task(self._submit(index, grant))
            if len(grants) < room:
                break

    def _may_grant(self) -> bool:
        return self._held() is None and self._leads()

    def _wake_earlier(self, index: Index) -> None:
        """End the rest if a request becomes valid before it ends."""
        valid = index.next_valid()
        if valid is not None and (self._until is None or valid < self._until):
            self._work.set()

    async def _rest(self, index: Index | None) -> None:
        """Wait for work, at most until the next request becomes valid."""
        self._work.clear()
        may = self._may_grant()
        nap = LONGEST_NAP_SECONDS if may else RETRY_SECONDS
        now = self._clock.now()
        # Who may grant nothing leaves what has become valid where it is: its moment stays past.
        valid = index.next_valid() if may and index is not None else None
        if valid is not None:
            nap = min(nap, max(0.0, (valid - now).total_seconds()))
        self._until = now + timedelta(seconds=nap)
        try:
            async with asyncio.timeout(nap):
                await self._work.wait()
        except TimeoutError:
            return

    async def _submit(self, index: Index, grant: Grant) -> None:
        later = False
        try:
            await self._submit_grant(grant)
            self._refused.discard(grant)
        except StaleProposalError:
            # Usually the change that made it stale is on its way here. The same proposal refused
            # again is one whose cause we cannot see: it must not keep the writer busy.
            later = grant in self._refused
            self._refused.add(grant)
        except UnavailableError as fault:
            _log.warning("request %d was not granted: %s", grant.request_id, fault)
            self._refused.add(grant)
            later = True
        finally:
            full = len(self._in_flight) >= MOST_IN_FLIGHT
            self._in_flight.pop(grant, None)
        if grant in self._refused:
            if later:
                await asyncio.sleep(RETRY_SECONDS)
                self._refused.discard(grant)
            index.refused(grant)
            self._work.set()
        elif full:
            self._work.set()

    async def _mark(self) -> None:
        """Have requests marked that lost their last worker or found one again."""
        while True:
            await self._marks.wait()
            self._marks.clear()
            index = self._index
            if index is None or not self._leads():
                continue
            while ids := index.orphaned():
                await self._persist(self._orphan, ids)
            while ids := index.adopted():
                await self._persist(self._adopt, ids)

    async def _persist(self, mark: Mark, ids: tuple[int, ...]) -> None:
        """Write marks that are told only once: try until it works."""
        while True:
            try:
                return await mark(ids)
            except UnavailableError as fault:
                _log.warning("%d requests could not be marked: %s", len(ids), fault)
            await asyncio.sleep(RETRY_SECONDS)


def _limited(settings: FarmSettings, job_limits: Mapping[str, int]) -> FarmSettings:
    """Return the settings with what owners may hold told by their ids."""
    return replace(settings, policies=replace(settings.policies, owner_limits=job_limits))

"""The contract Requests in process."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from boruta_farm.clock import Clock
from boruta_farm.contracts import Cipher, Explanation, Filed
from boruta_farm.core import jobs, nudging, sharing
from boruta_farm.core import requests as core
from boruta_farm.core.permissions import check_access, check_request, permitted_request
from boruta_farm.core.plan import Plan
from boruta_farm.core.standings import request_standing
from boruta_farm.core.world import World
from boruta_farm.farm.engine import Engine
from boruta_farm.farm.history import missing
from boruta_farm.farm.naming import CapabilityNames, checked
from boruta_farm.farm.prolonging import Prolonging
from boruta_farm.farm.reports import key_context
from boruta_farm.farm.sessions import Sessions
from boruta_farm.farm.waiting import Waiters
from boruta_farm.model.account import Group
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import (
    AgentUnreachableError,
    ProlongLimitError,
    StartingError,
    UnmetDemandError,
    WorkerNotAssignedError,
)
from boruta_farm.model.explanation import Cause
from boruta_farm.model.job import Job
from boruta_farm.model.listing import Page, Paginator, RequestFilter, Sorter
from boruta_farm.model.permission import Permission, Role
from boruta_farm.model.request import (
    MoreTime,
    NewRequest,
    OpenSessions,
    Request,
    RequestState,
    RequestUpdate,
)
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import AccessInfo
from boruta_farm.rate import Rate
from boruta_farm.store.base import Store
from boruta_farm.words.explanation import nothing_fits
from boruta_farm.words.joining import joined

LONGEST_WAIT = timedelta(seconds=300)
KEYS_WITHIN = timedelta(seconds=5)


class RequestExplainer(CapabilityNames, Protocol):
    """Knows the queue."""

    def explain(self, request: Request, caller: Caller, *, brief: bool = False) -> Explanation:
        """Tell where the request stands, without names that the caller may not see."""
        ...


HANDED_REMEMBERED = 10_000
DAY_SECONDS = 24 * 3600
BESIDES = 640
"""Bytes that a request takes besides what it asks for: the history is cut off by number too."""
SHARINGS_PER_SECOND = 1.0
SHARINGS_AT_ONCE = 60.0
"""How often an account may share and unshare: each is entered into the audit, and told a board."""
NUDGE_SECONDS = 30
MOST_NUDGES = 10
"""One account asks so many holders at once, and then one every 30 s."""


class FarmRequests:
    """File, change, show and end requests, and hand out access to their boards."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        waiting: Waiters,
        prolonging: Prolonging,
        cipher: Cipher,
        explainer: RequestExplainer,
        sessions: Sessions,
        group_named: Callable[[str], Group | None],
        clock: Clock,
        settings: FarmSettings,
        reached_at: Callable[[str, int], str] = lambda _worker, _port: "",
    ) -> None:
        self._engine = engine
        self._reached_at = reached_at
        self._store = store
        self._waiting = waiting
        self._prolonging = prolonging
        self._cipher = cipher
        self._explainer = explainer
        self._sessions = sessions
        self._group_named = group_named
        self._longest_selector = settings.max_selector_length
        self._filed = Rate(
            clock,
            settings.max_filed_length / DAY_SECONDS,
            "this account are filed",
            settings.max_filed_length,
            "bytes",
            lambda: store.servers,
        )
        self._sharings = Rate(
            clock, SHARINGS_PER_SECOND, "this account that share", SHARINGS_AT_ONCE
        )
        self._nudged = Rate(clock, 1 / NUDGE_SECONDS, "this account ask holders", MOST_NUDGES)
        self._handed: OrderedDict[tuple[object, ...], None] = OrderedDict()
        """Whom which job's access data was handed to, and where: entered once each."""

    async def new_request(self, caller: Caller, new: NewRequest) -> Filed:
        """File a request and tell in short what it waits for, at a cost that is bounded."""
        caller.require(Permission.FILE_REQUESTS)
        if new.selector is not None:
            checked(new.selector, self._explainer, self._longest_selector)
        if caller.groups is not None:
            held = core.held_by(*_asked(new), context=new.context)
            self._filed.take(caller.id, BESIDES + held)
        unmet = self._unmet(caller, new) if new.strict else None
        request = await self._engine.decide(
            lambda world, now: core.create(world, caller, new, now, unmet), caller
        )
        outlook = self._explainer.explain(request, caller, brief=True)
        return Filed(id=request.id, outlook=outlook)

    async def close_request(self, caller: Caller, request_id: int) -> None:
        """Cancel a waiting request or finish a running one."""

        def decide(world: World, now: datetime) -> Plan[None]:
            permitted_request(world, caller, request_id, Permission.CLOSE_REQUESTS)
            return core.close(world, request_id, now)

        await self._engine.decide(decide, caller)

    async def update_request(self, caller: Caller, request_id: int, update: RequestUpdate) -> None:
        """Change a waiting request."""
        caller.require(Permission.CHANGE_REQUESTS)
        if update.selector:
            checked(update.selector, self._explainer, self._longest_selector)

        def decide(world: World, now: datetime) -> Plan[None]:
            request = world.request(request_id)
            if request is not None:
                check_request(caller, request, Permission.CHANGE_REQUESTS)
            return core.update(world, request_id, update, now)

        await self._engine.decide(decide, caller)

    async def get_request_info(self, caller: Caller, request_id: int) -> Request:
        """Return one request, its SSH key only to its owner."""
        request = await self._existing(caller, request_id, Permission.SEE_REQUESTS)
        return _seen_by(caller, request)

    async def list_requests(
        self,
        caller: Caller,
        where: RequestFilter | None = None,
        sorter: Sorter | None = None,
        paginator: Paginator | None = None,
    ) -> Page[Request]:
        """Return one page of the requests that match."""
        caller.require(Permission.SEE_REQUESTS)
        if where is not None and where.selector is not None:
            checked(where.selector, self._explainer, self._longest_selector)
        page = await self._store.list_requests(
            where or RequestFilter(), sorter or Sorter(), paginator or Paginator()
        )
        if caller.groups is None:
            return page
        return replace(page, items=tuple(_seen_by(caller, request) for request in page.items))

    async def acquire_worker(
        self, caller: Caller, request_id: int, wait: timedelta | None = None
    ) -> AccessInfo:
        """Return how to reach the board, after waiting for it when asked to."""
        request = await self._existing(caller, request_id, Permission.USE_BOARDS)
        shared = caller.id in request.shared
        if not shared:
            check_access(caller, request, self._group_named)
        if wait is not None:
            limit = min(wait, LONGEST_WAIT)
            request = await self._waiting.until_decided(request_id, limit) or request
        job = request.live_job
        if request.state is not RequestState.IN_PROGRESS or job is None:
            raise await self._not_assigned(request)
        if wait is not None and not job.waited and not shared:
            await self._prolong_once(request_id)
        access = await self._access(request, job, shared=shared)
        handed = (request_id, job.epoch, caller.id, caller.token, caller.source)
        again = handed in self._handed
        await self._engine.decide(
            lambda world, _now: jobs.read_key(world, caller, request_id, job.epoch, again=again),
            caller,
        )
        self._handed[handed] = None
        if len(self._handed) > HANDED_REMEMBERED:
            self._handed.popitem(last=False)
        return access

    async def prolong_access(
        self, caller: Caller, request_id: int, more: MoreTime | None = None
    ) -> datetime:
        """Move the job's end, confirmed by the agent."""
        request = await self._existing(caller, request_id, Permission.CHANGE_REQUESTS)
        check_request(caller, request, Permission.CHANGE_REQUESTS)
        return await self._prolonging.prolong(request_id, more or MoreTime(), caller=caller)

    async def share_request(
        self, caller: Caller, request_id: int, account: str | None = None
    ) -> Request:
        """Let an account's own SSH keys open the session of a request."""
        self._count_sharing(caller)
        shared = await self._engine.decide(
            lambda world, now: sharing.share(world, caller, request_id, account, now), caller
        )
        return await self._keys_taken(shared)

    async def unshare_request(
        self,
        caller: Caller,
        request_id: int,
        account: str | None = None,
        *,
        keep_sessions: bool = False,
    ) -> Request:
        """Take an account's keys off the session of a request."""
        self._count_sharing(caller)
        changed = await self._engine.decide(
            lambda world, now: sharing.unshare(
                world, caller, request_id, account, now, keep_sessions=keep_sessions
            ),
            caller,
        )
        return await self._keys_taken(changed)

    async def open_to(self, caller: Caller, request_id: int, key: str) -> Request:
        """Let the caller onto the board of his running request by a key that he has proved.

        Returns once the board has taken it; one that is out of reach is not waited for.
        """
        opened = await self._engine.decide(
            lambda world, now: sharing.open_to(world, caller, request_id, key, now), caller
        )
        return await self._keys_taken(opened)

    async def list_sessions(self, caller: Caller, request_id: int) -> tuple[OpenSessions, ...]:
        """Tell who is on the board of a running request."""
        request = await self._existing(caller, request_id, Permission.SHARE_REQUESTS)
        sharing.check_presence(caller, request)
        return await self._sessions.of(request)

    async def nudge(self, caller: Caller, request_id: int) -> None:
        """Ask the holder of a board whether he still needs it."""
        caller.require(Permission.NUDGE_HOLDERS)
        self._nudged.take(caller.id)
        await self._engine.decide(
            lambda world, now: nudging.nudge(world, caller, request_id, now), caller
        )

    async def keep_alive(self, caller: Caller, request_id: int) -> None:
        """Renew a request's KeepAlive."""
        request = await self._existing(caller, request_id, Permission.CHANGE_REQUESTS)
        check_request(caller, request, Permission.CHANGE_REQUESTS)
        await self._engine.decide(lambda world, now: jobs.keep_alive(world, request_id, now))

    async def note_act(self, caller: Caller, request_id: int, act: str) -> None:
        """Enter into the audit what is about to be done on the board of a running request."""
        await self._existing(caller, request_id, Permission.NOTE_ACTS)
        await self._engine.decide(
            lambda world, _now: jobs.note_act(world, caller, request_id, act), caller
        )

    async def explain(self, caller: Caller, request_id: int, *, brief: bool = False) -> Explanation:
        """Tell where a request stands in the queue."""
        request = await self.get_request_info(caller, request_id)
        return self._explainer.explain(request, caller, brief=brief)

    async def _existing(self, caller: Caller, request_id: int, permission: Permission) -> Request:
        """Return a request; its owner never changes, so rights are judged outside the writer."""
        caller.require(permission)
        request = await self._store.get_request(request_id)
        if request is None:
            raise await missing(self._store, request_id)
        return request

    def _count_sharing(self, caller: Caller) -> None:
        """Raise TooManyCallsError for an account, other than an admin's, that does so for ever."""
        if caller.role is not Role.ADMIN:
            self._sharings.take(caller.id)

    async def _keys_taken(self, request: Request) -> Request:
        """Return a request once its board has taken its keys; an absent board is not waited for."""
        taken = await self._waiting.until(request.id, KEYS_WITHIN, _keys_are_taken)
        return taken or request

    def _unmet(self, caller: Caller, new: NewRequest) -> StartingError | UnmetDemandError | None:
        """Return what forbids to file a strict request: no worker, in any state, could serve it."""
        found = self._explainer.explain(core.draft(caller, new), caller, brief=True)
        if found.cause is Cause.STARTING:
            return StartingError()
        if found.cause.hopeless:
            return UnmetDemandError(joined((*nothing_fits(found), "nothing was filed")))
        return None

    async def _prolong_once(self, request_id: int) -> None:
        """Prolong as the original's blocking acquire did; access matters more than the hour."""
        try:
            await self._prolonging.prolong(request_id, waited=True)
        except (AgentUnreachableError, ProlongLimitError):
            return

    async def _not_assigned(self, request: Request) -> WorkerNotAssignedError:
        job = request.live_job
        worker = None if job is None else await self._store.get_worker(job.worker)
        name = None if worker is None else worker.name
        return WorkerNotAssignedError(standing=request_standing(request, name))

    async def _access(self, request: Request, job: Job, *, shared: bool) -> AccessInfo:
        """Return how to reach the board; whoever it is shared with comes with his own key."""
        worker = await self._store.get_worker(job.worker)
        key = await self._store.get_session_key(job.worker, job.epoch)
        if worker is None or key is None:
            raise await self._not_assigned(request)
        private = ""
        if shared:
            sharing.check_takes_many(worker)
        elif key.sealed is not None:
            private = self._cipher.open(key.sealed, key_context(job.worker, job.epoch)).decode()
        return AccessInfo(
            ip=self._reached_at(worker.uuid, worker.port),
            port=worker.port,
            key=private,
            username=worker.username,
            host_key=worker.host_key,
        )


def _asked(new: NewRequest) -> tuple[Mapping[str, str] | None, *tuple[str | None, ...]]:
    """Return all of a new request that may be long."""
    return new.caps, new.selector, new.ssh_key, new.image, new.boot_until


def _keys_are_taken(request: Request) -> bool:
    return request.live_job is None or not request.live_job.keys_pending


def _seen_by(caller: Caller, request: Request) -> Request:
    """Return a request without what only its owner may see."""
    if request.ssh_key is None or caller.groups is None or caller.id == request.owner:
        return request
    return replace(request, ssh_key=None)

"""What is to be told of requests: found in the journal, and in the ends that come near."""

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NoReturn

from boruta_farm.clock import Clock
from boruta_farm.feed import Feed, Subscription
from boruta_farm.model.account import Account
from boruta_farm.model.events import Change, EventKind, stepped
from boruta_farm.model.request import Request, RequestState
from boruta_farm.notify.delivery import Deliveries, WebhookTarget
from boruta_farm.notify.notice import Notice, NoticeKind

LEAD: Final = timedelta(minutes=5)
"""So long before a job's end its owner is told; one that is prolonged in time has no such end."""
LONGEST_SLEEP: Final = 3600.0
SPARE: Final = 1000
"""Ends that have been moved may be remembered besides, before all are sorted anew."""

NameOf = Callable[[str], str | None]
AccountOf = Callable[[str], Account | None]


class Notices:
    """Follow the journal and have the webhooks of accounts and of the farm told.

    ``farm`` is the farm's own destination, if it has one. ``secret_of`` gives an account's.
    """

    def __init__(
        self,
        feed: Feed,
        deliveries: Deliveries,
        clock: Clock,
        account_of: AccountOf,
        worker_name: NameOf,
        secret_of: Callable[[str], bytes],
        farm: tuple[str, bytes] | None = None,
    ) -> None:
        self._feed = feed
        self._deliveries = deliveries
        self._clock = clock
        self._account_of = account_of
        self._worker_name = worker_name
        self._secret_of = secret_of
        self._farm = None if farm is None else WebhookTarget(owner="", url=farm[0], secret=farm[1])
        self._running: dict[int, Request] = {}
        self._told: dict[int, datetime] = {}
        """The end of which a request's owner was told already."""
        self._ends: list[tuple[datetime, int]] = []
        """A heap of ends, also of some that have been moved since."""

    async def follow(self) -> NoReturn:
        """Tell until cancelled; after a gap, only what comes from then on."""
        while True:
            snapshot, subscription = await self._feed.follow(holding=True)
            try:
                self._running = {
                    r.id: r for r in snapshot.requests if r.state is RequestState.IN_PROGRESS
                }
                self._told = {k: end for k, end in self._told.items() if k in self._running}
                self._ends = []
                for request in self._running.values():
                    self._await_end(request)
                while True:
                    changes = await self._next(subscription)
                    if changes is None:
                        break
                    for change in changes:
                        self._take(change)
            finally:
                subscription.close()

    async def _next(self, subscription: Subscription) -> tuple[Change, ...] | None:
        """Return what has come, telling meanwhile of ends that come near; None after a gap."""
        waiting = asyncio.create_task(subscription.next())
        try:
            while not waiting.done():
                self._tell_ends()
                await asyncio.wait((waiting,), timeout=self._until_next_end())
            changes = waiting.result()
            if changes is not None and stepped(changes):
                return None
            return changes
        finally:
            waiting.cancel()

    def _take(self, change: Change) -> None:
        request, event = change.request, change.event
        if request is None:
            return
        number = f"event_{event.number}"
        before = self._running.pop(request.id, None)
        if request.state is RequestState.IN_PROGRESS:
            self._running[request.id] = request
            if _end_of(before) != _end_of(request):
                self._await_end(request)
        else:
            self._told.pop(request.id, None)
        if event.kind is EventKind.REQUEST_STARTED:
            self._tell(NoticeKind.GRANTED, number, event.at, request)
        elif event.kind is EventKind.REQUEST_NUDGED:
            self._tell(NoticeKind.NUDGED, number, event.at, request, By=request.nudged_by)
        elif event.kind is EventKind.REQUEST_IDLE and request.idle_ends is not None:
            ends = request.idle_ends.isoformat().replace("+00:00", "Z")
            self._tell(NoticeKind.IDLE, number, event.at, request, Ends=ends)
        elif event.kind is EventKind.REQUEST_FINISHED and request.state is RequestState.FAILED:
            self._tell(
                NoticeKind.FAILED, number, event.at, before or request, Reason=request.reason
            )

    def _await_end(self, request: Request) -> None:
        """Have the end of a running request told in its time; what it had before is passed over."""
        if request.job is None or self._told.get(request.id) == request.job.timeout:
            return
        heapq.heappush(self._ends, (request.job.timeout, request.id))
        if len(self._ends) > 2 * len(self._running) + SPARE:
            # Whoever prolongs a thousand times has one end all the same.
            ends = ((_end_of(one), number) for number, one in self._running.items())
            self._ends = [(end, number) for end, number in ends if end is not None]
            heapq.heapify(self._ends)

    def _tell_ends(self) -> None:
        now = self._clock.now()
        while self._ends and self._ends[0][0] - now <= LEAD:
            end, number = heapq.heappop(self._ends)
            request = self._running.get(number)
            job = None if request is None else request.job
            if request is None or job is None or job.timeout != end:
                continue
            if self._told.get(number) == end:
                continue
            self._told[number] = end
            if end - job.granted > LEAD:
                name = f"end_{number}_{int(end.timestamp())}"
                self._tell(NoticeKind.ENDING, name, now, request)

    def _until_next_end(self) -> float:
        if not self._ends:
            return LONGEST_SLEEP
        left = (self._ends[0][0] - LEAD - self._clock.now()).total_seconds()
        return min(max(left, 0.0), LONGEST_SLEEP)

    def _tell(
        self, kind: NoticeKind, name: str, at: datetime, request: Request, **more: object
    ) -> None:
        job = request.job
        data: dict[str, object] = {"Request": request.id, "Owner": request.owner_name or None}
        if job is not None:
            data |= {"Worker": self._worker_name(job.worker) or job.worker}
            data |= {"Until": job.timeout.isoformat().replace("+00:00", "Z")}
        data |= {key: value for key, value in more.items() if value is not None}
        message = Notice(name=name, kind=kind, at=at, owner=request.owner, data=data)
        account = self._account_of(request.owner)
        if account is not None and account.notify and not account.disabled:
            secret = self._secret_of(account.id)
            mine = WebhookTarget(owner=account.id, url=account.notify, secret=secret)
            self._deliveries.put(mine, message)
        if self._farm is not None:
            self._deliveries.put(self._farm, message)


def _end_of(request: Request | None) -> datetime | None:
    return None if request is None or request.job is None else request.job.timeout

"""What happens in the farm, as server-sent events."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Self

from boruta_farm.clock import Clock
from boruta_farm.contracts import Requests
from boruta_farm.feed import Feed, Subscription
from boruta_farm.model.addresses import network_of
from boruta_farm.model.errors import OverloadedError, TooManyCallsError
from boruta_farm.model.events import Change, Event
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker
from boruta_farm.web.answers import encode, request_answer, told
from boruta_farm.web.auth import source_of
from boruta_farm.web.calls import Call, Header, Stream
from boruta_farm.web.errors import ParameterError, RequestIdError
from boruta_farm.web.explained import LOOK_EVERY, Explained
from boruta_farm.web.metrics import Traffic
from boruta_farm.web.services import Journal, WebOptions

BOUND = 1000
"""Changes that may wait for one slow reader."""

REPLAY_PAGE = 500

GATHERED = 0.05
"""Seconds between two pieces of a stream with records."""

MOST_EXPLAINED = 10
EXPLAINED_PER_GUEST = 20
EXPLAINED_IN_ALL = 200
"""Explanations a second, of one account or address and over all."""
"""Requests whose explanation one stream may follow."""

HEADERS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)

HELLO = b"retry: 1000\n: listening\n\n"
HEARTBEAT = b": still here\n\n"
BEHIND = b'event: resync\ndata: {"Reason":"the reader fell behind; read the state anew"}\n\n'
UNKNOWN = (
    b"id:\nevent: resync\n"
    b'data: {"Reason":"the journal does not hold Last-Event-ID; read the state anew"}\n\n'
)
"""The empty id makes a browser forget the number that nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """Tell which events a reader wants; None wants all.

    ``explained`` are requests whose explanation is told whenever it has changed, ``records`` asks
    for what is after each event, too.
    """

    requests: frozenset[int] | None
    workers: frozenset[str] | None
    explained: tuple[int, ...] = ()
    records: bool = False

    def wants(self, event: Event) -> bool:
        """Tell whether an event is for the outside and passes every filter given."""
        if event.kind.private:
            return False
        return (self.requests is None or event.request_id in self.requests) and (
            self.workers is None or event.worker in self.workers
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Tell whose stream it is; ``account`` is None on a farm that knows no users."""

    source: str
    account: str | None

    @property
    def who(self) -> str:
        """Return for whom costs are counted: the account, else the address."""
        return f"source {self.source}" if self.account is None else self.account

    @classmethod
    def of(cls, call: Call) -> Self:
        """Return who makes a call."""
        known = call.caller.groups is not None
        return cls(
            source=network_of(source_of(call.scope)), account=call.caller.id if known else None
        )


class RecordsTold:
    """Tell workers and requests as they are after events, printed once for all readers.

    A request is told as everybody may see it, without its owner's own SSH key.
    """

    def __init__(self) -> None:
        self._told: OrderedDict[int, bytes] = OrderedDict()

    def after(self, changes: Iterable[Change]) -> bytes:
        """Return the messages for changes; of a record that changed twice only the last."""
        last: dict[str | int, int] = {}
        changes = list(changes)
        for change in changes:
            for record in (change.worker, change.request):
                if record is not None:
                    last[_name(record)] = change.event.number
        wanted = frozenset(last.values())
        return b"".join(self._one(c) for c in changes if c.event.number in wanted)

    def _one(self, change: Change) -> bytes:
        number = change.event.number
        found = self._told.get(number)
        if found is None:
            found = self._told[number] = _print(change)
            if len(self._told) > BOUND:
                self._told.popitem(last=False)
        return found


def _name(record: Worker | Request) -> str | int:
    return record.uuid if isinstance(record, Worker) else record.id


def _print(change: Change) -> bytes:
    """Return the messages for a change; a board that is gone is told by its event alone."""
    said = b""
    if change.worker is not None and not change.event.kind.removes:
        said += b"event: worker.record\ndata: %s\n\n" % told(change.worker)
    if change.request is not None:
        shown = request_answer(replace(change.request, ssh_key=None))
        said += b"event: request.record\ndata: %s\n\n" % encode(shown)
    return said


class StreamRoom:
    """Count open streams, in all, per source and per account."""

    def __init__(self, most: int, traffic: Traffic, *, source: int, account: int) -> None:
        self._most = most
        self._traffic = traffic
        self._per_source = source
        self._per_account = account
        self._sources: Counter[str] = Counter()
        self._accounts: Counter[str] = Counter()
        self._explained: Counter[str] = Counter()

    def pause(self, guest: Guest) -> float:
        """Return how long a guest's explanations stay as they are at least, in seconds.

        One costs the loop a millisecond, so the more are told, the more seldom.
        """
        own = self._explained[guest.who] / EXPLAINED_PER_GUEST
        told = sum(min(count, EXPLAINED_PER_GUEST) for count in self._explained.values())
        return LOOK_EVERY * max(1.0, own) * max(1.0, told / EXPLAINED_IN_ALL)

    def check(self, guest: Guest) -> None:
        """Raise TooManyCallsError or OverloadedError where there is no room for one more."""
        taken = self._accounts[guest.account] if guest.account is not None else 0
        if taken >= self._per_account:
            raise TooManyCallsError(f"{taken} event streams of this account are open; close one")
        taken = self._sources[guest.source]
        if taken >= self._per_source:
            raise TooManyCallsError(f"{taken} event streams of this address are open; close one")
        if self._traffic.streams >= self._most:
            raise OverloadedError(f"{self._most} event streams are open; close one and try again")

    def enter(self, guest: Guest, explained: int = 0) -> None:
        """Count a stream in, and the requests that are explained in it."""
        self._count(guest, 1, explained)

    def leave(self, guest: Guest, explained: int = 0) -> None:
        """Count a stream out."""
        self._count(guest, -1, -explained)

    def _count(self, guest: Guest, change: int, explained: int) -> None:
        self._traffic.streams += change
        for counts, name, by in (
            (self._sources, guest.source, change),
            (self._accounts, guest.account, change),
            (self._explained, guest.who, explained),
        ):
            if name is not None:
                counts[name] += by
                if not counts[name]:
                    del counts[name]


class EventCalls:
    """Answer ``events``: live from now on, or from Last-Event-ID without a gap."""

    def __init__(
        self,
        feed: Feed,
        journal: Journal,
        requests: Requests,
        clock: Clock,
        options: WebOptions,
        traffic: Traffic,
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._requests = requests
        self._journal = journal
        self._records = RecordsTold()
        self._heartbeat = options.heartbeat
        self._room = StreamRoom(
            options.event_streams,
            traffic,
            source=options.event_streams_per_source,
            account=options.event_streams_per_account,
        )

    async def stream(self, call: Call) -> Stream:
        """Open a stream.

        Raises ParameterError, RequestIdError, RequestNotFoundError, OverloadedError.
        """
        interest = _interest(call)
        after = _last_event(call)
        explained = Explained(self._requests, self._clock, call.caller, interest.explained)
        await explained.look()
        guest = Guest.of(call)
        self._room.check(guest)
        return Stream(headers=HEADERS, chunks=self._chunks(interest, after, explained, guest))

    async def _chunks(
        self, interest: Interest, after: int | None, explained: Explained, guest: Guest
    ) -> AsyncGenerator[bytes, None]:
        try:
            # Others may have been let in since the call was: many that come at once all find room.
            self._room.check(guest)
        except (TooManyCallsError, OverloadedError) as full:
            yield b": %s\n\n" % full.message.encode()
            return
        self._room.enter(guest, len(interest.explained))
        subscription = self._feed.subscribe(BOUND)
        try:
            yield HELLO
            if after is not None:
                async with aclosing(self._replay(interest, after, subscription.skip_to)) as past:
                    async for chunk in past:
                        yield chunk
            async with aclosing(self._live(interest, subscription, explained, guest)) as live:
                async for chunk in live:
                    yield chunk
        finally:
            subscription.close()
            self._room.leave(guest, len(interest.explained))

    async def _replay(
        self, interest: Interest, after: int, reached: Callable[[int], None]
    ) -> AsyncGenerator[bytes, None]:
        """Read the journal up to its end; the subscription already holds what comes then."""
        if after > 0 and not await self._knows(after):
            yield UNKNOWN
            return
        while True:
            events = await self._journal(after, REPLAY_PAGE)
            if not events:
                return
            after = events[-1].number
            reached(after)
            chunk = _encode(event for event in events if interest.wants(event))
            if chunk:
                yield chunk
            if len(events) < REPLAY_PAGE:
                return

    async def _knows(self, number: int) -> bool:
        found = await self._journal(number - 1, 1)
        return bool(found) and found[0].number == number

    async def _live(
        self,
        interest: Interest,
        subscription: Subscription,
        explained: Explained,
        guest: Guest,
    ) -> AsyncGenerator[bytes, None]:
        """Pass every batch on at once, with a sign of life where nothing else is said.

        Explanations follow a change in the farm, at most one look a second, or more seldom where
        many are told.
        """
        loop = asyncio.get_running_loop()
        quiet_until = loop.time() + self._heartbeat
        look_at = loop.time() if explained else None
        while True:
            if look_at is not None and loop.time() >= look_at:
                look_at = None
                if told := await explained.changed():
                    yield told
                    quiet_until = loop.time() + self._heartbeat
            try:
                async with asyncio.timeout_at(min(quiet_until, look_at or quiet_until)):
                    changes = await subscription.next()
            except TimeoutError:
                if loop.time() >= quiet_until:
                    yield HEARTBEAT
                    quiet_until = loop.time() + self._heartbeat
                    if explained:
                        look_at = self._look_at(explained, guest)
                continue
            if explained and look_at is None:
                look_at = self._look_at(explained, guest)
            if changes is None:
                yield BEHIND
                return
            wanted = [change for change in changes if interest.wants(change.event)]
            chunk = self._records.after(wanted) if interest.records else b""
            chunk += _encode(change.event for change in wanted)
            if chunk:
                yield chunk
                quiet_until = loop.time() + self._heartbeat
                if interest.records:
                    # The first change is told at once; of a flood some are told together, which
                    # is most of what many readers cost, and no eye sees the difference.
                    await asyncio.sleep(GATHERED)

    def _look_at(self, explained: Explained, guest: Guest) -> float:
        now = asyncio.get_running_loop().time()
        return max(now, explained.looked + self._room.pause(guest))


def _encode(events: Iterable[Event]) -> bytes:
    return b"".join(
        b"id: %d\nevent: %s\ndata: %s\n\n" % (event.number, event.kind.encode("ascii"), told(event))
        for event in events
    )


def _interest(call: Call) -> Interest:
    requests = call.query("request")
    if not all(text.isascii() and text.isdigit() and len(text) < 20 for text in requests):
        raise RequestIdError("the query's request is not a request's ID")
    workers = call.query("worker")
    explained = frozenset(call.query("explain"))
    if not all(text.isascii() and text.isdigit() and len(text) < 20 for text in explained):
        raise RequestIdError("the query's explain is not a request's ID")
    if len(explained) > MOST_EXPLAINED:
        raise ParameterError(f"at most {MOST_EXPLAINED} requests are explained in one stream")
    return Interest(
        requests=frozenset(int(text) for text in requests) if requests else None,
        workers=frozenset(workers) if workers else None,
        explained=tuple(sorted(map(int, explained))),
        records="1" in call.query("records"),
    )


def _last_event(call: Call) -> int | None:
    text = call.header(b"last-event-id")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ParameterError("Last-Event-ID is not the number of an event")
    return int(text)

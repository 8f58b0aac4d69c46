"""What happens in the farm, as server-sent events."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Self

from boruta_farm.clock import Clock
from boruta_farm.contracts import Requests
from boruta_farm.feed import Feed
from boruta_farm.model.addresses import network_of
from boruta_farm.model.errors import OverloadedError, TooManyCallsError
from boruta_farm.web.audience import Audience, StreamReader, print_event
from boruta_farm.web.auth import source_of
from boruta_farm.web.calls import Call, Header, Stream
from boruta_farm.web.errors import ParameterError
from boruta_farm.web.explained import LOOK_EVERY, Explained
from boruta_farm.web.interest import Interest
from boruta_farm.web.metrics import Traffic
from boruta_farm.web.services import Journal, WebOptions

BOUND = 1000
"""Changes that may wait for one slow reader."""

REPLAY_PAGE = 500

EXPLAINED_PER_GUEST = 20
EXPLAINED_IN_ALL = 200
"""Explanations a second, of one account or address and over all."""

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
        self._audience = Audience(feed)
        self._clock = clock
        self._requests = requests
        self._journal = journal
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
        interest = Interest.of(call)
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
        reader = self._audience.enter(interest, BOUND)
        try:
            yield HELLO
            if after is not None:
                async with aclosing(self._replay(interest, after, reader.skip_to)) as past:
                    async for chunk in past:
                        yield chunk
            async with aclosing(self._live(reader, explained, guest)) as live:
                async for chunk in live:
                    yield chunk
        finally:
            self._audience.leave(reader)
            self._room.leave(guest, len(interest.explained))

    async def _replay(
        self, interest: Interest, after: int, reached: Callable[[int], None]
    ) -> AsyncGenerator[bytes, None]:
        """Read the journal up to its end; the reader already holds what comes then."""
        if after > 0 and not await self._knows(after):
            yield UNKNOWN
            return
        while True:
            events = await self._journal(after, REPLAY_PAGE)
            if not events:
                return
            after = events[-1].number
            reached(after)
            chunk = b"".join(print_event(event) for event in events if interest.wants(event))
            if chunk:
                yield chunk
            if len(events) < REPLAY_PAGE:
                return

    async def _knows(self, number: int) -> bool:
        found = await self._journal(number - 1, 1)
        return bool(found) and found[0].number == number

    async def _live(
        self, reader: StreamReader, explained: Explained, guest: Guest
    ) -> AsyncGenerator[bytes, None]:
        """Pass on what comes, with a sign of life where nothing else is said.

        Explanations follow a change in the farm, at most one look a second, or more seldom where
        many are told.
        """
        loop = asyncio.get_running_loop()
        quiet_until = loop.time() + self._heartbeat
        look_at = loop.time() if explained else None
        while True:
            if look_at is not None and loop.time() >= look_at:
                look_at = None
                reader.stirred = False
                if told := await explained.changed():
                    yield told
                    quiet_until = loop.time() + self._heartbeat
            if reader.stirred and look_at is None:
                look_at = self._look_at(explained, guest)
            chunk = await reader.next(min(quiet_until, look_at or quiet_until))
            if chunk is None:
                yield BEHIND
                return
            if chunk:
                yield chunk
            elif loop.time() >= quiet_until:
                yield HEARTBEAT
                if explained:
                    look_at = self._look_at(explained, guest)
            else:
                continue
            quiet_until = loop.time() + self._heartbeat

    def _look_at(self, explained: Explained, guest: Guest) -> float:
        now = asyncio.get_running_loop().time()
        return max(now, explained.looked + self._room.pause(guest))


def _last_event(call: Call) -> int | None:
    text = call.header(b"last-event-id")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ParameterError("Last-Event-ID is not the number of an event")
    return int(text)

"""All readers of event streams: what happens is printed once, and wakes only who is concerned."""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from boruta_farm.feed import Feed, Subscription
from boruta_farm.model.events import Change, Event
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker
from boruta_farm.web.answers import encode, request_answer, told
from boruta_farm.web.interest import Interest

logger = logging.getLogger(__name__)

PER_READER = 0.0001
"""Seconds between two passes for each reader of everything.

What happened first is told at once; of a flood that much is told together, so that readers cost a
bounded share of the loop however many there are: 500 get a piece 20 times a second at most.
"""

GATHERED = 0.05
"""Seconds between two passes with records, which cost more to print; no eye sees the difference."""

FULL = 250
"""Changes that are passed on without waiting for others, well below what a reader may be behind."""

WOKEN_AT_ONCE = 32
"""Readers woken in one round of the loop, so that calls get their turns in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """Carry changes for a reader and the text that tells them."""

    changes: Sequence[Change]
    text: bytes


class Printing:
    """Print changes, each once for all who hear of it in one pass."""

    def __init__(self) -> None:
        self._events: dict[int, bytes] = {}
        self._records: dict[int, bytes] = {}

    def portion(self, changes: Sequence[Change], *, records: bool) -> Portion:
        """Return changes with their text: where wanted, records stand before the events."""
        text = b"".join(map(self._event, changes))
        return Portion(changes=changes, text=self.records(changes) + text if records else text)

    def records(self, changes: Sequence[Change]) -> bytes:
        """Return what is after changes; of a record that changed twice only the last.

        A request is told as everybody may see it, without its owner's own SSH key.
        """
        last: dict[str | int, int] = {}
        for change in changes:
            for record in (change.worker, change.request):
                if record is not None:
                    last[_name(record)] = change.event.number
        wanted = frozenset(last.values())
        return b"".join(map(self._record, (c for c in changes if c.event.number in wanted)))

    def _event(self, change: Change) -> bytes:
        number = change.event.number
        found = self._events.get(number)
        if found is None:
            found = self._events[number] = print_event(change.event)
        return found

    def _record(self, change: Change) -> bytes:
        number = change.event.number
        found = self._records.get(number)
        if found is None:
            found = self._records[number] = _print_records(change)
        return found


def print_event(event: Event) -> bytes:
    """Return an event as a message of a stream."""
    kind = event.kind.encode("ascii")
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.number, kind, told(event))


def _name(record: Worker | Request) -> str | int:
    return record.uuid if isinstance(record, Worker) else record.id


def _print_records(change: Change) -> bytes:
    """Return the messages for a change; a board that is gone is told by its event alone."""
    said = b""
    if change.worker is not None and not change.event.kind.removes:
        said += b"event: worker.record\ndata: %s\n\n" % told(change.worker)
    if change.request is not None:
        shown = request_answer(replace(change.request, ssh_key=None))
        said += b"event: request.record\ndata: %s\n\n" % encode(shown)
    return said


class StreamReader:
    """Hold what one stream is to tell next, of at most ``bound`` changes."""

    def __init__(self, interest: Interest, bound: int, after: int) -> None:
        self.interest = interest
        self.stirred = False
        """Whether anything has happened in the farm since this was last set to False."""
        self._bound = bound
        self._after = after
        self._portions: list[Portion] = []
        self._count = 0
        self._behind = False
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings = 0.0

    def put(self, portion: Portion) -> None:
        """Take changes that concern the reader, who is woken later; called by the audience."""
        if self._behind:
            return
        self._count += len(portion.changes)
        if self._count > self._bound:
            self.lose()
        else:
            self._portions.append(portion)

    def lose(self) -> None:
        """Give up what was not told yet: the reader must read the state anew."""
        self._behind = True
        self._portions.clear()
        self.wake()

    def stir(self) -> None:
        """Note that something has happened, and wake who has not noticed that yet."""
        if not self.stirred:
            self.stirred = True
            self.wake()

    def wake(self) -> None:
        """Have ``next`` return."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def skip_to(self, number: int) -> None:
        """Drop changes up to ``number``: they were told from the journal."""
        self._after = max(self._after, number)

    async def next(self, until: float) -> bytes | None:
        """Wait for something to tell, at most until a time of the loop, and return it.

        It may be nothing, also before that time; None says that the reader fell behind.
        """
        if not self._portions and not self._behind:
            await self._rest(until)
        if self._behind:
            return None
        portions, self._portions, self._count = self._portions, [], 0
        return b"".join(map(self._newer, portions))

    def close(self) -> None:
        """Forget the alarm."""
        if self._timer is not None:
            self._timer.cancel()

    async def _rest(self, until: float) -> None:
        # An alarm that is early is let ring: to set one anew for each piece would cost more.
        if self._timer is None or self._rings > until:
            self.close()
            self._rings = until
            self._timer = self._loop.call_at(until, self._ring)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _ring(self) -> None:
        self._timer = None
        self.wake()

    def _newer(self, portion: Portion) -> bytes:
        """Return the text of what was not told from the journal; numbers rise."""
        if portion.changes[0].event.number > self._after:
            return portion.text
        newer = tuple(c for c in portion.changes if c.event.number > self._after)
        return Printing().portion(newer, records=self.interest.records).text


class _Lane:
    """Pass changes on to the readers of one kind: those who want records, or the others."""

    def __init__(self, *, records: bool, pause: Callable[[int], float]) -> None:
        self._records = records
        self._pause = pause
        self._of_all: dict[StreamReader, None] = {}
        self._of_some: defaultdict[Hashable, dict[StreamReader, None]] = defaultdict(dict)
        """By each request's id and each worker's UUID that somebody asks for."""
        self._gathered: list[Change] = []
        self._passing: asyncio.TimerHandle | None = None
        self._free = 0.0
        self._asleep: deque[StreamReader] = deque()
        self._waking = False

    def enter(self, reader: StreamReader) -> None:
        for place in self._places(reader.interest):
            place[reader] = None

    def leave(self, reader: StreamReader) -> None:
        for place in self._places(reader.interest):
            place.pop(reader, None)
        for name in (*(reader.interest.requests or ()), *(reader.interest.workers or ())):
            if not self._of_some.get(name, True):
                del self._of_some[name]

    def put(self, changes: Sequence[Change]) -> None:
        """Pass changes on, together with others while there are many."""
        if not self._of_all:
            changes = [c for c in changes if any(map(self._of_some.get, _names(c.event)))]
        if not changes:
            return
        self._gathered += changes
        loop = asyncio.get_running_loop()
        if len(self._gathered) >= FULL or loop.time() >= self._free:
            self._pass_on()
        elif self._passing is None:
            self._passing = loop.call_at(self._free, self._pass_on)

    def _places(self, interest: Interest) -> Iterable[dict[StreamReader, None]]:
        """Return where a reader is kept: under requests, else workers, else with all."""
        names = interest.workers if interest.requests is None else interest.requests
        return (self._of_all,) if names is None else [self._of_some[name] for name in names]

    def _pass_on(self) -> None:
        if self._passing is not None:
            self._passing.cancel()
            self._passing = None
        changes, self._gathered = tuple(self._gathered), []
        printing = Printing()
        if self._of_all:
            portion = printing.portion(changes, records=self._records)
            for reader in self._of_all:
                reader.put(portion)
            self._asleep.extend(self._of_all)
        for reader, some in self._concerned(changes).items():
            reader.put(printing.portion(some, records=self._records))
            self._asleep.append(reader)
        self._free = asyncio.get_running_loop().time() + self._pause(len(self._of_all))
        if not self._waking:
            self._wake_some()

    def _concerned(self, changes: Sequence[Change]) -> dict[StreamReader, list[Change]]:
        found: dict[StreamReader, list[Change]] = {}
        if self._of_some:
            for change in changes:
                for name in _names(change.event):
                    for reader in self._of_some.get(name, ()):
                        if reader.interest.wants(change.event):
                            found.setdefault(reader, []).append(change)
        return found

    def _wake_some(self) -> None:
        for _ in range(min(WOKEN_AT_ONCE, len(self._asleep))):
            self._asleep.popleft().wake()
        self._waking = bool(self._asleep)
        if self._waking:
            asyncio.get_running_loop().call_soon(self._wake_some)


def _names(event: Event) -> tuple[Hashable, Hashable]:
    """Return under what names readers may be kept whom an event concerns."""
    return event.request_id, event.worker


class Audience:
    """Follow the feed on behalf of all event streams, as long as there is one."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._readers: dict[StreamReader, None] = {}
        self._explained: dict[StreamReader, None] = {}
        self._lanes = {
            False: _Lane(records=False, pause=lambda readers: PER_READER * readers),
            True: _Lane(records=True, pause=lambda _readers: GATHERED),
        }
        self._newest = 0
        self._subscription: Subscription | None = None
        self._following: asyncio.Task[None] | None = None

    def enter(self, interest: Interest, bound: int) -> StreamReader:
        """Let a reader hear of everything from now on that its interest names."""
        if self._subscription is None:
            self._subscription = self._feed.subscribe()
            self._following = asyncio.create_task(self._follow(self._subscription))
        # What is gathered yet happened before this reader came.
        reader = StreamReader(interest, bound, self._newest)
        self._readers[reader] = None
        self._lanes[interest.records].enter(reader)
        if interest.explained:
            self._explained[reader] = None
        return reader

    def leave(self, reader: StreamReader) -> None:
        """Forget a reader."""
        reader.close()
        self._readers.pop(reader, None)
        self._explained.pop(reader, None)
        self._lanes[reader.interest.records].leave(reader)
        if not self._readers and self._following is not None:
            self._following.cancel()
            self._close()

    async def _follow(self, subscription: Subscription) -> None:
        """Hear of each batch until the feed has lost track: then all must read anew."""
        try:
            await subscription.hand_to(self._hear)
        except Exception:
            logger.exception("events could not be told: readers are to read the state anew")
        if subscription is self._subscription:
            self._close()
            for reader in tuple(self._readers):
                reader.lose()

    def _close(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
        self._subscription = self._following = None

    def _hear(self, changes: tuple[Change, ...]) -> None:
        self._newest = changes[-1].event.number
        public = tuple(c for c in changes if not c.event.kind.private)
        for lane in self._lanes.values():
            lane.put(public)
        for reader in self._explained:
            reader.stir()

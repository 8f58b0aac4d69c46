"""Find the relay or start one, keep it informed, take over from an older one."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from boruta_farm import __version__
from boruta_farm.access import messages, rendezvous
from boruta_farm.access.condition import RelayCondition
from boruta_farm.access.entries import continues, entry_of
from boruta_farm.access.link import (
    HungRelayError,
    RelayLink,
    end_relay,
    start_relay,
)
from boruta_farm.access.messages import USUAL, Message, TunnelBounds
from boruta_farm.access.routes import BindFailure, TunnelRoute
from boruta_farm.access.wishes import StreamWish, Wishes
from boruta_farm.clock import Clock
from boruta_farm.model.errors import BorutaError, UnavailableError

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 5.0
STEADY_AFTER = 10.0
TRIES = 8
PING_EVERY = 5.0
"""Seconds of silence after which a relay is asked whether it lives."""
QUESTIONS = 3
"""Unanswered ones after which a relay counts as hung and is replaced: 20 s in all. A machine that
is merely slow answers one of them."""
GREETINGS = 2
"""Calls that a relay may leave without a greeting before it counts as hung."""


class RelayClient:
    """Be the server of one data folder's relay; implements ``routes.Relay``.

    Older relays that still carry sessions keep them, and their ports, until the jobs end; what
    they release goes to the newest. With ``start`` False a relay must be started by others (a
    unit of its own).
    """

    def __init__(
        self,
        data: Path,
        listen: str,
        clock: Clock,
        *,
        start: bool = True,
        version: str = __version__,
        streams: tuple[str, int] | None = None,
        bounds: TunnelBounds = USUAL,
    ) -> None:
        self._data = data.resolve()
        self._listen = listen
        self._clock = clock
        self._start = start
        self._version = version
        self._streams = streams
        self._bounds = bounds
        self._wishes = Wishes()
        self._relay: RelayLink | None = None
        self._older: dict[RelayLink, asyncio.Task[None] | None] = {}
        self._wanted: dict[str, TunnelRoute] | None = None
        self._failures: dict[str, BindFailure] = {}
        self._failed = asyncio.Event()
        self._counts: dict[str, int] = {}
        self._visits: Counter[str] = Counter()
        self.on_used: Callable[[str, int], None] = lambda _worker, _epoch: None
        """Called with a worker and its job's epoch while its board is used, once a minute."""
        condition = RelayCondition(clock)
        self.alive, self.well_since = condition.alive, condition.well_since
        self.on_change, self._say = condition.on_change, condition.say
        self._sequence = 0
        self._pongs: dict[int, asyncio.Future[bool]] = {}
        self._replaced = False
        self._at_hand = asyncio.Event()

    @classmethod
    async def attach(
        cls,
        data: Path,
        listen: str,
        clock: Clock,
        *,
        start: bool = True,
        version: str = __version__,
        streams: tuple[str, int] | None = None,
    ) -> "RelayClient":
        """Return a client that has found or started its relay. Raises UnavailableError.

        ``listen`` is the address on which the ports are bound, ``streams`` where agents' streams
        arrive.
        """
        client = cls(data, listen, clock, start=start, version=version, streams=streams)
        await client._find()
        return client

    @property
    def pid(self) -> int | None:
        """Return the relay's process, None while none is at hand."""
        return self._relay.pid if self._relay is not None else None

    async def keep_at_hand(self) -> NoReturn:
        """Follow the relay, and find or start another one whenever it is gone."""
        pause = FIRST_PAUSE
        try:
            while True:
                began = self._clock.monotonic()
                try:
                    await self._serve(self._relay or await self._find())
                except BorutaError as error:
                    self._say(error.message)
                    logger.error("%s", error.message)
                if self._clock.monotonic() - began >= STEADY_AFTER:
                    pause = FIRST_PAUSE
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        finally:
            await self.close()

    async def close(self) -> None:
        """Hang up; the relay goes on with what is live."""
        relay, self._relay = self._relay, None
        older, self._older = self._older, {}
        for task in older.values():
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        for link in (*older, *([relay] if relay is not None else [])):
            await link.close()

    def replace(self, routes: Iterable[TunnelRoute]) -> None:
        """Want exactly these routes."""
        self._wanted = {route.worker: route for route in routes}
        self._tell_all()

    def put(self, route: TunnelRoute) -> None:
        """Want this route for its worker, in place of an earlier one."""
        if self._wanted is None:
            raise ValueError("the full set must be wanted before a change to it")
        self._wanted[route.worker] = route
        holder = self._holder(route.worker)
        if holder is None:
            self._put_to_newest(route)
        elif holder.told and continues(holder.holds[route.worker], route):
            holder.send(entry_of(route, self._clock.now()).line(messages.PUT))
        elif holder.told:
            holder.tell(messages.DROP, worker=route.worker)

    def drop(self, worker: str) -> None:
        """Want nothing for this worker any more."""
        if self._wanted is not None:
            self._wanted.pop(worker, None)
        self._counts.pop(worker, None)
        self._visits.pop(worker, None)
        link = self._holder(worker) or self._relay
        if link is not None and link.told:
            link.tell(messages.DROP, worker=worker)

    def signed_in(self, worker: str, epoch: int, ports: tuple[int, ...]) -> None:
        """Tell the relay that has the worker's port, if it is new enough to be told."""
        link = self._holder(worker) or self._relay
        if link is not None and link.told and link.takes_sessions:
            listed = ",".join(map(str, ports))
            link.tell(messages.SESSIONS, worker=worker, epoch=epoch, ports=listed)

    def failing(self, worker: str) -> bool:
        """Tell whether a failure of this worker's port waits to be taken."""
        return worker in self._failures

    async def failure(self) -> BindFailure:
        """Wait for the next port that cannot be bound."""
        while not self._failures:
            self._failed.clear()
            await self._failed.wait()
        return self._failures.pop(next(iter(self._failures)))

    async def wish(self) -> StreamWish:
        """Wait for the next stream that a relay asks of a board's agent."""
        return await self._wishes.wish()

    def visits(self, worker: str) -> int:
        """Return how often the relay told that connections of a worker came or went."""
        return self._visits[worker]

    def connections(self, worker: str) -> int:
        """Return how many connections a worker has, as last heard."""
        return self._counts.get(worker, 0)

    async def settle(self) -> None:
        """Return when the relay has done all it was told, waiting for one where none is."""
        while True:
            await self._at_hand.wait()
            if (relay := self._relay) is not None and await self._answers(relay):
                return

    async def _answers(self, relay: RelayLink) -> bool:
        self._sequence += 1
        sequence = self._sequence
        pong = self._pongs[sequence] = asyncio.get_running_loop().create_future()
        relay.tell(messages.PING, sequence=sequence)
        try:
            await asyncio.wait([pong])
        finally:
            del self._pongs[sequence]
        return not pong.cancelled()

    async def _find(self) -> RelayLink:
        """Connect to the relay, starting one where none serves this version."""
        for name in rendezvous.draining(self._data):
            await self._adopt_older(name)
        pause = FIRST_PAUSE
        started = False
        silent = 0
        for _ in range(TRIES):
            try:
                link = await RelayLink.open(self._data)
            except HungRelayError as error:
                self._say(error.message)
                logger.error("%s", error.message)
                silent += 1
                if silent >= GREETINGS:
                    await self._end_hung(rendezvous.holder(self._data))
                continue
            except OSError as error:
                if not self._start:
                    raise UnavailableError(
                        f"no relay listens in {self._data} ({error.strerror}); start its unit"
                    ) from None
                await asyncio.sleep(pause if started else 0)
                pause *= 2
                await start_relay(self._data)
                started = True
                continue
            if started or not self._start or link.version == self._version:
                logger.info("relay %d, version %s, is at hand", link.pid, link.version)
                self._relay = link
                self._say(None)
                return link
            await self._retire(link)
        raise UnavailableError(f"no relay could be reached in {self._data}; see its log there")

    async def _adopt_older(self, name: str) -> None:
        try:
            link = await RelayLink.open(self._data, name)
        except ConnectionRefusedError:
            rendezvous.sweep(self._data, name)
        except HungRelayError:
            await self._end_hung(rendezvous.holder(self._data, name))
            rendezvous.sweep(self._data, name)
        except FileNotFoundError:
            return
        else:
            if any(older.pid == link.pid for older in self._older):
                await link.close()
            else:
                self._older[link] = None

    async def _end_hung(self, pid: int | None) -> None:
        """End a relay that does not answer, so that its ports are free for the next."""
        logger.error("relay %s does not answer: it is ended, and its sessions with it", pid)
        await end_relay(pid)

    async def _retire(self, link: RelayLink) -> None:
        """Have a relay of another version give up its name and keep only what is live."""
        logger.info("relay %d, version %s, drains", link.pid, link.version)
        link.tell(messages.DRAIN)
        link.tell(messages.PING, sequence=0)
        try:
            async with asyncio.timeout(PING_EVERY * QUESTIONS):
                while (message := await link.next()) is not None:
                    if message.kind == messages.RELEASED:
                        link.holds.pop(message.text("worker"), None)
                    elif message.kind == messages.PONG:
                        self._older[link] = None
                        return
        except TimeoutError:
            await self._end_hung(link.pid)
        await link.close()

    async def _serve(self, relay: RelayLink) -> None:
        """Tell the relay what is wanted and hear it until it is gone."""
        for older, task in self._older.items():
            if task is None:
                self._older[older] = asyncio.create_task(self._follow_older(older))
        self._tell_all()
        self._at_hand.set()
        try:
            await self._follow(relay)
        finally:
            self._at_hand.clear()
            self._say(f"relay {relay.pid} went away; another one is started")
            self._relay = None
            self._counts.clear()
            for pong in self._pongs.values():
                pong.cancel()
            await relay.close()
        logger.warning("relay %d went away", relay.pid)
        if self._replaced:
            self._replaced = False
            self._say(f"another server uses {self._data}; only one server may")
            logger.error("%s", self.alive())
            await asyncio.sleep(LONGEST_PAUSE)

    async def _follow_older(self, older: RelayLink) -> None:
        try:
            await self._follow(older)
        except BorutaError as error:
            logger.error("an older relay: %s", error.message)
        self._older.pop(older, None)
        await older.close()
        for worker in older.holds:
            self._hand_over(worker)

    async def _follow(self, link: RelayLink) -> None:
        """Hear a relay until it is gone; one that hangs is ended. Raises ProtocolError."""
        unanswered = 0
        while True:
            try:
                async with asyncio.timeout(PING_EVERY):
                    message = await link.next()
            except TimeoutError:
                if unanswered >= QUESTIONS:
                    await self._end_hung(link.pid)
                    rendezvous.sweep(self._data, f"{rendezvous.RELAY}-{link.pid}.sock")
                    return
                if unanswered == 1:
                    words = f"relay {link.pid} does not answer; it will be replaced"
                    logger.error("%s", words)
                    if link is self._relay:
                        self._say(words)
                unanswered += 1
                link.tell(messages.PING, sequence=0)
                continue
            if message is None:
                return
            if unanswered and link is self._relay:
                self._say(None)
            unanswered = 0
            self._hear(link, message)

    def _hear(self, link: RelayLink, message: Message) -> None:
        match message.kind:
            case messages.BIND_FAILED:
                failure = BindFailure(
                    worker=message.text("worker"),
                    port=message.whole("port"),
                    reason=message.text("reason"),
                )
                self._failures[failure.worker] = failure
                self._failed.set()
            case messages.RELEASED:
                worker = message.text("worker")
                if link.holds.pop(worker, None) is not None and link in self._older:
                    self._hand_over(worker)
            case messages.CONNECTIONS:
                self._counts[message.text("worker")] = message.whole("count")
                self._visits[message.text("worker")] += 1
            case messages.USED:
                self.on_used(message.text("worker"), message.whole("epoch"))
            case messages.PONG:
                pong = self._pongs.get(message.whole("sequence"))
                if pong is not None and not pong.done():
                    pong.set_result(True)
            case messages.STREAM:
                self._wishes.put(StreamWish.read(link, message))
            case messages.NO_STREAMS:
                logger.error(
                    "boards that must be reached by streams of their agents are out of reach: the "
                    "relay cannot listen at %s; choose another stream_addr",
                    message.text("reason"),
                )
            case messages.REPLACED:
                self._replaced = True
            case other:
                logger.warning("relay %d reports %r, which this version ignores", link.pid, other)

    def _hand_over(self, worker: str) -> None:
        """Give the newest relay a worker whose port an older one has released."""
        route = (self._wanted or {}).get(worker)
        if route is not None and self._holder(worker) is None:
            self._put_to_newest(route)

    def _put_to_newest(self, route: TunnelRoute) -> None:
        if self._relay is not None and self._relay.told:
            self._relay.send(entry_of(route, self._clock.now()).line(messages.PUT))

    def _holder(self, worker: str) -> RelayLink | None:
        """Return the older relay that still has the worker's port."""
        return next((older for older in self._older if worker in older.holds), None)

    def _tell_all(self) -> None:
        """Send every relay the full set of what it should hold."""
        if self._wanted is None or self._relay is None:
            return
        for older in self._older:
            routes = (self._wanted.get(worker) for worker in older.holds)
            self._tell(
                older,
                [r for r in routes if r is not None and continues(older.holds[r.worker], r)],
            )
        self._tell(self._relay, [r for w, r in self._wanted.items() if self._holder(w) is None])

    def _tell(self, link: RelayLink, routes: Iterable[TunnelRoute]) -> None:
        host, port = self._streams or (None, None)
        link.tell(
            messages.BEGIN,
            listen=self._listen,
            streams_host=host,
            streams_port=port,
            **self._bounds.fields(),
        )
        for route in routes:
            link.send(entry_of(route, self._clock.now()).line(messages.ROUTE))
        link.tell(messages.COMMIT)
        link.told = True

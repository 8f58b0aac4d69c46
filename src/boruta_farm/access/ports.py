"""A worker's stable port: kept bound, forwarding only while a job is live for it."""

import asyncio
import errno
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from boruta_farm.access.connection import Target, TunnelConnection
from boruta_farm.access.dialling import reach
from boruta_farm.access.flow import Copier
from boruta_farm.access.listening import listen
from boruta_farm.access.liveness import keep_alive
from boruta_farm.access.messages import USUAL, RouteEntry
from boruta_farm.access.streams import Streams
from boruta_farm.model.addresses import canonical, network_of

logger = logging.getLogger(__name__)

GRANT_WAIT = 5.0
BACKLOG = 64
ACCEPTS_AT_ONCE = 16
PAUSE_WITHOUT_DESCRIPTORS = 1.0
IN_TOTAL = 4096
SILENT_AT_BOARD = 4
"""Connections whose clients say nothing that a board's SSH server gets to see at a time.

It takes few that have not signed in: OpenSSH begins to turn others away at ten.
"""
COMPLAIN_EVERY = 10.0
TOLD_FOR = 30.0
"""Seconds for which an agent's word on who is signed in counts; it comes every few."""


def boottime() -> float:
    """Return seconds of the steady clock that also runs while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True, kw_only=True)
class PortLimits:
    """Bound connections per port and over all ports; ``open`` counts those there are.

    ``silent_per_source`` bounds those of one source at one port whose clients have said nothing
    yet, which they must within ``patience`` seconds; ``silent`` are all of them, the oldest first.
    ``grant_wait`` is how many seconds a connection waits for a job to become live.
    """

    per_port: int = USUAL.connections
    in_total: int = IN_TOTAL
    silent_per_source: int = USUAL.silent
    silent_at_board: int = SILENT_AT_BOARD
    patience: float = USUAL.patience
    silent: dict[TunnelConnection, None] = field(default_factory=dict)
    grant_wait: float = GRANT_WAIT
    clock: Callable[[], float] = boottime
    open: int = field(default=0)


class TunnelPort:
    """Hold one worker's port.

    ``changed`` is called whenever the number of connections changes or the job ends by time.
    """

    def __init__(
        self,
        copier: Copier,
        limits: PortLimits,
        streams: Streams,
        entry: RouteEntry,
        changed: Callable[["TunnelPort"], None],
    ) -> None:
        self.worker = entry.worker
        self.entry = entry
        self.cut_at: float | None = None
        self.connections: set[TunnelConnection] = set()
        self._copier = copier
        self._limits = limits
        self._streams = streams
        self._changed = changed
        self._listener: socket.socket | None = None
        self._bound: tuple[str, int] | None = None
        self._granted = asyncio.Event()
        self._end: asyncio.TimerHandle | None = None
        self._paused: asyncio.TimerHandle | None = None
        self._quiet: set[TunnelConnection] = set()
        """Connections at the board whose clients have said nothing yet."""
        self._told: frozenset[int] = frozenset()
        self._told_at: float | None = None
        self._used = False
        self._refused = 0
        self._complained: float | None = None

    @property
    def live(self) -> bool:
        """Tell whether a job is live for the worker."""
        return self.entry.epoch is not None

    @property
    def number(self) -> int:
        """Return the port that is bound, which differs from the wanted one only for 0."""
        return int(self._listener.getsockname()[1]) if self._listener is not None else 0

    def bind(self, host: str) -> bool:
        """Listen on the entry's port; False when that is so already. Raises OSError."""
        wanted = (host, self.entry.port)
        if self._bound == wanted:
            return False
        self.unbind()
        listener = listen(*wanted, BACKLOG)
        self._listener, self._bound = listener, wanted
        self._copier.loop.add_reader(listener, self._accept)
        return True

    def unbind(self) -> None:
        """Stop listening; connections stay."""
        if self._listener is None:
            return
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None
        self._copier.loop.remove_reader(self._listener)
        self._listener.close()
        self._listener = self._bound = None

    def update(self, entry: RouteEntry) -> None:
        """Take the worker's new entry.

        What belongs to an ended job is cut, the end of a live one moved. Connections of an
        unchanged epoch stay.
        """
        if entry.epoch != self.entry.epoch:
            self._cut_epoch(self.entry.epoch)
            self._told_at = None
            self._used = False
        if entry.cut_in is not None and entry.cut_in <= 0:
            self._cut_epoch(entry.epoch)
            entry = _ended(entry)
        self.entry = entry
        self.cut_at = None if entry.cut_in is None else self._limits.clock() + entry.cut_in
        if self.live:
            self._granted.set()
        else:
            self._granted.clear()
        self._arm()

    def check_end(self) -> None:
        """End the job when its time is over; the server need not be there."""
        if self.cut_at is None or self._limits.clock() < self.cut_at:
            self._arm()
            return
        logger.info("worker %r epoch %s: its time is over", self.worker, self.entry.epoch)
        self.update(_ended(self.entry))
        self._changed(self)

    def signed_in(self, ports: frozenset[int]) -> None:
        """Learn from the board's agent from which of our ports somebody is signed in."""
        self._told, self._told_at = ports, self._copier.loop.time()

    def session(self, connection: TunnelConnection) -> bool | None:
        """Tell whether a connection has a session, as the board's agent says; None: not known.

        Where the agent says nothing (any more), opened the connection itself, or something between
        changes the ports, nothing is known.
        """
        if self._told_at is None or self._copier.loop.time() - self._told_at > TOLD_FOR:
            return None
        target = self.entry.target
        ours = connection.dialled_from(target)
        if ours is None or (
            self._told
            and self._told.isdisjoint(each.dialled_from(target) or 0 for each in self.connections)
        ):
            return None
        return ours in self._told

    def take_use(self) -> bool:
        """Tell whether the board was used in its job since this was asked last."""
        used, self._used = self._used, False
        for connection in self.connections:
            used |= connection.epoch == self.entry.epoch and connection.take_use()
        return used and self.live

    def release(self) -> None:
        """Stop listening and cut every connection."""
        self.unbind()
        if self._end is not None:
            self._end.cancel()
        for connection in tuple(self.connections):
            connection.cut()

    def _arm(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if self.cut_at is not None:
            left = max(0.0, self.cut_at - self._limits.clock())
            self._end = self._copier.loop.call_later(left, self.check_end)

    def _cut_epoch(self, epoch: int | None) -> None:
        for connection in tuple(self.connections):
            if epoch is not None and connection.epoch == epoch:
                connection.cut()

    def _accept(self) -> None:
        for _ in range(ACCEPTS_AT_ONCE):
            if self._listener is None:
                return
            try:
                client, (host, *_) = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(error)
                return
            self._receive(client, host)

    def _receive(self, client: socket.socket, host: str) -> None:
        came_from = network_of(host)
        if not self._make_room(came_from):
            self._complain(canonical(host))
            client.close()
            return
        client.setblocking(False)
        keep_alive(client)
        self._limits.open += 1
        connection = TunnelConnection(self._copier, client, came_from, self)
        self.connections.add(connection)
        self._limits.silent[connection] = None
        self._changed(self)

    def _make_room(self, came_from: str) -> bool:
        """Cut who keeps others out, if somebody does; False when all there are have sessions.

        Those who say nothing go first, the oldest of them before others: at their source's limit
        its own, at the port's limit the port's, else anybody's. Then go those that are not known
        to have signed in, of the source that has most of them.
        """
        limits = self._limits
        silent = [each for each in limits.silent if each in self.connections]
        own = [each for each in silent if each.source == came_from]
        victim: TunnelConnection | None = None
        if sum(not each.ending for each in self.connections) >= limits.per_port:
            victim = next(iter(silent), None) or self._most_doubtful()
        elif limits.open >= limits.in_total:
            victim = next(iter(limits.silent), None)
        elif len(own) >= limits.silent_per_source:
            victim = own[0]
        else:
            return True
        if victim is None:
            return False
        logger.info("a connection of %s was cut to make room for another", victim.source)
        limits.silent.pop(victim, None)
        victim.cut()
        return True

    def _most_doubtful(self) -> TunnelConnection | None:
        """Return the oldest connection without a session of the source that has most of them."""
        doubtful = [each for each in self.connections if not each.proven and not each.ending]
        if not doubtful:
            return None
        counts = Counter(each.source for each in doubtful)
        return min(doubtful, key=lambda each: (-counts[each.source], each.born))

    def _complain(self, host: str) -> None:
        now = self._copier.loop.time()
        self._refused += 1
        if self._complained is None or now - self._complained >= COMPLAIN_EVERY:
            self._complained = now
            logger.warning(
                "port %d of worker %r: %d connections refused so far, the last from %s: %d of at "
                "most %d are open here, %d of %d in all (setting tunnel_connections)",
                self.number,
                self.worker,
                self._refused,
                host,
                len(self.connections),
                self._limits.per_port,
                self._limits.open,
                self._limits.in_total,
            )

    @property
    def patience(self) -> float:
        """Return the seconds in which a client must say something."""
        return self._limits.patience

    async def turn(self, connection: TunnelConnection) -> None:
        """Return when a connection may go on to the board: a few may whose clients say nothing."""
        if not connection.silent:
            return
        if len(self._quiet) < self._limits.silent_at_board:
            self._quiet.add(connection)
            return
        await connection.spoken()

    def heard(self, connection: TunnelConnection) -> None:
        """Hear that a connection's client has spoken."""
        self._limits.silent.pop(connection, None)
        self._quiet.discard(connection)

    def gone(self, connection: TunnelConnection) -> None:
        """Hear that a connection has ended."""
        self.heard(connection)
        self._used |= connection.epoch == self.entry.epoch and connection.take_use()
        self._limits.open -= 1
        self.connections.discard(connection)
        self._changed(self)

    async def granted(self) -> Target | None:
        """Return the live job's target, after waiting for it a while; None without one."""
        try:
            async with asyncio.timeout(self._limits.grant_wait):
                while (epoch := self.entry.epoch) is None:
                    await self._granted.wait()
        except TimeoutError:
            return None
        entry = self.entry
        where = f"{entry.host!r} port {entry.target}"
        return Target(
            epoch=epoch,
            name=f"board of worker {self.worker!r} ({entry.reach} at {where})",
            reach=lambda: reach(self._copier.loop, self._streams, entry, epoch),
        )

    def _pause(self, error: OSError) -> None:
        """Accept nothing for a moment: without descriptors the listener stays readable."""
        if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            logger.warning("port %d: a connection was lost: %s", self.number, error)
            return
        logger.error("port %d: no connection can be accepted now: %s", self.number, error)
        listener = self._listener
        if listener is not None:
            loop = self._copier.loop
            loop.remove_reader(listener)
            self._paused = loop.call_later(
                PAUSE_WITHOUT_DESCRIPTORS, lambda: loop.add_reader(listener, self._accept)
            )


def _ended(entry: RouteEntry) -> RouteEntry:
    return replace(entry, epoch=None, cut_in=None)

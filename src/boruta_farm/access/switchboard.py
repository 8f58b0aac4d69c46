"""All ports of a relay: the wanted set applied, changes folded in, ends kept without a server."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from boruta_farm.access.flow import Copier
from boruta_farm.access.gate import Gate
from boruta_farm.access.liveness import SWEEP_EVERY
from boruta_farm.access.messages import RouteEntry, TunnelBounds
from boruta_farm.access.ports import IN_TOTAL, PortLimits, TunnelPort
from boruta_farm.access.splice import Splicer
from boruta_farm.access.streams import Streams

logger = logging.getLogger(__name__)

TICK = 1.0
COUNTS_AFTER = 0.2
USE_EVERY = 60.0
"""Seconds over which bytes are added up: what they are more than signs of life are, is use."""


class PortListener(Protocol):
    """Hear what happens on the ports."""

    def bound(self, worker: str, port: int) -> None:
        """Hear that a worker's port takes connections now."""
        ...

    def bind_failed(self, worker: str, port: int, reason: str) -> None:
        """Hear that a worker's port is not to be had."""
        ...

    def released(self, worker: str, port: int) -> None:
        """Hear that a worker's port is free for another relay."""
        ...

    def counted(self, worker: str, connections: int) -> None:
        """Hear how many connections a worker has now; not told for each one."""
        ...

    def used(self, worker: str, epoch: int) -> None:
        """Hear that a worker's board is used in its job."""
        ...

    def idle(self) -> None:
        """Hear, again and again, that no job is live."""
        ...


class Switchboard:
    """Keep one port per worker as the server wants it.

    While draining, live jobs keep their ports until they end, idle ports are released, and
    nothing new is taken on. ``splicer`` and ``limits`` bound threads and connections. ``streams``
    are asked of agents for boards that cannot be dialled, and arrive at the ``gate``.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        splicer: Splicer | None = None,
        limits: PortLimits | None = None,
        streams: Streams | None = None,
    ) -> None:
        self._loop = loop
        self.streams = streams or Streams(loop)
        self.gate = Gate(loop, self.streams)
        self._splicer = splicer or Splicer()
        self._limits = limits or PortLimits()
        self._copier = Copier(loop, self._splicer)
        self._ports: dict[str, TunnelPort] = {}
        self._leaving: set[TunnelPort] = set()
        self._host = "127.0.0.1"
        self._listener: PortListener | None = None
        self._dirty: set[str] = set()
        self._counting: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._next_sweep = loop.time() + SWEEP_EVERY
        self._next_use = loop.time() + USE_EVERY
        self._ticking = loop.call_later(TICK, self._tick)
        self.draining = False

    @property
    def live(self) -> tuple[TunnelPort, ...]:
        """Return the ports for which a job is live."""
        return tuple(port for port in self._ports.values() if port.live)

    @property
    def busy(self) -> bool:
        """Tell whether a job is live or a connection open."""
        return self._limits.open > 0 or any(port.live for port in self._ports.values())

    def port(self, worker: str) -> TunnelPort | None:
        """Return a worker's port."""
        return self._ports.get(worker)

    def tell(self, listener: PortListener | None) -> None:
        """Tell ``listener`` what happens from now on."""
        self._listener = listener

    def bound(self, bounds: TunnelBounds) -> None:
        """Take so many connections from now on; those there are stay."""
        self._limits.per_port = bounds.connections
        self._limits.in_total = max(IN_TOTAL, bounds.connections)
        self._limits.silent_per_source = bounds.silent
        self._limits.patience = bounds.patience
        self.gate.in_total = bounds.greeting
        self.gate.per_source = max(1, bounds.greeting // 4)
        logger.info("bounds: %s", bounds)

    def replace(self, host: str, entries: Iterable[RouteEntry]) -> None:
        """Apply the full wanted set; sessions of unchanged epochs stay uncut."""
        self._host = host
        wanted = {entry.worker: entry for entry in entries}
        for worker, port in tuple(self._ports.items()):
            entry = wanted.get(worker)
            if entry is None:
                self.drop(worker)
            elif entry.port != port.entry.port:
                # Freed before anything is bound, so that workers can exchange their ports.
                port.unbind()
        for entry in wanted.values():
            self.put(entry)

    def put(self, entry: RouteEntry) -> None:
        """Take a worker's entry, new or changed."""
        port = self._ports.get(entry.worker)
        if port is None:
            if self.draining:
                return
            port = TunnelPort(self._copier, self._limits, self.streams, entry, self._changed)
            self._ports[entry.worker] = port
        port.update(entry)
        if self.draining:
            self._release_idle()
            return
        try:
            fresh = port.bind(self._host)
        except OSError as error:
            reason = error.strerror or str(error)
            logger.warning("port %d of worker %r: %s", entry.port, entry.worker, reason)
            if self._listener is not None:
                self._listener.bind_failed(entry.worker, entry.port, reason)
            return
        if fresh and self._listener is not None:
            self._listener.bound(entry.worker, port.number)

    def signed_in(self, worker: str, epoch: int, ports: frozenset[int]) -> None:
        """Learn from which of our ports somebody is signed in on a worker's board."""
        port = self._ports.get(worker)
        if port is not None and port.entry.epoch == epoch:
            port.signed_in(ports)

    def drop(self, worker: str) -> None:
        """Forget a worker: its port is released, its connections are cut."""
        port = self._ports.pop(worker, None)
        if port is None:
            return
        port.release()
        if port.connections:
            self._leaving.add(port)
        if self._listener is not None:
            self._listener.released(worker, port.entry.port)

    def drain(self) -> None:
        """Keep what is live until it ends, take on nothing new."""
        self.draining = True
        self.gate.move()
        self._release_idle()

    async def close(self) -> None:
        """Release every port, cut every connection, end the threads."""
        self._ticking.cancel()
        if self._counting is not None:
            self._counting.cancel()
        self._listener = None
        await self.gate.close()
        for worker in tuple(self._ports):
            self.drop(worker)
        while self._leaving:
            self._empty.clear()
            await self._empty.wait()
        self._splicer.close()

    def _release_idle(self) -> None:
        for worker, port in tuple(self._ports.items()):
            if not port.live:
                self.drop(worker)

    def _changed(self, port: TunnelPort) -> None:
        if port in self._leaving and not port.connections:
            self._leaving.discard(port)
            self._empty.set()
        if self.draining and not port.live and self._ports.get(port.worker) is port:
            self.drop(port.worker)
        self._dirty.add(port.worker)
        if self._counting is None:
            self._counting = self._loop.call_later(COUNTS_AFTER, self._count)

    def _count(self) -> None:
        self._counting = None
        for worker in self._dirty:
            port = self._ports.get(worker)
            if port is not None and self._listener is not None:
                self._listener.counted(worker, len(port.connections))
        self._dirty.clear()

    def _tick(self) -> None:
        """Keep ends also where the loop's own timers stood still: a machine that slept."""
        self._ticking = self._loop.call_later(TICK, self._tick)
        for port in self.live:
            port.check_end()
        now = self._loop.time()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY
            self._sweep()
        if now >= self._next_use:
            self._next_use = now + USE_EVERY
            self._tell_use()
        if not self.busy and self._listener is not None:
            self._listener.idle()

    def _tell_use(self) -> None:
        for port in self._ports.values():
            epoch = port.entry.epoch
            if port.take_use() and epoch is not None and self._listener is not None:
                self._listener.used(port.worker, epoch)

    def _sweep(self) -> None:
        for port in tuple(self._ports.values()):
            for connection in tuple(port.connections):
                connection.check()

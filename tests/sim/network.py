"""A network in memory: late, one-way, cut, repeating itself, by one seeded generator."""

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from boruta_farm.model.errors import UnavailableError
from tests.sim.processes import Process
from tests.sim.trace import Trace

Answer = TypeVar("Answer")

Listener = Callable[["End", str, str], None]
"""Takes a socket, the caller's host and its credential."""

DIAL_WITHIN = 10.0
CALL_WITHIN = 30.0
BEAT, READY = '"method":"heartbeat"', '"ready":true'
QUICK, SLOW = (0.0005, 0.02), (0.2, 4.0)


class LostError(Exception):
    """nobody answered: whether the call was done is not known"""


@dataclass(slots=True)
class Noise:
    """Say how many of a thousand frames are lost, told twice, or overtaken by others."""

    lost: int = 0
    twice: int = 0
    overtaken: int = 0


@dataclass(eq=False, slots=True)
class End:
    """Be one end of a connection; the contract ``link.socket.Socket``."""

    network: "Network"
    host: str
    process: Process
    other: "End" = field(init=False)
    inbox: "asyncio.Queue[str | None]" = field(default_factory=asyncio.Queue)
    closed: bool = False
    over: bool = False
    last: float = 0.0

    async def send(self, text: str) -> None:
        """Send one message. Raises ConnectionResetError once this end was closed."""
        if self.closed or self.process.dead:
            raise ConnectionResetError("the connection has gone")
        self.network.carry(self, text)

    async def receive(self) -> str | None:
        """Return the next message, None once the other end has closed."""
        if self.over:
            return None
        text = await self.inbox.get()
        self.over = text is None
        return text

    async def close(self, code: int, reason: str) -> None:
        """Close this end; the other hears of it when the network tells it."""
        self.vanish()

    def vanish(self, *, told: bool = True) -> None:
        """Be gone; without ``told`` the other end hears nothing, as of a machine without power."""
        if not self.closed:
            self.closed = True
            self.inbox.put_nowait(None)
            self.network.ends.pop(self, None)
            if told:
                self.network.carry(self, None)


class Network:
    """Carry frames between hosts; ``cut`` holds the directions in which nothing passes.

    What is sent in a cut direction arrives when that is whole again, as TCP sends it anew.
    """

    def __init__(self, chance: Random, trace: Trace) -> None:
        self._chance = chance
        self._trace = trace
        self._held: dict[tuple[str, str], deque[tuple[End, str | None]]] = defaultdict(deque)
        self._whole: dict[tuple[str, str], asyncio.Event] = {}
        self._neutral = Context()
        self.cut: set[tuple[str, str]] = set()
        self.slow: set[str] = set()
        self.noise: dict[str, Noise] = {}
        self.ends: dict[End, None] = {}
        self.listeners: dict[str, tuple[Process, Listener]] = {}
        """Who takes what is dialled to a host."""
        self.beats: dict[tuple[str, str], float] = {}
        """When a heartbeat of a host that can be called last reached another."""
        self.faults = 0

    def sever(self, source: str, target: str) -> None:
        """Let nothing pass from one host to another."""
        self.cut.add((source, target))

    def heal(self, source: str, target: str) -> None:
        """Let pass what was held up, and what comes."""
        self.cut.discard((source, target))
        for end, text in self._held.pop((source, target), ()):
            self.carry(end, text)
        if (whole := self._whole.pop((source, target), None)) is not None:
            whole.set()

    def heal_all(self) -> None:
        """Be a good network again."""
        self.slow.clear()
        self.noise.clear()
        for source, target in sorted(self.cut):
            self.heal(source, target)

    def drop(self, process: Process, *, told: bool = True) -> None:
        """Lose all connections of a process that is gone."""
        for end in [end for end in self.ends if end.process is process]:
            end.vanish(told=told)

    def reset(self, host: str) -> None:
        """Break all connections of a host, of which both ends hear."""
        for end in [end for end in self.ends if end.host == host and not end.process.dead]:
            end.other.vanish(told=False)
            end.vanish(told=False)

    async def dial(self, source: str, process: Process, target: str, credential: str) -> End:
        """Open a connection. Raises UnavailableError."""
        try:
            async with asyncio.timeout(DIAL_WITHIN):
                await self.hop(source, target)
                listener = self.listeners.get(target)
                await self.hop(target, source)
        except TimeoutError:
            raise UnavailableError(f"{target} is out of reach") from None
        if listener is None or self.listeners.get(target) is not listener:
            raise UnavailableError(f"{target} refuses connections")
        owner, take = listener
        near, far = End(self, source, process), End(self, target, owner)
        near.other, far.other = far, near
        self.ends[near] = self.ends[far] = None
        self._neutral.run(take, far, source, credential)
        return near

    async def call(
        self,
        source: str,
        target: str,
        process: Process | None,
        work: Callable[[], Coroutine[Any, Any, Answer]],
    ) -> Answer:
        """Have a process do something and return its answer. Raises what that raises, LostError.

        ``process`` None is one that is not there.
        """
        try:
            async with asyncio.timeout(CALL_WITHIN):
                await self.hop(source, target)
                if process is None or process.dead:
                    raise LostError
                task = process.spawn(work())
                task.add_done_callback(_heard)
                await first(task, process.death.wait())
                if not task.done():
                    raise LostError
                if task.cancelled() or process.dead:
                    raise LostError
                error = task.exception()
                if error is not None and not isinstance(error, Exception):
                    raise LostError
                await self.hop(target, source)
        except TimeoutError:
            raise LostError from None
        return task.result()

    async def hop(self, source: str, target: str) -> None:
        """Take as long as a packet does, which may be for ever."""
        await asyncio.sleep(self._latency(source, target))
        while (source, target) in self.cut:
            await self._whole.setdefault((source, target), asyncio.Event()).wait()

    def carry(self, end: End, text: str | None) -> None:
        """Bring a frame, or the news that an end was closed, to the other end."""
        source, target = end.host, end.other.host
        if (source, target) in self.cut:
            self._held[source, target].append((end, text))
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + self._latency(source, target)
        noise = self.noise.get(source) or self.noise.get(target)
        if noise is not None and text is not None:
            drawn = self._chance.randrange(1000)
            if drawn < noise.lost:
                self.faults += 1
                return
            if drawn < noise.lost + noise.twice:
                self.faults += 1
                loop.call_at(at + 0.01, self._deliver, end, text, context=self._neutral)
            elif drawn < noise.lost + noise.twice + noise.overtaken:
                self.faults += 1
                loop.call_at(at + 0.5, self._deliver, end, text, context=self._neutral)
                return
        # Later by the least there is: timers of the same time run in no order of their own.
        end.last = at = max(at, math.nextafter(end.last, math.inf))
        loop.call_at(at, self._deliver, end, text, context=self._neutral)

    def _deliver(self, end: End, text: str | None) -> None:
        other = end.other
        self._trace.note("frame", end.host, other.host, text)
        if other.closed or other.process.dead:
            if text is not None and not end.closed:
                # The machine there knows no such connection (RST).
                self.carry(other, None)
            return
        if text is not None and BEAT in text and READY in text:
            self.beats[end.host, other.host] = asyncio.get_running_loop().time()
        other.inbox.put_nowait(text)

    def _latency(self, source: str, target: str) -> float:
        low, high = SLOW if source in self.slow or target in self.slow else QUICK
        return self._chance.uniform(low, high)


async def first(task: "asyncio.Task[Any]", other: Awaitable[Any]) -> None:
    """Wait for a task or something else; the task goes on either way."""
    waiting = asyncio.ensure_future(other)
    try:
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


def _heard(task: "asyncio.Task[Any]") -> None:
    """Note what a call has raised though whoever made it may be gone."""
    if not task.cancelled():
        task.exception()

"""A switchboard in this process, with a clock of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.access.sockets import LOOPBACK

from boruta_farm.access.messages import RouteEntry
from boruta_farm.access.ports import PortLimits, boottime
from boruta_farm.access.splice import Splicer
from boruta_farm.access.switchboard import Switchboard

WITHIN = 60.0


class Heard:
    """Collect what a switchboard tells."""

    def __init__(self) -> None:
        self.failures: list[tuple[str, int, str]] = []
        self.releases: list[tuple[str, int]] = []
        self.counts: dict[str, int] = {}
        self.bound_now: dict[str, int] = {}
        self.idles = 0
        self.uses: list[tuple[str, int]] = []
        self._news = asyncio.Event()

    def bound(self, worker: str, port: int) -> None:
        self.bound_now[worker] = port
        self._news.set()

    def bind_failed(self, worker: str, port: int, reason: str) -> None:
        self.failures.append((worker, port, reason))
        self._news.set()

    def released(self, worker: str, port: int) -> None:
        self.releases.append((worker, port))
        self._news.set()

    def counted(self, worker: str, connections: int) -> None:
        self.counts[worker] = connections
        self._news.set()

    def used(self, worker: str, epoch: int) -> None:
        self.uses.append((worker, epoch))
        self._news.set()

    def idle(self) -> None:
        self.idles += 1
        self._news.set()

    async def until(self, told: Callable[["Heard"], bool]) -> None:
        """Return when what was told fulfils a condition."""
        async with asyncio.timeout(WITHIN):
            while not told(self):
                self._news.clear()
                await self._news.wait()


class Sleeper:
    """A steady clock that can be set forward, as a machine's sleep does."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> float:
        return boottime() + self.slept


class Exchange:
    """A switchboard and what it told."""

    def __init__(self, board: Switchboard, heard: Heard, sleeper: Sleeper) -> None:
        self.board = board
        self.heard = heard
        self.sleeper = sleeper

    def put(self, entry: RouteEntry) -> int:
        """Put an entry and return the port that is bound for it."""
        self.board.put(entry)
        port = self.board.port(entry.worker)
        assert port is not None
        return port.number

    def replace(self, *entries: RouteEntry) -> None:
        """Apply a full wanted set on loopback."""
        self.board.replace(LOOPBACK, entries)


@asynccontextmanager
async def exchange(
    *,
    per_port: int = 64,
    in_total: int = 4096,
    grant_wait: float = 20.0,
    silent: int = 64,
    at_board: int = 64,
    patience: float = 60.0,
) -> AsyncIterator[Exchange]:
    """Run a switchboard."""
    heard, sleeper = Heard(), Sleeper()
    limits = PortLimits(
        per_port=per_port,
        in_total=in_total,
        grant_wait=grant_wait,
        silent_per_source=silent,
        silent_at_board=at_board,
        patience=patience,
        clock=sleeper.now,
    )
    board = Switchboard(asyncio.get_running_loop(), splicer=Splicer(4), limits=limits)
    board.tell(heard)
    try:
        yield Exchange(board, heard, sleeper)
    finally:
        async with asyncio.timeout(WITHIN):
            await board.close()
        assert limits.open == 0


def entry(
    target: int,
    *,
    worker: str = "w1",
    port: int = 0,
    epoch: int | None = None,
    cut_in: float = 3600.0,
    host: str = LOOPBACK,
) -> RouteEntry:
    """Return an entry on any free port."""
    return RouteEntry(
        worker=worker,
        port=port,
        host=host,
        target=target,
        epoch=epoch,
        cut_in=None if epoch is None else cut_in,
    )

"""A whole farm in one process under virtual time, which can crash and start again."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from boruta_farm.boards.confirmation import Confirmation
from boruta_farm.boards.fenced import Fenced
from boruta_farm.boards.presence import Presence
from boruta_farm.boards.recovery import Recovery
from boruta_farm.boards.runner import Runner
from boruta_farm.clock import VirtualClock
from boruta_farm.farm.assembly import AssembledFarm
from boruta_farm.model.errors import AgentUnreachableError, StaleEpochError, UnavailableError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence, KeyPair, Worker
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.testing.boards import SimulatedBoard, SimulatedBoards


class CountingPool:
    """Hand out keys that are only numbered."""

    def __init__(self) -> None:
        self._made = 0
        self._returned: list[KeyPair] = []

    async def take(self) -> KeyPair:
        """Return a key nobody has seen."""
        return self.at_hand()

    def at_hand(self) -> KeyPair:
        """Return a key nobody has seen, at once."""
        if self._returned:
            return self._returned.pop()
        self._made += 1
        return KeyPair(public=f"ssh-rsa {self._made}", private=f"private {self._made}")

    def give_back(self, key: KeyPair) -> None:
        """Take back a key that was never handed out."""
        self._returned.append(key)


class OpenDoors:
    """Have every board's port bound at once, but while there is no relay."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._trouble: str | None = None
        self._since: datetime | None = datetime.min.replace(tzinfo=UTC)

    def shut(self, trouble: str) -> None:
        """Have no relay."""
        self._open.clear()
        self._trouble, self._since = trouble, None

    def unlock(self, now: datetime) -> None:
        """Have a relay again."""
        self._open.set()
        self._trouble, self._since = None, now

    async def ready(self, worker: str) -> None:
        """Return once there is a relay."""
        await self._open.wait()

    def alive(self) -> str | None:
        """Return None while there is a relay."""
        return self._trouble

    def well_since(self) -> datetime | None:
        """Return since when there is a relay."""
        return self._since

    def used(self, worker: str) -> bool:
        """Have nobody come."""
        return False


class NoDialler:
    """Reach no board: all have a fence."""

    def dial(self, worker: Worker) -> NoReturn:
        """Refuse to call a board."""
        raise AgentUnreachableError

    async def knock(self, worker: Worker) -> None:
        """Refuse to reach a board."""
        raise AgentUnreachableError


class PlainCipher:
    """Seal by naming the context, so that a test sees what was sealed for what."""

    def seal(self, plain: bytes, context: str) -> bytes:
        """Return context and text."""
        return f"{context}|".encode() + plain

    def derive(self, purpose: str) -> bytes:
        """Return the purpose, as long as a secret."""
        return purpose.encode().ljust(32)[:32]

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return the text. Raises ValueError for another context."""
        found, _, plain = sealed.partition(b"|")
        if found.decode() != context:
            raise ValueError(f"sealed for {found.decode()}, not {context}")
        return plain


class SimulatedFarm:
    """Run the real farm over a real SQLite file, with simulated boards and who looks after them.

    ``started`` is when the server was started last. ``boot`` names the run of the machine,
    ``synchronised`` whether it vouches for its clock, which is set by ``clock.wall_ahead``.
    """

    def __init__(
        self,
        path: Path,
        settings: FarmSettings | None = None,
        clock: VirtualClock | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.boot = "boot-1"
        self.synchronised = False
        self.settings = settings or FarmSettings()
        self.boards: dict[str, SimulatedBoard] = {}
        self._path = path
        self._pool = CountingPool()
        self.doors = OpenDoors()
        self.started = datetime.min.replace(tzinfo=UTC)
        self._tasks: list[asyncio.Task[Any]] = []
        self._connected: set[str] = set()

    async def start(self) -> None:
        """Start the server, from nothing or from what an earlier one left."""
        self.clock.read_wall()
        self.started = self.clock.now()
        if self.doors.alive() is None:
            self.doors.unlock(self.started)
        self.store = SqliteStore(self._path, self.clock, self.settings, inline=True)
        await self.store.start()
        self.links = SimulatedBoards(self.clock)
        self.farm = farm = AssembledFarm(
            self.store,
            self.settings,
            self.clock,
            PlainCipher(),
            self.links,
            boot=self.boot,
            trusted=lambda: self.synchronised,
        )
        await farm.timekeeper.begin()
        fleet, reports = farm.fleet, farm.reports
        farm.relay = self.doors
        ready_timeout = self.settings.ready_timeout
        fenced = Fenced(fleet, reports, self._pool, self.doors, self.clock, ready_timeout)
        runner = Runner(fleet, reports, {Fence.AGENT: fenced})
        presence = Presence(fleet, reports, self.clock, self.settings.lost_grace)
        recovery = Recovery(fleet, reports, NoDialler())
        confirmation = Confirmation(fleet, reports, OpenDoors(), self.clock)
        parts = (farm.timekeeper.keep_time, farm.matcher.keep_matching, farm.ticker.tick)
        followers = (farm.judging.follow, fleet.follow, runner.attend)
        watchers = (presence.watch, confirmation.watch, recovery.retry)
        for part in (*parts, *followers, *watchers):
            self._spawn(part())
        self._spawn(farm.run_owed())
        self._spawn(self._end_sessions())
        for uuid in sorted(self._connected):
            await self.connect(self.boards[uuid])

    async def crash(self) -> None:
        """Stop the server as kill -9 does: whatever it was doing is not finished."""
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self.store.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def connect(self, board: SimulatedBoard) -> None:
        """Let a board register, and keep its connection when it may."""
        self.boards[board.uuid] = board
        self._connected.add(board.uuid)
        await self.farm.superviser.register(board.registration())
        self.links.connect(board)

    def disconnect(self, uuid: str) -> None:
        """Cut a board's connection."""
        self._connected.discard(uuid)
        self.links.drop(uuid)

    async def settle(self, seconds: float = 0.1) -> None:
        """Let time pass and everything happen that follows. Raises what a part failed with."""
        await asyncio.sleep(seconds)
        for task in self._tasks:
            if task.done():
                task.result()

    def run_beside(self, work: Coroutine[Any, Any, object]) -> None:
        """Run one more part until the crash."""
        self._spawn(work)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def _tell_ready(self, board: SimulatedBoard) -> None:
        """Tell what came of flashing and booting, as long as the farm waits for it."""
        if board.readying is None or board.uuid not in self._connected or board.granted is not None:
            return
        epoch, _ = board.readying
        try:
            if board.trouble is None:
                await self.farm.reports.readied(board.uuid, epoch)
            else:
                await self.farm.reports.unready(board.uuid, epoch, board.trouble)
        except (StaleEpochError, UnavailableError):
            return

    async def _end_sessions(self) -> None:
        """Play the agents' own timers: a session ends at the end its agent stored."""
        while True:
            await asyncio.sleep(1)
            now = asyncio.get_running_loop().time()
            for board in self.boards.values():
                if board.readying is not None and now >= board.ready_at:
                    await self._tell_ready(board)
                epoch = board.granted
                if epoch is None or now < board.ends:
                    continue
                board.close_session()
                if board.uuid in self._connected:
                    try:
                        await self.farm.reports.ended(board.uuid, epoch)
                    except (StaleEpochError, UnavailableError):
                        continue

"""A board without hardware: what an agent's crash or reboot leaves behind is its own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from boruta_farm.clock import VirtualClock
from boruta_farm.contracts import Prepared
from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.fence import BoardFence
from boruta_farm.dryad.state import AgentState, Phase
from boruta_farm.model.errors import BoardError, KeyRefusedError, StoreError
from boruta_farm.model.readiness import Readiness
from boruta_farm.testing.loop import run_virtual

OLD, NEW = "ssh-ed25519 OLD", "ssh-ed25519 NEW"


class Mood(StrEnum):
    """How the driver works at the moment."""

    WELL = "well"
    FAILS = "fails before it has done anything"
    BREAKS = "fails after it has done all"
    CRASHES = "has a fault of its own"
    HANGS = "never comes back"


@dataclass(slots=True)
class Board:
    """The machine: who could log in now, and what users have left on it."""

    key: str | None = None
    session: bool = False
    leftovers: set[str] = field(default_factory=set)
    notice: str | None = None
    key_ends_in: float | None = None
    keys: tuple[str, ...] = ()
    certificate: str | None = None
    parted: list[tuple[str, ...]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def log_in(self, what: str) -> bool:
        """Leave something behind, if anybody can log in."""
        if self.key is None:
            return False
        self.leftovers.add(what)
        return True

    def reboot(self) -> None:
        """Lose the session; its key and files lie on the disk still."""
        self.session = False


class FakeDriver(Driver):
    """A driver for such a board, which notes what it was asked."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.mood = Mood.WELL
        self.refuses = False
        self.calls: list[str] = []
        self.busy = 0
        self.making: Readiness | None = None
        self.within = 0.0
        self.made = asyncio.Event()
        self.fault: Exception | None = None
        self.loss = ""
        self.tell: Callable[[str], None] | None = None

    @property
    def ssh_address(self) -> str:
        return "127.0.0.1:2222"

    async def start(self) -> None:
        self.calls.append("start")

    async def close(self) -> None:
        self.calls.append("close")

    async def resume(self, key: str) -> bool:
        await self._begin("resume")
        if self.board.session:
            self.board.key = key
        self._finish()
        return self.board.session

    async def prepare(self, key: str) -> Prepared:
        await self._begin("prepare")
        self._wipe()
        self.board.key, self.board.session, self.board.notice = key, True, None
        self._finish()
        return Prepared(username="boruta-user", host_key="ssh-ed25519 HOST")

    async def authorize(self, key: str) -> None:
        await self._begin("authorize")
        if self.refuses:
            raise KeyRefusedError("this key cannot be used")
        self.board.key = key
        self._finish()

    async def let_in(self, keys: tuple[str, ...], leaving: tuple[str, ...]) -> None:
        await self._begin("let_in")
        self.board.keys = keys
        self.board.parted.append(leaving)
        self._finish()

    async def certify(self, certificate: str) -> None:
        await self._begin("certify")
        self.board.certificate = certificate
        self._finish()

    async def lost(self) -> str:
        return self.loss

    async def visitors(self) -> dict[str, int]:
        return dict.fromkeys(self.board.keys, 1)

    async def expire_in(self, remaining: float) -> None:
        await self._begin("expire_in", takes=0.0)
        self.board.key_ends_in = remaining
        self._finish()

    async def clean(self) -> tuple[str, ...]:
        assert self.making is None, "it is cleaned while it is made ready"
        await self._begin("clean")
        found = tuple(sorted(self.board.leftovers))
        self._wipe()
        self._finish()
        return found

    async def warn(self, message: str) -> None:
        await self._begin("warn")
        self.board.warnings.append(message)
        self._finish()

    async def put_in_maintenance(self, message: str) -> None:
        await self._begin("put_in_maintenance")
        self.board.notice = message
        self._finish()

    async def make_ready(
        self, wanted: Readiness, within: float, tell: Callable[[str], None]
    ) -> None:
        assert self.making is None, "it is made ready twice at once"
        assert self.busy == 0, "it is made ready while another operation is under way"
        self.calls.append("make_ready")
        self.making, self.within, self.tell = wanted, within, tell
        try:
            tell("writing")
            await self.made.wait()
            if self.fault is not None:
                raise self.fault
        finally:
            self.making = None

    async def healthcheck(self) -> None:
        await self._begin("healthcheck")
        self._finish()

    async def test(self) -> None:
        await self._begin("test", takes=0.0)
        self._finish()

    async def facts(self) -> dict[str, str]:
        await self._begin("facts")
        self._finish()
        return {"Kind": "fake"}

    def _wipe(self) -> None:
        self.board.leftovers.clear()
        self.board.key, self.board.session, self.board.keys = None, False, ()

    async def _begin(self, call: str, takes: float = 0.01) -> None:
        assert self.busy == 0, f"{call} while another operation is under way"
        self.calls.append(call)
        self.busy += 1
        try:
            if self.mood is Mood.HANGS:
                await asyncio.get_running_loop().create_future()
            if self.mood is Mood.FAILS:
                raise BoardError(f"{call} failed")
            if self.mood is Mood.CRASHES:
                raise ZeroDivisionError(call)
            await asyncio.sleep(takes)
        finally:
            self.busy -= 1

    def _finish(self) -> None:
        if self.mood is Mood.BREAKS:
            raise BoardError("failed at the last step")


class MemoryStore:
    """What survives the agent; ``full`` makes storing fail."""

    def __init__(self) -> None:
        self.state: AgentState | None = None
        self.full = False
        self.saved: list[AgentState] = []

    def load(self) -> AgentState | None:
        return self.state

    def save(self, state: AgentState) -> None:
        if self.full:
            raise StoreError("the disk is full")
        self.state = state
        self.saved.append(state)


@dataclass(slots=True)
class Lab:
    """One board with its agent's memory, and the fence that runs at the moment."""

    board: Board = field(default_factory=Board)
    store: MemoryStore = field(default_factory=MemoryStore)
    boot: int = 1
    driver: FakeDriver = field(init=False)
    fence: BoardFence = field(init=False)

    async def start(self, mood: Mood = Mood.WELL) -> BoardFence:
        """Start the agent."""
        self.driver = FakeDriver(self.board)
        self.driver.mood = mood
        self.fence = BoardFence(self.driver, self.store, VirtualClock(), f"boot-{self.boot}")
        await self.fence.start()
        return self.fence

    def phase(self) -> Phase:
        """Return how far the fence has come."""
        return self.fence.state.phase

    def key(self) -> str | None:
        """Return the key that opens the board now."""
        return self.board.key

    def wanted(self) -> Readiness | None:
        """Return what the board is being made ready for now."""
        return self.driver.making

    async def kill(self) -> None:
        """End the agent as kill -9 does: nothing of it runs any more."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def reboot(self) -> None:
        """Cut the supervisor's power, and bring it back."""
        await self.kill()
        self.boot += 1
        self.board.reboot()

    async def lend(self, epoch: int, remaining: float = 100.0) -> BoardFence:
        """Bring the board to a granted job."""
        await self.fence.clean(epoch)
        await self.fence.prepare(OLD, epoch=epoch)
        await self.fence.grant(epoch, remaining, None)
        return self.fence


def play(scene: Callable[[Lab], Awaitable[None]]) -> None:
    """Run a scene with a started agent on a fresh board, under virtual time."""

    async def main() -> None:
        lab = Lab()
        await lab.start()
        await scene(lab)
        await lab.fence.close()

    run_virtual(main())


def now() -> float:
    """Return the virtual time."""
    return asyncio.get_running_loop().time()

"""Boards in memory that keep the fence's promises, and misbehave on request."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from boruta_farm.clock import Clock
from boruta_farm.contracts import CleanReport, FencedDryad, Prepared
from boruta_farm.model.errors import AgentUnreachableError, BoardError, StaleEpochError
from boruta_farm.model.readiness import Readiness
from boruta_farm.model.worker import Fence, Registration

Answer = TypeVar("Answer")
LATE = 3.0
"""Seconds a late board takes for each answer."""


class Manner(StrEnum):
    """How a board answers."""

    WELL = "well"
    LATE = "late"
    NEVER = "never"
    BADLY = "badly"
    LOST = "does it, but the answer is lost"


@dataclass(slots=True)
class SimulatedBoard:
    """Keep what a board's agent stores, and who was let in since the board was last cleaned."""

    uuid: str
    caps: dict[str, str]
    name: str = "board"
    manner: Manner = Manner.WELL
    boot: int = 1
    epoch: int = 0
    cleaned: int = 0
    key: str | None = None
    granted: int | None = None
    sequence: int = 0
    ends: float = 0.0
    ssh_port: int = 22
    host_key: str | None = "ssh-ed25519 HOST"
    certificate: str | None = None
    let_in: set[str] = field(default_factory=set)
    many_keys: bool = True
    keys: tuple[str, ...] = ()
    keys_sequence: int = 0
    visits: dict[str, int] = field(default_factory=dict)
    ready_after: float = 2.0
    """Seconds that flashing and booting take."""
    facts: dict[str, str] | None = None
    trouble: str | None = None
    """Why flashing and booting fail, None where they succeed."""
    readying: tuple[int, Readiness] | None = None
    ready_at: float = 0.0

    def registration(self) -> Registration:
        """Return what the board says when it registers."""
        return Registration(
            caps={"UUID": self.uuid, **self.caps},
            dryad_address="10.0.0.1:7175",
            ssh_address=f"10.0.0.1:{self.ssh_port}",
            fence=Fence.AGENT,
            name=self.name,
            epoch=self.epoch,
            boot_id=f"boot-{self.boot}",
            credential=f"credential of {self.uuid}",
            many_keys=self.many_keys,
            facts=self.facts,
        )

    def close_session(self) -> None:
        """Let nobody in any more; what the user left stays until the next clean-up."""
        self.key = self.granted = self.readying = None
        self.keys, self.keys_sequence, self.visits = (), 0, {}

    def wipe(self) -> None:
        """Remove all that any user left."""
        self.close_session()
        self.let_in.clear()

    def reboot(self) -> None:
        """Lose the session and what it left; what the agent stored stays."""
        self.boot += 1
        self.wipe()


class SimulatedConnection:
    """Talk to a board's agent over one connection; a dropped one answers no more."""

    def __init__(self, board: SimulatedBoard) -> None:
        self.board = board
        self.dropped = asyncio.Event()

    async def clean(self, epoch: int) -> CleanReport:
        """End any earlier session; repeating it for the present epoch ends nothing."""
        await self._listen()
        return self._answer(self._clean(epoch))

    async def prepare(self, key: str, *, epoch: int) -> Prepared:
        """Install the key on a clean board."""
        await self._listen()
        return self._answer(self._prepare(key, epoch))

    async def recycle(self, key: str, *, epoch: int) -> tuple[CleanReport, Prepared]:
        """Do both in turn; a lost answer is that to both."""
        await self._listen()
        return self._answer((self._clean(epoch), self._prepare(key, epoch)))

    def _clean(self, epoch: int) -> CleanReport:
        board = self.board
        if epoch < board.epoch:
            raise StaleEpochError
        if epoch > board.cleaned:
            board.wipe()
            board.epoch = board.cleaned = epoch
        return CleanReport(epoch=epoch)

    def _prepare(self, key: str, epoch: int) -> Prepared:
        board = self.board
        if epoch < board.epoch:
            raise StaleEpochError
        if board.cleaned != epoch or board.granted == epoch:
            raise BoardError(f"epoch {epoch} was not cleaned")
        board.key = key
        return Prepared(username="boruta-user", host_key=board.host_key)

    async def ready(self, epoch: int, wanted: Readiness, within: float) -> None:
        """Begin to flash and boot; the farm that plays the agents' timers tells the outcome."""
        await self._listen()
        board = self.board
        if epoch != board.epoch or board.granted == epoch:
            raise StaleEpochError
        if board.key is None:
            raise BoardError("nothing is prepared here")
        if board.readying != (epoch, wanted):
            board.readying = epoch, wanted
            board.ready_at = asyncio.get_running_loop().time() + board.ready_after
        self._answer(None)

    async def grant(self, epoch: int, remaining: float, key: str | None) -> None:
        """Let the user in until the end, which the board then enforces by itself."""
        await self._listen()
        board = self.board
        if epoch != board.epoch:
            raise StaleEpochError
        if board.key is None:
            raise BoardError("nothing is prepared here")
        board.key = key or board.key
        board.granted = epoch
        board.ends = asyncio.get_running_loop().time() + remaining
        board.let_in.add(board.key)
        self._answer(None)

    async def extend(self, epoch: int, sequence: int, remaining: float) -> None:
        """Store a later end."""
        await self._listen()
        board = self.board
        if board.granted != epoch:
            raise StaleEpochError
        if sequence > board.sequence:
            board.sequence = sequence
            board.ends = asyncio.get_running_loop().time() + remaining
        self._answer(None)

    async def set_keys(
        self, epoch: int, sequence: int, keys: tuple[str, ...], staying: tuple[str, ...] = ()
    ) -> None:
        """Let more keys in, and end what others but those ``staying`` have opened."""
        await self._listen()
        board = self.board
        if board.granted != epoch:
            raise StaleEpochError
        if sequence > board.keys_sequence:
            board.keys_sequence, board.keys = sequence, keys
            board.visits = {
                key: count
                for key, count in board.visits.items()
                if key in (*keys, *staying, board.key)
            }
        self._answer(None)

    async def sessions(self, epoch: int) -> dict[str, int]:
        """Tell who is there."""
        await self._listen()
        if self.board.granted != epoch:
            raise StaleEpochError
        return self._answer(dict(self.board.visits))

    async def certify(self, epoch: int, certificate: str) -> None:
        """Show a certificate of the host key."""
        await self._listen()
        if self.board.granted != epoch:
            raise StaleEpochError
        self.board.certificate = certificate
        self._answer(None)

    async def end(self, epoch: int) -> None:
        """End the session."""
        await self._listen()
        if epoch < self.board.epoch:
            raise StaleEpochError
        self.board.close_session()
        self._answer(None)

    async def put_in_maintenance(self, message: str) -> None:
        """Show a message on a board that nobody can be on."""
        await self._listen()
        if self.board.key is not None:
            raise BoardError("a session is open: the board must be cleaned first")
        self._answer(None)

    async def healthcheck(self) -> None:
        """Answer that all is well, unless the board's manner says otherwise."""
        await self._listen()
        self._answer(None)

    async def _listen(self) -> None:
        """Behave as the board does today. Raises AgentUnreachableError once dropped."""
        pause = {Manner.LATE: LATE, Manner.NEVER: None}.get(self.board.manner, 0.0)
        if pause != 0.0:
            try:
                async with asyncio.timeout(pause):
                    await self.dropped.wait()
            except TimeoutError:
                pass
        if self.dropped.is_set():
            raise AgentUnreachableError
        if self.board.manner is Manner.BADLY:
            raise BoardError("simulated fault")

    def _answer(self, answer: Answer) -> Answer:
        if self.board.manner is Manner.LOST:
            raise AgentUnreachableError
        return answer


class SimulatedWatch:
    """Tell which boards came or went."""

    def __init__(self, boards: "SimulatedBoards") -> None:
        self._boards = boards
        self.changed: asyncio.Queue[str] = asyncio.Queue()

    async def next(self) -> str:
        """Return the next board whose connection changed."""
        return await self.changed.get()

    def close(self) -> None:
        """End the subscription."""
        self._boards.watches.discard(self)


class SimulatedBoards:
    """Know which boards are connected: the contract Boards without a network."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._connections: dict[str, SimulatedConnection] = {}
        self._contacts: dict[str, float] = {}
        self.watches: set[SimulatedWatch] = set()

    def fenced(self, uuid: str) -> FencedDryad | None:
        """Return the board's agent while it is connected."""
        return self._connections.get(uuid)

    def contact(self, uuid: str) -> float | None:
        """Return now for a connected board, else when it was dropped."""
        return self._clock.monotonic() if uuid in self._connections else self._contacts.get(uuid)

    def watch(self) -> SimulatedWatch:
        """Return a subscription."""
        watch = SimulatedWatch(self)
        self.watches.add(watch)
        return watch

    def connect(self, board: SimulatedBoard) -> None:
        """Take a board's new connection, which replaces an older one."""
        self.drop(board.uuid)
        self._connections[board.uuid] = SimulatedConnection(board)
        self._tell(board.uuid)

    def drop(self, uuid: str) -> None:
        """Lose a board's connection, harmless when there is none."""
        connection = self._connections.pop(uuid, None)
        if connection is not None:
            connection.dropped.set()
            self._contacts[uuid] = self._clock.monotonic()
            self._tell(uuid)

    def _tell(self, uuid: str) -> None:
        for watch in self.watches:
            watch.changed.put_nowait(uuid)

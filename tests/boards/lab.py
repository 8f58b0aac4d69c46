"""A farm under virtual time whose boards' calls are all seen."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from boruta_farm.clock import Clock
from boruta_farm.contracts import CleanReport, Prepared
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import BoardError
from boruta_farm.model.readiness import Readiness
from boruta_farm.model.request import NewRequest, Request
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.testing import simulation
from boruta_farm.testing.boards import Manner, SimulatedBoard, SimulatedBoards, SimulatedConnection
from boruta_farm.testing.loop import run_virtual
from boruta_farm.testing.simulation import SimulatedFarm

MAINTENANCE, IDLE = WorkerState.MAINTENANCE, WorkerState.IDLE
PREPARE, RUNNING, BUSY = WorkerState.PREPARE, WorkerState.RUNNING, WorkerState.BUSY
FAILED = WorkerState.FAILED


@dataclass
class Witness:
    """See when which call began on which board, and how many ran there at once.

    ``faults`` names calls that fail, with the board's words, as errors of this ``kind``. ``within``
    are the seconds that boards were given to be made ready.
    """

    now: Callable[[], float]
    faults: dict[str, str] = field(default_factory=dict)
    kind: type[BoardError] = BoardError
    calls: list[tuple[float, str, str]] = field(default_factory=list)
    within: list[int] = field(default_factory=list)
    most_at_once: Counter[str] = field(default_factory=Counter)
    _running: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def noting(self, uuid: str, name: str) -> Iterator[None]:
        """Note a call for the time it takes."""
        self.calls.append((self.now(), uuid, name))
        self._running[uuid] += 1
        self.most_at_once[uuid] = max(self.most_at_once[uuid], self._running[uuid])
        try:
            if name in self.faults:
                raise self.kind(self.faults[name])
            yield
        finally:
            self._running[uuid] -= 1

    def names(self) -> list[str]:
        """Return the calls seen so far, in order."""
        return [name for _, _, name in self.calls]

    def times(self, name: str) -> list[int]:
        """Return when a call was made, in whole seconds."""
        return [round(when) for when, _, called in self.calls if called == name]


class WitnessedConnection(SimulatedConnection):
    """Tell a witness of every call that the runner makes."""

    def __init__(self, board: SimulatedBoard, witness: Witness) -> None:
        super().__init__(board)
        self._witness = witness

    async def clean(self, epoch: int) -> CleanReport:
        with self._witness.noting(self.board.uuid, "clean"):
            return await super().clean(epoch)

    async def prepare(self, key: str, *, epoch: int) -> Prepared:
        with self._witness.noting(self.board.uuid, "prepare"):
            return await super().prepare(key, epoch=epoch)

    async def recycle(self, key: str, *, epoch: int) -> tuple[CleanReport, Prepared]:
        with self._witness.noting(self.board.uuid, "clean"):
            pass
        with self._witness.noting(self.board.uuid, "prepare"):
            return await super().recycle(key, epoch=epoch)

    async def grant(self, epoch: int, remaining: float, key: str | None) -> None:
        with self._witness.noting(self.board.uuid, "grant"):
            await super().grant(epoch, remaining, key)

    async def ready(self, epoch: int, wanted: Readiness, within: float) -> None:
        with self._witness.noting(self.board.uuid, "ready"):
            self._witness.within.append(round(within))
            await super().ready(epoch, wanted, within)

    async def put_in_maintenance(self, message: str) -> None:
        with self._witness.noting(self.board.uuid, "put_in_maintenance"):
            await super().put_in_maintenance(message)

    async def healthcheck(self) -> None:
        with self._witness.noting(self.board.uuid, "healthcheck"):
            await super().healthcheck()


class WitnessedBoards(SimulatedBoards):
    """Take connections that tell the witness."""

    def __init__(self, clock: Clock, witness: Witness) -> None:
        super().__init__(clock)
        self._witness = witness

    def connect(self, board: SimulatedBoard) -> None:
        self.drop(board.uuid)
        self._connections[board.uuid] = WitnessedConnection(board, self._witness)
        self._tell(board.uuid)


class Lab(SimulatedFarm):
    """Add boards and requests by short names, and read them back."""

    def __init__(self, path: Path, settings: FarmSettings | None = None) -> None:
        super().__init__(path, settings)
        self.witness = Witness(self.clock.monotonic)

    async def add(self, number: int = 1, manner: Manner = Manner.WELL) -> SimulatedBoard:
        """Connect a new board and send its worker to IDLE."""
        uuid = f"00000000-0000-4000-8000-{number:012}"
        board = SimulatedBoard(uuid=uuid, caps={"n": str(number)}, name=f"n{number}", manner=manner)
        await self.connect(board)
        await self.send(board, IDLE)
        return board

    async def ready(self, number: int = 1) -> SimulatedBoard:
        """Add a board and return it IDLE, with no call noted."""
        board = await self.add(number)
        await self.settle()
        assert await self.state(board) is IDLE
        self.witness.calls.clear()
        return board

    async def send(self, board: SimulatedBoard, state: WorkerState) -> None:
        """Ask for a state as an admin does."""
        await self.farm.workers.set_state(LOCAL_ADMIN, board.uuid, state, "test")

    async def remove(self, board: SimulatedBoard) -> None:
        """Deregister a board as an admin does."""
        await self.farm.workers.deregister(LOCAL_ADMIN, board.uuid)

    async def worker(self, board: SimulatedBoard) -> Worker:
        """Return a board's record."""
        return await self.farm.workers.get_worker_info(LOCAL_ADMIN, board.uuid)

    async def state(self, board: SimulatedBoard) -> WorkerState:
        """Return a board's state."""
        return (await self.worker(board)).state

    async def file(self, ssh_key: str | None = None) -> int:
        """File a request that any board can serve."""
        new = NewRequest(caps={}, priority=8, ssh_key=ssh_key)
        return (await self.farm.requests.new_request(LOCAL_ADMIN, new)).id

    async def request(self, request_id: int) -> Request:
        """Return a request's record."""
        return await self.farm.requests.get_request_info(LOCAL_ADMIN, request_id)

    async def lend(self) -> Request:
        """File a request and return it; it must be running at once."""
        request_id = await self.file()
        await self.settle()
        request = await self.request(request_id)
        assert request.live_job is not None
        return request


def play(
    folder: Path, script: Callable[[Lab], Awaitable[None]], settings: FarmSettings | None = None
) -> None:
    """Run a script on a started farm, under virtual time."""

    async def main() -> None:
        lab = Lab(folder / "farm.db", settings)
        patch.setattr(
            simulation, "SimulatedBoards", lambda clock: WitnessedBoards(clock, lab.witness)
        )
        await lab.start()
        try:
            await script(lab)
        finally:
            await lab.crash()

    with pytest.MonkeyPatch.context() as patch:
        run_virtual(main())

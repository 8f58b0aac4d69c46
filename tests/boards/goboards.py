"""A farm under virtual time whose boards have no fence, and play original agents."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from boruta_farm.boards.recovery import Recovery
from boruta_farm.boards.rounds import HealthRounds, RoundsConfig
from boruta_farm.boards.runner import Runner
from boruta_farm.boards.unfenced import Unfenced
from boruta_farm.clock import VirtualClock
from boruta_farm.contracts import Prepared
from boruta_farm.farm.assembly import AssembledFarm
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import (
    AgentRefusedError,
    AgentUnreachableError,
    BoardError,
    BoardSilentError,
)
from boruta_farm.model.request import NewRequest, Request
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence, Registration, Worker, WorkerState
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.testing.boards import SimulatedBoards
from boruta_farm.testing.simulation import CountingPool, OpenDoors, PlainCipher

SEED = 7


@dataclass(slots=True)
class GoBoard:
    """Record what an original agent is asked, and answer as told."""

    name: str
    takes: float = 0.5
    refusal: str = ""
    silent: bool = False
    refusing: bool = False
    away: bool = False
    key: str = ""
    calls: list[tuple[float, str]] = field(default_factory=list)
    knocks: list[float] = field(default_factory=list)
    busy: bool = False

    def registration(self, port: int = 22) -> Registration:
        """Return what the board says when it registers."""
        return Registration(
            caps={"UUID": self.name, "board": self.name},
            dryad_address="10.0.0.1:7175",
            ssh_address=f"10.0.0.1:{port}",
            fence=Fence.NONE,
        )

    async def put_in_maintenance(self, message: str) -> None:
        """Show a message."""
        await self._answer(f"maintenance {message}")

    async def prepare(self, key: str, *, epoch: int) -> Prepared:
        """Let a key in."""
        await self._answer(f"prepare {key}")
        self.key = key
        return Prepared(username="boruta-user")

    async def healthcheck(self) -> None:
        """Be tested, which cuts the power of the device under test."""
        await self._answer("healthcheck")

    async def _answer(self, call: str) -> None:
        assert not self.busy, "the original does not stand two calls at once"
        now = asyncio.get_running_loop().time()
        self.calls.append((now, call))
        if self.away:
            raise AgentUnreachableError("the agent is out of reach")
        self.busy = True
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.busy = False
        if self.silent:
            raise BoardSilentError("no answer")
        if self.refusal:
            raise BoardError(self.refusal)


class GoYard:
    """Run farm, runner, recovery and rounds; the server may crash and start again."""

    def __init__(self, folder: Path, recheck: timedelta = timedelta()) -> None:
        self.recheck = recheck
        self.clock = VirtualClock()
        self.boards: dict[str, GoBoard] = {}
        self._path = folder / "farm.db"
        self._pool = CountingPool()
        self._tasks: list[asyncio.Task[Any]] = []

    def dial(self, worker: Worker) -> GoBoard:
        """Return a board: this is the contract Dialler."""
        return self.boards[worker.uuid]

    async def knock(self, worker: Worker) -> None:
        """Connect to a board."""
        board = self.boards[worker.uuid]
        board.knocks.append(asyncio.get_running_loop().time())
        if board.refusing:
            raise AgentRefusedError
        if board.away:
            raise AgentUnreachableError("the agent is out of reach")

    async def start(self) -> None:
        """Start the server over whatever an earlier one left."""
        settings = FarmSettings()
        self.store = SqliteStore(self._path, self.clock, settings, inline=True)
        await self.store.start()
        links = SimulatedBoards(self.clock)
        self.farm = AssembledFarm(self.store, settings, self.clock, PlainCipher(), links)
        farm = self.farm
        fleet, reports = farm.fleet, farm.reports
        unfenced = Unfenced(
            *(fleet, reports, self._pool, OpenDoors(), self), check_first=bool(self.recheck)
        )
        runner = Runner(fleet, reports, {Fence.NONE: unfenced})
        recovery = Recovery(fleet, reports, self)
        config = RoundsConfig(test_unfenced_after=self.recheck)
        rounds = HealthRounds(fleet, self, reports, self.clock, config, chance=Random(SEED))
        parts = (farm.matcher.keep_matching, farm.ticker.tick, fleet.follow, runner.attend)
        for part in (*parts, recovery.retry, rounds.go_round):
            self._spawn(part())

    async def crash(self) -> None:
        """Stop the server as kill -9 does."""
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self.store.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def settle(self, seconds: float = 1.0) -> None:
        """Let time pass. Raises what a part failed with."""
        await asyncio.sleep(seconds)
        for task in self._tasks:
            if task.done():
                task.result()

    async def add(self, name: str) -> GoBoard:
        """Register a board and wait until it is IDLE."""
        board = self.boards[name] = GoBoard(name)
        await self.farm.superviser.register(board.registration())
        await self.set_state(name, WorkerState.IDLE)
        await self.settle(1 + board.takes * bool(self.recheck))
        assert (await self.worker(name)).state is WorkerState.IDLE
        return board

    async def worker(self, name: str) -> Worker:
        """Return a board's record."""
        return await self.farm.workers.get_worker_info(LOCAL_ADMIN, name)

    async def state(self, name: str) -> WorkerState:
        """Return where a board stands."""
        return (await self.worker(name)).state

    async def set_state(self, name: str, state: WorkerState) -> None:
        """Send a board to IDLE or MAINTENANCE."""
        await self.farm.workers.set_state(LOCAL_ADMIN, name, state)

    async def lend(self, name: str, ssh_key: str | None = None) -> int:
        """File a request for a board."""
        new = NewRequest(caps={"board": name}, priority=8, ssh_key=ssh_key)
        request_id = (await self.farm.requests.new_request(LOCAL_ADMIN, new)).id
        await self.settle()
        return request_id

    async def request(self, request_id: int) -> Request:
        """Return a request's record."""
        return await self.farm.requests.get_request_info(LOCAL_ADMIN, request_id)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

"""A farm under virtual time, seen through one implementation of Superviser."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from boruta_farm.contracts import Registered
from boruta_farm.link.conversation import Conversation
from boruta_farm.link.server import Hub
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.worker import Fence, Registration, Worker, WorkerState
from boruta_farm.testing.boards import SimulatedBoard, SimulatedConnection
from boruta_farm.testing.loop import run_virtual
from boruta_farm.testing.simulation import SimulatedFarm
from boruta_farm.testing.sockets import MemorySocket, socket_pair
from tests.contracts.stage import running

UUID = "00000000-0000-4000-8000-000000000001"
PEER = "192.0.2.7"
SECRET = "secret"

BOARD = Registration(
    caps={"UUID": UUID, "board": "rpi4"},
    dryad_address=f"{PEER}:7175",
    ssh_address=f"{PEER}:22",
    fence=Fence.AGENT,
    name="pi",
    boot_id="boot-1",
)


class Door(Protocol):
    """How a board reaches the farm."""

    async def register(self, registration: Registration, secret: str) -> Registered: ...

    async def set_fail(self, uuid: str, reason: str) -> None: ...


class EnrolmentStage:
    """Carry the contract under test and the farm behind it."""

    def __init__(self, door: Door, farm: SimulatedFarm) -> None:
        self._door = door
        self._farm = farm

    async def register(
        self, registration: Registration = BOARD, secret: str = SECRET
    ) -> Registered:
        return await self._door.register(registration, secret)

    async def set_fail(self, reason: str, uuid: str = UUID) -> None:
        await self._door.set_fail(uuid, reason)

    async def worker(self, uuid: str = UUID) -> Worker:
        return await self._farm.farm.workers.get_worker_info(LOCAL_ADMIN, uuid)

    async def make_idle(self) -> None:
        """Let the board be prepared, as its agent would be asked to."""
        board = SimulatedBoard(uuid=UUID, caps={})
        self._farm.boards[UUID] = board
        self._farm.links.connect(board)
        await self._farm.farm.workers.set_state(LOCAL_ADMIN, UUID, WorkerState.IDLE)
        await self._farm.settle()
        assert (await self.worker()).state is WorkerState.IDLE


class InProcess:
    """Call the farm directly."""

    def __init__(self, farm: SimulatedFarm) -> None:
        self._superviser = farm.farm.superviser

    async def register(self, registration: Registration, secret: str) -> Registered:
        credential = hashlib.sha256(secret.encode()).hexdigest()
        return await self._superviser.register(replace(registration, credential=credential))

    async def set_fail(self, uuid: str, reason: str) -> None:
        await self._superviser.set_fail(uuid, reason)


class OverTheLink:
    """Call the farm as an agent does: each registration is a connection of its own.

    An agent that registers again has lost the connection it had.
    """

    def __init__(self, farm: SimulatedFarm) -> None:
        self._clock = farm.clock
        self._hub = Hub(farm.clock)
        self._hub.attach(farm.farm.superviser, farm.farm.reports)
        self._conversation: Conversation | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._standing: dict[tuple[str, str], MemorySocket] = {}

    async def register(self, registration: Registration, secret: str) -> Registered:
        agent = (registration.caps.get("UUID", ""), secret)
        if (lost := self._standing.pop(agent, None)) is not None:
            await lost.close(1000, "gone")
        ours, theirs = socket_pair()
        board = SimulatedConnection(SimulatedBoard(uuid=UUID, caps={}))
        conversation = Conversation(ours, board, self._clock)
        self._spawn(self._hub.serve(theirs, PEER, secret))
        self._spawn(conversation.serve())
        answer = await conversation.register(registration)
        self._conversation = conversation
        self._standing[agent] = ours
        return answer

    async def set_fail(self, uuid: str, reason: str) -> None:
        assert self._conversation is not None, "only a registered board can report"
        await self._conversation.set_fail(uuid, reason)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))


@asynccontextmanager
async def in_process(folder: Path) -> AsyncIterator[EnrolmentStage]:
    async with running(folder) as farm:
        yield EnrolmentStage(InProcess(farm), farm)


@asynccontextmanager
async def over_the_link(folder: Path) -> AsyncIterator[EnrolmentStage]:
    async with running(folder) as farm:
        door = OverTheLink(farm)
        yield EnrolmentStage(door, farm)
        await door.close()


OPENINGS: dict[str, Callable[[Path], AbstractAsyncContextManager[EnrolmentStage]]] = {
    "in process": in_process,
    "over the link": over_the_link,
}
"""Every implementation of Superviser; the suite runs over each."""

EnrolmentScene = Callable[[EnrolmentStage], Coroutine[Any, Any, None]]


def enrolment_scene(play: EnrolmentScene) -> Callable[[str, Path], None]:
    """Turn ``async def test_...(stage)`` into a test of every implementation."""

    def test(enrolment_opening: str, tmp_path: Path) -> None:
        async def run() -> None:
            async with OPENINGS[enrolment_opening](tmp_path) as stage:
                await play(stage)

        run_virtual(run())

    test.__doc__ = play.__doc__
    return test

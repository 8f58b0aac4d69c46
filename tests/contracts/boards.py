"""One board, seen through one implementation of FencedDryad, under virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from boruta_farm.contracts import FencedDryad, Registered
from boruta_farm.link.agent import AgentLink, FarmEnd
from boruta_farm.model.readiness import Readiness
from boruta_farm.model.worker import Fence, Registration
from boruta_farm.testing.boards import SimulatedBoard, SimulatedConnection
from boruta_farm.testing.loop import run_virtual
from tests.dryad.boards import Lab
from tests.link.links import UUID, Wires


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardStage:
    """Carry the contract under test, which key opens the board, and what it is made ready for."""

    board: FencedDryad
    key: Callable[[], str | None]
    wanted: Callable[[], Readiness | None]


class LinkedAgent:
    """An agent that does nothing but hand the farm's calls to its fence."""

    def __init__(self, board: FencedDryad) -> None:
        self.board = board
        self.streams = None
        self.credential = "secret"

    async def registration(self) -> Registration:
        return Registration(
            caps={"UUID": UUID}, dryad_address=":7175", ssh_address=":22", fence=Fence.AGENT
        )

    async def registered(self, answer: Registered, farm: FarmEnd) -> None:
        pass

    async def report(self, farm: FarmEnd) -> None:
        await asyncio.get_running_loop().create_future()

    async def renew(self, farm: FarmEnd, presented: str) -> None:
        raise NotImplementedError


@asynccontextmanager
async def in_process() -> AsyncIterator[BoardStage]:
    """Call the agent's fence directly."""
    lab = Lab()
    yield BoardStage(board=await lab.start(), key=lab.key, wanted=lab.wanted)
    await lab.fence.close()


@asynccontextmanager
async def over_the_link() -> AsyncIterator[BoardStage]:
    """Call the agent's fence through the hub, the wire and the agent's end of it."""
    lab, wires = Lab(), Wires()
    agent = LinkedAgent(await lab.start())
    wires.spawn(AgentLink(wires.dial, agent, wires.clock, draw=lambda: 1.0).stay_connected())
    yield BoardStage(board=await wires.ready(), key=lab.key, wanted=lab.wanted)
    await wires.close()
    await lab.fence.close()


@asynccontextmanager
async def simulated() -> AsyncIterator[BoardStage]:
    """Call the board that simulated farms are tested with."""
    board = SimulatedBoard(uuid=UUID, caps={})

    def wanted() -> Readiness | None:
        return None if board.readying is None else board.readying[1]

    yield BoardStage(board=SimulatedConnection(board), key=lambda: board.key, wanted=wanted)


OPENINGS: dict[str, Callable[[], AbstractAsyncContextManager[BoardStage]]] = {
    "in process": in_process,
    "over the link": over_the_link,
    "simulated": simulated,
}
"""Every implementation of FencedDryad; the suite runs over each."""

BoardScene = Callable[[BoardStage], Coroutine[Any, Any, None]]


def board_scene(play: BoardScene) -> Callable[[str], None]:
    """Turn ``async def test_...(stage)`` into a test of every implementation."""

    def test(board_opening: str) -> None:
        async def run() -> None:
            async with OPENINGS[board_opening]() as stage:
                await play(stage)

        run_virtual(run())

    test.__doc__ = play.__doc__
    return test

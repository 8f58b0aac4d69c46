"""An agent is never told a later end than the farm's, however slowly it answers."""

import asyncio
from datetime import timedelta
from typing import Any, cast

from boruta_farm.clock import VirtualClock
from boruta_farm.contracts import Boards
from boruta_farm.core.jobs import Prolongation
from boruta_farm.farm.engine import Engine
from boruta_farm.farm.prolonging import Prolonging
from boruta_farm.model.worker import Fence
from boruta_farm.testing.loop import run_virtual


class SlowBoard:
    """Take three seconds for a grant, and keep the ends that are told."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def fenced(self, uuid: str) -> "SlowBoard":
        return self

    async def grant(self, epoch: int, remaining: float, key: str | None) -> None:
        await asyncio.sleep(3)

    async def extend(self, epoch: int, sequence: int, remaining: float) -> None:
        self.ends.append(asyncio.get_running_loop().time() + remaining)


class Decided:
    """Answer with what was decided, then with the new end."""

    def __init__(self, wish: Prolongation) -> None:
        self.answers: list[Any] = [wish, wish.timeout]

    async def decide(self, *_decision: object) -> Any:
        return self.answers.pop(0)


def test_the_time_that_a_slow_grant_takes_moves_no_end() -> None:
    async def main() -> float:
        clock, board = VirtualClock(), SlowBoard()
        now = clock.now()
        wish = Prolongation(
            worker="a",
            epoch=1,
            sequence=1,
            asked=now,
            timeout=now + timedelta(hours=1),
            present=now + timedelta(minutes=1),
            fence=Fence.AGENT,
            ssh_key=None,
        )
        engine = cast("Engine", Decided(wish))
        await Prolonging(engine, cast("Boards", board), clock).prolong(1)
        return board.ends[0]

    assert run_virtual(main()) == 3600.0

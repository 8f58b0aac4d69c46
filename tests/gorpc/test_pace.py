import asyncio

import pytest

from boruta_farm.gorpc.pace import STEP, WATCHED, Pace
from boruta_farm.testing.loop import VirtualLoop, run_virtual


async def begun(pace: Pace, count: int) -> list[tuple[int, float]]:
    """Let so many begin at once, and return in which order and when they did."""
    loop, found = asyncio.get_running_loop(), list[tuple[int, float]]()

    async def begin(number: int) -> None:
        await pace.turn()
        found.append((number, round(loop.time() - start, 6)))

    start = loop.time()
    await asyncio.gather(*(begin(number) for number in range(count)))
    return found


def test_what_comes_at_once_begins_one_after_the_other_while_others_are_served() -> None:
    async def main() -> None:
        served = iter(range(1_000_000))
        pace = Pace(0.5, lambda: next(served))
        assert await begun(pace, 4) == [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.5)]
        await asyncio.sleep(10)
        assert await begun(pace, 1) == [(0, 0.0)]

    run_virtual(main())


def test_where_nobody_else_is_the_next_begins_when_the_loop_is_free() -> None:
    async def main() -> None:
        served = 7
        pace = Pace(0.5, lambda: served)
        assert await begun(pace, 4) == [(n, round(n * STEP, 6)) for n in range(4)]
        served += 1
        (_, first), (_, second) = await begun(pace, 2)
        assert first == 0.5 > WATCHED
        assert second - first <= 2 * STEP

    run_virtual(main())


class LateLoop(VirtualLoop):
    """Let time go by while something keeps the loop."""

    def be_kept(self, seconds: float) -> None:
        self._jumping.skipped += seconds


def test_a_loop_that_is_late_is_given_time_but_not_for_ever() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LateLoop)
        pace = Pace(0.5)
        turns = asyncio.create_task(begun(pace, 3))
        while not turns.done():
            # More often than a step, so that every look finds the loop late.
            await asyncio.sleep(STEP / 4)
            loop.be_kept(3 * STEP)
        return [at for _, at in await turns]

    with asyncio.Runner(loop_factory=LateLoop) as runner:
        assert runner.run(main()) == pytest.approx([0.0, 0.5, 1.0], abs=10 * STEP)

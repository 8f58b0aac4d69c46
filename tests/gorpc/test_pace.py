import asyncio

from boruta_farm.gorpc.pace import Pace
from boruta_farm.testing.loop import run_virtual


def test_what_comes_at_once_begins_one_after_the_other() -> None:
    async def main() -> None:
        loop, pace = asyncio.get_running_loop(), Pace(0.5)
        began: list[tuple[int, float]] = []

        async def begin(number: int) -> None:
            await pace.turn()
            began.append((number, loop.time() - start))

        start = loop.time()
        await asyncio.gather(*(begin(number) for number in range(4)))
        assert [(number, round(at, 6)) for number, at in began] == [
            (0, 0.0),
            (1, 0.5),
            (2, 1.0),
            (3, 1.5),
        ]
        await asyncio.sleep(10)
        before = loop.time()
        await pace.turn()
        assert loop.time() == before

    run_virtual(main())

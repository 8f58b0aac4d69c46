"""The health check is the machine's and the driver's, and never in anybody's way."""

import pytest

from boruta_farm.clock import VirtualClock
from boruta_farm.dryad.fence import BoardFence
from boruta_farm.model.errors import BoardError
from boruta_farm.testing.loop import run_virtual
from tests.dryad.boards import OLD, Board, FakeDriver, MemoryStore, Mood


class Nurse:
    """Look at the machine, and note whether it was lent."""

    def __init__(self) -> None:
        self.looks: list[bool] = []
        self.trouble: str | None = None

    async def check(self, *, lent: bool) -> None:
        self.looks.append(lent)
        if self.trouble is not None:
            raise BoardError(self.trouble)


def test_machine_and_driver_are_both_asked() -> None:
    async def main() -> None:
        driver, nurse = FakeDriver(Board()), Nurse()
        fence = BoardFence(driver, MemoryStore(), VirtualClock(), "boot-1", nurse)
        await fence.start()
        await fence.healthcheck()
        await fence.clean(1)
        await fence.prepare(OLD, epoch=1)
        await fence.grant(1, 100, None)
        await fence.healthcheck()
        assert nurse.looks == [False, True]
        assert driver.calls.count("healthcheck") == 2
        nurse.trouble = "too hot"
        with pytest.raises(BoardError, match="too hot"):
            await fence.healthcheck()
        nurse.trouble, driver.mood = None, Mood.FAILS
        with pytest.raises(BoardError, match="healthcheck failed"):
            await fence.healthcheck()
        driver.mood = Mood.WELL
        assert await fence.facts() == {"Kind": "fake"}
        await fence.close()

    run_virtual(main())


def test_a_board_is_tested_after_it_is_clean_and_before_anybody_can_log_in() -> None:
    async def main() -> None:
        driver = FakeDriver(Board())
        fence = BoardFence(driver, MemoryStore(), VirtualClock(), "boot-1")
        await fence.start()
        await fence.clean(1)
        await fence.prepare(OLD, epoch=1)
        assert driver.calls[-3:] == ["clean", "test", "prepare"]
        await fence.grant(1, 100, None)
        await fence.healthcheck()
        assert driver.calls.count("test") == 1
        await fence.close()

    run_virtual(main())

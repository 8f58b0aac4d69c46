import asyncio

import pytest

from boruta_farm.dryad.state import Phase
from boruta_farm.model.errors import BoardError
from boruta_farm.testing.loop import run_virtual
from tests.dryad.boards import NEW, OLD, Lab, Mood


def test_a_killed_agent_takes_its_job_up_again() -> None:
    async def main() -> None:
        lab = Lab()
        await lab.start()
        await lab.lend(3, 100)
        await asyncio.sleep(10)
        await lab.kill()
        await asyncio.sleep(10)
        fence = await lab.start()
        assert "clean" not in lab.driver.calls
        assert lab.key() == OLD
        assert lab.phase() is Phase.GRANTED
        await asyncio.sleep(79)
        assert lab.key() == OLD
        await asyncio.sleep(2)
        assert lab.key() is None
        assert fence.state.tell_ended
        await fence.close()

    run_virtual(main())


def test_a_job_that_ended_without_its_agent_is_ended_at_the_start() -> None:
    async def main() -> None:
        lab = Lab()
        await lab.start()
        await lab.lend(3, 100)
        await lab.kill()
        await asyncio.sleep(200)
        fence = await lab.start()
        assert lab.key() is None
        assert "resume" not in lab.driver.calls
        assert fence.state.tell_ended
        await fence.close()

    run_virtual(main())


def test_a_prepared_board_stays_prepared() -> None:
    async def main() -> None:
        lab = Lab()
        fence = await lab.start()
        await fence.clean(3)
        await fence.prepare(OLD, epoch=3)
        await lab.kill()
        fence = await lab.start()
        prepared = await fence.prepare(OLD, epoch=3)
        assert prepared.username == "boruta-user"
        assert lab.driver.calls == ["resume"]
        await fence.grant(3, 10, None)
        await fence.close()

    run_virtual(main())


def test_an_own_key_in_flight_is_installed_by_the_next_agent() -> None:
    async def main() -> None:
        lab = Lab()
        fence = await lab.start()
        await fence.clean(3)
        await fence.prepare(OLD, epoch=3)
        lab.driver.mood = Mood.HANGS
        granting = asyncio.ensure_future(fence.grant(3, 100, NEW))
        await asyncio.sleep(1)
        assert not granting.done()
        await lab.kill()
        fence = await lab.start()
        assert lab.key() == NEW
        assert (fence.state.key, fence.state.wanted_key) == (NEW, None)
        await fence.close()

    run_virtual(main())


@pytest.mark.parametrize("mood", [Mood.WELL, Mood.FAILS])
def test_a_lost_session_is_cleaned_and_told(mood: Mood) -> None:
    async def main() -> None:
        lab = Lab()
        await lab.start()
        await lab.lend(3, 100)
        await lab.kill()
        lab.board.session = False
        fence = await lab.start(mood)
        lab.driver.mood = Mood.WELL
        await asyncio.sleep(61)
        assert lab.key() is None
        assert lab.phase() is Phase.ENDED
        assert fence.state.trouble is not None
        assert "the session was lost" in fence.state.trouble
        assert not fence.state.tell_ended
        await fence.close()

    run_virtual(main())


@pytest.mark.parametrize("call", ["clean", "prepare"])
def test_an_agent_killed_in_the_middle_starts_over(call: str) -> None:
    async def main() -> None:
        lab = Lab()
        fence = await lab.start()
        if call == "prepare":
            await fence.clean(3)
        lab.driver.mood = Mood.HANGS
        work = fence.clean(3) if call == "clean" else fence.prepare(OLD, epoch=3)
        waiting = asyncio.ensure_future(work)
        await asyncio.sleep(1)
        await lab.kill()
        assert waiting.cancelled()
        lab.board.key = "half installed"
        fence = await lab.start()
        assert lab.key() is None
        assert fence.state.epoch == 3
        with pytest.raises(BoardError):
            await fence.prepare(OLD, epoch=3)
        await fence.clean(3)
        await fence.prepare(OLD, epoch=3)
        await fence.close()

    run_virtual(main())


def test_after_a_reboot_the_session_is_gone() -> None:
    async def main() -> None:
        lab = Lab()
        await lab.start()
        await lab.fence.adopt("one", 0)
        await lab.lend(3, 100)
        await lab.reboot()
        assert lab.key() == OLD
        fence = await lab.start()
        assert lab.key() is None
        assert "resume" not in lab.driver.calls
        state = fence.state
        assert (state.boot_id, state.epoch, state.farm_id) == ("boot-2", 3, "one")
        assert not state.tell_ended
        await fence.close()

    run_virtual(main())


def test_a_reboot_while_cleaning_after_a_reboot_still_cleans() -> None:
    async def main() -> None:
        lab = Lab()
        await lab.start()
        await lab.lend(3, 100)
        await lab.reboot()
        starting = asyncio.ensure_future(lab.start(Mood.HANGS))
        await asyncio.sleep(1)
        assert not starting.done()
        await lab.kill()
        assert lab.key() == OLD
        fence = await lab.start()
        assert lab.key() is None
        await fence.close()

    run_virtual(main())


def test_an_unconfirmed_report_survives() -> None:
    async def main() -> None:
        lab = Lab()
        await lab.start()
        await lab.lend(3, 10)
        await asyncio.sleep(11)
        await lab.kill()
        fence = await lab.start()
        assert fence.state.tell_ended
        assert fence.state.epoch == 3
        await fence.close()

    run_virtual(main())


def test_closing_lets_a_short_operation_finish() -> None:
    async def main() -> None:
        lab = Lab()
        fence = await lab.start()
        work = asyncio.ensure_future(fence.clean(1))
        await asyncio.sleep(0.001)
        await fence.close()
        assert (await work).epoch == 1

    run_virtual(main())


def test_closing_does_not_wait_for_ever() -> None:
    async def main() -> None:
        lab = Lab()
        fence = await lab.start()
        lab.driver.mood = Mood.HANGS
        work = asyncio.ensure_future(fence.clean(1))
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await fence.close()
        assert asyncio.get_running_loop().time() - began == 5
        assert work.cancelled()

    run_virtual(main())

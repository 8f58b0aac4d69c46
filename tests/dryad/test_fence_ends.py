"""Jobs end at their stored end, by the agent alone, however it is moved."""

import asyncio

import pytest

from boruta_farm.dryad.state import Phase
from boruta_farm.model.errors import BoardError, StaleEpochError
from tests.dryad.boards import NEW, OLD, Lab, Mood, now, play


def test_a_job_ends_at_its_time_by_itself() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 100)
        began = now()
        await asyncio.sleep(99.5)
        assert lab.key() == OLD
        await asyncio.sleep(0.6)
        assert lab.key() is None
        assert lab.phase() is Phase.ENDED
        assert fence.state.tell_ended
        assert now() - began < 101

    play(scene)


def test_a_job_whose_session_is_lost_ends_with_the_reason() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 100)
        await fence.look_after_session()
        assert lab.phase() is Phase.GRANTED
        lab.driver.loss = "its keeper is gone"
        fence.changed.clear()
        await fence.look_after_session()
        assert (lab.phase(), lab.key()) == (Phase.ENDED, None)
        assert fence.state.trouble == "the session was lost: its keeper is gone"
        assert fence.changed.is_set()

    play(scene)


def test_what_nobody_has_is_no_lost_session() -> None:
    async def scene(lab: Lab) -> None:
        fence = lab.fence
        await fence.clean(1)
        await fence.prepare(OLD, epoch=1)
        lab.driver.loss = "its keeper is gone"
        await fence.look_after_session()
        assert (lab.phase(), fence.state.trouble) == (Phase.PREPARED, None)

    play(scene)


def test_prolonging_moves_the_end_and_never_back() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 100)
        await fence.extend(1, 1, 300)
        await fence.extend(1, 1, 9000)
        await fence.extend(1, 2, 50)
        await fence.grant(1, 10, None)
        await asyncio.sleep(299)
        assert lab.phase() is Phase.GRANTED
        await asyncio.sleep(2)
        assert lab.phase() is Phase.ENDED

    play(scene)


def test_prolonging_is_stored_before_it_is_answered() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 100)
        lab.store.full = True
        with pytest.raises(BoardError, match="disk is full"):
            await fence.extend(1, 1, 300)
        lab.store.full = False
        assert lab.store.state is not None
        assert lab.store.state.sequence == 0
        await fence.extend(1, 1, 300)
        assert (lab.store.state.sequence, lab.store.state.end) == (1, fence.state.end)

    play(scene)


def test_a_prolongation_may_overtake_the_grant() -> None:
    async def scene(lab: Lab) -> None:
        fence = lab.fence
        await fence.clean(1)
        await fence.prepare(OLD, epoch=1)
        await fence.extend(1, 1, 300)
        await fence.grant(1, 100, None)
        await asyncio.sleep(299)
        assert lab.phase() is Phase.GRANTED
        await asyncio.sleep(2)
        assert lab.phase() is Phase.ENDED

    play(scene)


def test_an_ending_job_is_not_prolonged() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 10)
        lab.driver.mood = Mood.HANGS
        await asyncio.sleep(11)
        late = asyncio.ensure_future(fence.extend(1, 1, 100))
        await asyncio.sleep(1)
        lab.driver.mood = Mood.WELL
        with pytest.raises(BoardError, match="begun to end"):
            await late

    play(scene)


def test_a_grant_told_again_after_the_end_is_stale() -> None:
    """A reconnecting agent is told the grant again; its job must become DONE, not FAILED."""

    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 10)
        await asyncio.sleep(11)
        with pytest.raises(StaleEpochError):
            await fence.grant(1, 1, None)
        assert lab.key() is None

    play(scene)


def test_a_full_disk_does_not_keep_a_session_alive() -> None:
    async def scene(lab: Lab) -> None:
        await lab.lend(1, 10)
        lab.store.full = True
        await asyncio.sleep(11)
        assert lab.key() is None
        lab.store.full = False
        await asyncio.sleep(61)
        assert lab.phase() is Phase.ENDED

    play(scene)


def test_an_ending_that_fails_is_tried_until_it_works() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 10)
        lab.driver.mood = Mood.FAILS
        await asyncio.sleep(40)
        assert lab.key() == OLD
        assert lab.phase() is Phase.ENDING
        assert fence.state.trouble == "clean failed"
        tries = lab.driver.calls.count("clean")
        assert 4 <= tries < 12, "often enough, but not all the time"
        lab.driver.mood = Mood.WELL
        await asyncio.sleep(61)
        assert lab.key() is None
        assert lab.phase() is Phase.ENDED
        assert fence.state.tell_ended

    play(scene)


def test_a_job_prolonged_at_the_last_moment_goes_on() -> None:
    async def scene(lab: Lab) -> None:
        fence = lab.fence
        await fence.clean(1)
        await fence.prepare(OLD, epoch=1)
        lab.driver.mood = Mood.HANGS
        granting = asyncio.ensure_future(fence.grant(1, 10, NEW))
        await asyncio.sleep(1)
        prolonging = asyncio.ensure_future(fence.extend(1, 1, 100))
        await asyncio.sleep(1)
        lab.driver.mood = Mood.WELL
        with pytest.raises(BoardError, match="authorize"):
            await granting
        await prolonging
        await asyncio.sleep(10)
        assert lab.phase() is Phase.GRANTED

    play(scene)


def test_an_epoch_counts_only_once_it_is_stored_though_the_board_is_cleaned() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 1000)
        lab.board.log_in("a file that fills the disk")
        lab.store.full = True
        with pytest.raises(BoardError, match="disk is full"):
            await fence.clean(2)
        assert (lab.key(), lab.board.leftovers) == (None, set())
        assert fence.state.epoch == 1
        lab.store.full = False
        report = await fence.clean(2)
        assert (report.epoch, fence.state.epoch, lab.phase()) == (2, 2, Phase.CLEAN)
        assert lab.store.state is not None
        assert lab.store.state.epoch == 2

    play(scene)


def test_a_clean_up_that_frees_the_disk_goes_on() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 1000)
        lab.board.log_in("a file that fills the disk")
        lab.store.full = True
        wipe = lab.driver.clean

        async def clean() -> tuple[str, ...]:
            found = await wipe()
            lab.store.full = False
            return found

        lab.driver.clean = clean  # type: ignore[method-assign]
        report = await fence.clean(2)
        assert report.found == ("a file that fills the disk",)
        assert lab.phase() is Phase.CLEAN

    play(scene)

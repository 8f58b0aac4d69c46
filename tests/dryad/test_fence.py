import asyncio
from collections.abc import Awaitable, Callable

import pytest

from boruta_farm.dryad.fence import LOST, BoardFence
from boruta_farm.dryad.state import Phase
from boruta_farm.model.errors import BoardError, KeyRefusedError, StaleEpochError, UnavailableError
from boruta_farm.testing.loop import run_virtual
from tests.dryad.boards import NEW, OLD, Lab, Mood, now, play


def test_the_first_start_cleans_the_board() -> None:
    async def main() -> None:
        lab = Lab()
        lab.board.key = "left from before"
        fence = await lab.start()
        assert lab.key() is None
        assert (fence.state.epoch, fence.state.phase) == (0, Phase.ENDED)
        await fence.close()

    run_virtual(main())


def test_a_whole_job() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 100)
        assert lab.key() == OLD
        lab.board.log_in("a file")
        report = await fence.clean(2)
        assert (report.epoch, report.found) == (2, ("a file",))
        assert lab.key() is None
        assert (fence.state.epoch, fence.state.phase) == (2, Phase.CLEAN)

    play(scene)


def test_preparing_tells_user_and_host_key() -> None:
    async def scene(lab: Lab) -> None:
        await lab.fence.clean(1)
        prepared = await lab.fence.prepare(OLD, epoch=1)
        assert (prepared.username, prepared.host_key) == ("boruta-user", "ssh-ed25519 HOST")

    play(scene)


Call = Callable[[BoardFence, int], Awaitable[object]]
CALLS: dict[str, Call] = {
    "clean": lambda fence, epoch: fence.clean(epoch),
    "prepare": lambda fence, epoch: fence.prepare(OLD, epoch=epoch),
    "grant": lambda fence, epoch: fence.grant(epoch, 100, None),
    "extend": lambda fence, epoch: fence.extend(epoch, 1, 200),
    "end": lambda fence, epoch: fence.end(epoch),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_of_a_lower_epoch_are_stale(name: str) -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(5)
        before, called = fence.state, list(lab.driver.calls)
        with pytest.raises(StaleEpochError):
            await CALLS[name](fence, 4)
        assert (fence.state, lab.driver.calls) == (before, called)

    play(scene)


@pytest.mark.parametrize("name", ["prepare", "grant", "extend", "end"])
def test_only_cleaning_goes_to_a_higher_epoch(name: str) -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(5)
        before = fence.state
        with pytest.raises(BoardError, match="epoch 6 was not cleaned"):
            await CALLS[name](fence, 6)
        assert fence.state == before

    play(scene)


@pytest.mark.parametrize("name", CALLS)
def test_every_call_may_be_repeated(name: str) -> None:
    async def scene(lab: Lab) -> None:
        fence = lab.fence
        for call in CALLS:
            await CALLS[call](fence, 1)
            if call == name:
                break
        before, called = fence.state, list(lab.driver.calls)
        await asyncio.sleep(0)
        await CALLS[name](fence, 1)
        assert (fence.state, lab.driver.calls) == (before, called)

    play(scene)


def test_cleaning_again_for_a_running_job_ends_nothing() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1)
        assert (await fence.clean(1)).found == ()
        assert lab.phase() is Phase.GRANTED
        assert lab.key() == OLD

    play(scene)


def test_another_key_replaces_one_that_nobody_has_got() -> None:
    async def scene(lab: Lab) -> None:
        await lab.fence.clean(1)
        await lab.fence.prepare(OLD, epoch=1)
        await lab.fence.prepare(NEW, epoch=1)
        assert lab.key() == NEW
        await lab.fence.grant(1, 10, None)
        with pytest.raises(BoardError, match="cleaned first"):
            await lab.fence.prepare(OLD, epoch=1)
        assert lab.key() == NEW

    play(scene)


def test_the_callers_own_key_replaces_the_prepared_one() -> None:
    async def scene(lab: Lab) -> None:
        fence = lab.fence
        await fence.clean(1)
        await fence.prepare(OLD, epoch=1)
        await fence.grant(1, 10, NEW)
        assert lab.key() == NEW
        await fence.grant(1, 10, NEW)
        await fence.grant(1, 10, None)
        assert lab.driver.calls.count("authorize") == 1
        with pytest.raises(BoardError, match="another key"):
            await fence.grant(1, 10, OLD)
        assert lab.key() == NEW

    play(scene)


def test_an_own_key_that_was_not_installed_is_tried_again() -> None:
    async def scene(lab: Lab) -> None:
        fence = lab.fence
        await fence.clean(1)
        await fence.prepare(OLD, epoch=1)
        lab.driver.mood = Mood.FAILS
        with pytest.raises(BoardError, match="authorize failed"):
            await fence.grant(1, 10, NEW)
        lab.driver.mood = Mood.WELL
        await fence.grant(1, 10, NEW)
        assert lab.key() == NEW

    play(scene)


def test_an_own_key_that_is_refused_is_told_as_such_and_not_tried_at_the_next_start() -> None:
    async def scene(lab: Lab) -> None:
        await lab.fence.clean(1)
        await lab.fence.prepare(OLD, epoch=1)
        lab.driver.refuses = True
        with pytest.raises(KeyRefusedError, match="cannot be used"):
            await lab.fence.grant(1, 10, NEW)
        assert lab.fence.state.wanted_key is None
        assert lab.key() == OLD
        assert lab.fence.state.trouble is None

    play(scene)


@pytest.mark.parametrize("key", ["", "  ", "ssh-rsa A\nssh-rsa B", "ssh-rsa A\0"])
def test_a_key_is_one_line(key: str) -> None:
    async def scene(lab: Lab) -> None:
        await lab.fence.clean(1)
        before = list(lab.driver.calls)
        with pytest.raises(BoardError, match="one line"):
            await lab.fence.prepare(key, epoch=1)
        with pytest.raises(BoardError, match="one line"):
            await lab.fence.grant(1, 10, key)
        assert lab.driver.calls == before

    play(scene)


def test_a_board_that_cannot_be_cleaned_is_not_lent() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1)
        lab.driver.mood = Mood.FAILS
        with pytest.raises(BoardError, match="clean failed"):
            await fence.clean(2)
        lab.driver.mood = Mood.WELL
        with pytest.raises(BoardError, match="must be cleaned first"):
            await fence.prepare(NEW, epoch=2)
        with pytest.raises(StaleEpochError):
            await fence.extend(1, 1, 100)
        await fence.clean(2)
        await fence.prepare(NEW, epoch=2)

    play(scene)


def test_a_half_prepared_board_is_cleaned_again() -> None:
    async def scene(lab: Lab) -> None:
        fence = lab.fence
        await fence.clean(1)
        lab.driver.mood = Mood.BREAKS
        with pytest.raises(BoardError):
            await fence.prepare(OLD, epoch=1)
        lab.driver.mood = Mood.WELL
        with pytest.raises(BoardError, match="cleaned first"):
            await fence.prepare(OLD, epoch=1)
        await fence.clean(1)
        assert lab.key() is None
        await fence.prepare(OLD, epoch=1)

    play(scene)


def test_a_fault_of_the_driver_fails_the_board(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(lab: Lab) -> None:
        lab.driver.mood = Mood.CRASHES
        with pytest.raises(BoardError, match="clean: ZeroDivisionError"):
            await lab.fence.clean(1)
        lab.driver.mood = Mood.WELL

    play(scene)
    assert "the driver failed in clean" in caplog.text


def test_an_operation_goes_on_when_its_caller_goes_away() -> None:
    async def scene(lab: Lab) -> None:
        call = asyncio.ensure_future(lab.fence.clean(1))
        await asyncio.sleep(0.001)
        call.cancel()
        await asyncio.sleep(1)
        assert lab.phase() is Phase.CLEAN

    play(scene)


def test_a_hanging_health_check_does_not_delay_the_end() -> None:
    async def scene(lab: Lab) -> None:
        await lab.lend(1, 10)
        lab.driver.mood = Mood.HANGS
        look = asyncio.ensure_future(lab.fence.healthcheck())
        await asyncio.sleep(5)
        lab.driver.mood = Mood.WELL
        await asyncio.sleep(5.5)
        assert lab.key() is None
        with pytest.raises(UnavailableError):
            await look

    play(scene)


def test_a_health_check_has_a_limit() -> None:
    async def scene(lab: Lab) -> None:
        lab.driver.mood = Mood.HANGS
        began = now()
        with pytest.raises(BoardError, match="longer than 30 s"):
            await lab.fence.healthcheck()
        assert now() - began == 30
        lab.driver.mood = Mood.WELL
        await lab.fence.healthcheck()

    play(scene)


def test_maintenance_is_shown_on_an_empty_board_alone() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1)
        with pytest.raises(BoardError, match="cleaned first"):
            await fence.put_in_maintenance("repair")
        await fence.clean(2)
        await fence.put_in_maintenance("repair")
        assert lab.board.notice == "repair"
        lab.board.notice = None
        await lab.kill()
        await lab.start()
        assert lab.board.notice == "repair"

    play(scene)


def test_another_farm_gets_the_board_cleaned() -> None:
    async def scene(lab: Lab) -> None:
        await lab.fence.adopt("one", 0)
        fence = await lab.lend(7)
        await fence.adopt("one", 7)
        assert lab.key() == OLD
        await fence.adopt("two", 9)
        assert lab.key() is None
        assert (fence.state.farm_id, fence.state.epoch) == ("two", 7)

    play(scene)


def test_a_farm_is_not_adopted_with_a_dirty_board() -> None:
    async def scene(lab: Lab) -> None:
        await lab.fence.adopt("one", 0)
        fence = await lab.lend(7)
        lab.driver.mood = Mood.FAILS
        with pytest.raises(BoardError):
            await fence.adopt("two", 9)
        assert fence.state.farm_id == "one"
        lab.driver.mood = Mood.WELL

    play(scene)


def test_trouble_of_an_earlier_epoch_is_forgotten() -> None:
    async def main() -> None:
        lab = Lab()
        await lab.start()
        await lab.lend(3)
        await lab.kill()
        lab.board.session = False
        fence = await lab.start()
        await fence.adopt("one", 3)
        assert fence.state.trouble == LOST
        await fence.adopt("one", 4)
        assert not fence.state.trouble
        await fence.close()

    run_virtual(main())


def test_what_was_told_is_not_told_again() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 1)
        await asyncio.sleep(2)
        fence.told_ended(0)
        assert fence.state.tell_ended
        fence.told_ended(1)
        assert lab.store.state is not None
        assert not lab.store.state.tell_ended

    play(scene)


def test_a_full_disk_does_not_break_the_link_by_what_is_told_over_it() -> None:
    """Else the agent would dial again and tell it again, and be called to clean never."""

    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 1)
        lab.driver.mood = Mood.FAILS
        await asyncio.sleep(2)
        lab.store.full = True
        fence.told_trouble("clean failed")
        assert fence.state.trouble is None
        lab.store.full, lab.driver.mood = False, Mood.WELL
        await asyncio.sleep(61)
        lab.store.full = True
        fence.told_ended(1)
        assert not fence.state.tell_ended
        lab.store.full = False
        await fence.clean(2)
        assert lab.store.state is not None
        assert not lab.store.state.tell_ended

    play(scene)

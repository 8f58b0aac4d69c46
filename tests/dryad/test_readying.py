"""The board made ready before its job: once an epoch, told until the farm knows, fenced."""

import asyncio
from typing import NoReturn, cast

import pytest

from boruta_farm.dryad.readying import PROGRESS_EVERY, ReadyOutcome
from boruta_farm.dryad.state import Phase
from boruta_farm.dryad.tools.errors import UnreadyError
from boruta_farm.link.agent import FarmEnd
from boruta_farm.model.errors import BoardError, BorutaError, StaleEpochError, UnavailableError
from boruta_farm.model.readiness import Readiness
from tests.dryad.boards import NEW, OLD, Lab, Mood, now, play

WANTED = Readiness(image="https://images.example/a.img", boot_until="login:")
OTHER = Readiness(boot_until="=> ")


async def prepared(lab: Lab, epoch: int = 1) -> None:
    """Bring the board to where it can be made ready."""
    await lab.fence.clean(epoch)
    await lab.fence.prepare(OLD, epoch=epoch)


async def begun(lab: Lab, epoch: int = 1, wanted: Readiness = WANTED) -> None:
    """Have it be made ready."""
    await prepared(lab, epoch)
    await lab.fence.ready(epoch, wanted, 60.0)
    await asyncio.sleep(0)
    assert (lab.driver.making, lab.driver.within) == (wanted, 60.0)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (None, ReadyOutcome(epoch=1)),
        (
            UnreadyError("no prompt", ("a", "b")),
            ReadyOutcome(epoch=1, trouble="no prompt", lines=("a", "b")),
        ),
        (BoardError("no tools"), ReadyOutcome(epoch=1, trouble="no tools")),
        (ZeroDivisionError("oops"), ReadyOutcome(epoch=1, trouble="ZeroDivisionError: oops")),
    ],
)
def test_what_comes_of_it_is_kept_and_told_again(
    fault: Exception | None, outcome: ReadyOutcome
) -> None:
    async def scene(lab: Lab) -> None:
        await begun(lab)
        readying = lab.fence.readying
        await readying.news.wait()
        assert (readying.words, readying.outcome, readying.epoch) == ("writing", None, 1)
        lab.driver.fault = fault
        readying.news.clear()
        lab.driver.made.set()
        await readying.news.wait()
        assert readying.outcome == outcome
        readying.news.clear()
        await lab.fence.ready(1, WANTED, 30.0)
        assert readying.news.is_set()
        assert readying.outcome == outcome
        assert lab.driver.calls.count("make_ready") == 1
        assert lab.phase() is Phase.PREPARED

    play(scene)


def test_other_wishes_of_the_same_job_begin_anew() -> None:
    async def scene(lab: Lab) -> None:
        await begun(lab)
        await lab.fence.ready(1, OTHER, 30.0)
        await asyncio.sleep(0.1)
        assert lab.driver.making == OTHER
        lab.driver.made.set()
        await lab.fence.readying.over.wait()
        assert lab.fence.readying.outcome == ReadyOutcome(epoch=1)

    play(scene)


def test_nothing_holds_up_a_clean_up_and_nothing_is_told_after_it() -> None:
    async def scene(lab: Lab) -> None:
        await begun(lab)
        assert (await lab.fence.clean(2)).epoch == 2
        readying = lab.fence.readying
        assert (lab.driver.making, readying.epoch, readying.outcome) == (None, None, None)
        await begun(lab, 3)
        assert readying.outcome is None

    play(scene)


def test_looking_at_the_board_goes_on_beside_it() -> None:
    async def scene(lab: Lab) -> None:
        await begun(lab)
        await lab.fence.healthcheck()
        assert await lab.fence.facts() == {"Kind": "fake"}
        assert lab.driver.making == WANTED

    play(scene)


def test_the_hand_over_ends_it_and_lets_the_callers_key_in() -> None:
    async def scene(lab: Lab) -> None:
        await begun(lab)
        lab.driver.made.set()
        await lab.fence.readying.over.wait()
        await lab.fence.grant(1, 100.0, NEW)
        assert lab.key() == NEW
        assert lab.fence.readying.outcome is None
        with pytest.raises(StaleEpochError):
            await lab.fence.ready(1, WANTED, 60.0)

    play(scene)


def test_an_agent_that_was_killed_begins_anew_when_it_is_asked_again() -> None:
    async def scene(lab: Lab) -> None:
        await begun(lab)
        await lab.kill()
        fence = await lab.start()
        assert (lab.phase(), fence.readying.epoch, lab.key()) == (Phase.PREPARED, None, OLD)
        await fence.ready(1, WANTED, 30.0)
        await asyncio.sleep(0)
        assert lab.driver.making == WANTED

    play(scene)


def test_after_a_reboot_nothing_is_prepared_any_more() -> None:
    async def scene(lab: Lab) -> None:
        await begun(lab)
        await lab.reboot()
        fence = await lab.start()
        with pytest.raises(StaleEpochError):
            await fence.ready(1, WANTED, 30.0)

    play(scene)


def test_a_clean_up_that_fails_has_called_it_off_all_the_same() -> None:
    async def scene(lab: Lab) -> None:
        await begun(lab)
        lab.driver.mood = Mood.FAILS
        with pytest.raises(BoardError):
            await lab.fence.clean(2)
        assert lab.driver.making is None
        lab.driver.mood = Mood.WELL

    play(scene)


class Farm:
    """The farm's end of a link; it refuses what it will not hear, and breaks off."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.error: BorutaError | None = None

    def _note(self, *report: object) -> None:
        self.told.append((now(), *report))
        if self.error is not None:
            raise self.error

    async def progressed(self, epoch: int, words: str) -> None:
        self._note(epoch, words)

    async def readied(self, epoch: int) -> None:
        self._note(epoch)

    async def unready(self, epoch: int, reason: str, lines: tuple[str, ...]) -> None:
        self._note(epoch, reason, lines)


def reporting(lab: Lab, farm: Farm) -> asyncio.Task[NoReturn]:
    """Report to a farm, as long as it is in reach."""
    return asyncio.create_task(lab.fence.readying.report(cast("FarmEnd", farm)))


async def ended(task: asyncio.Task[NoReturn]) -> None:
    """End reporting."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_progress_is_told_now_and_then_and_the_outcome_at_once() -> None:
    async def scene(lab: Lab) -> None:
        await begun(lab)
        farm, start = Farm(), now()
        reports = reporting(lab, farm)
        await asyncio.sleep(0)
        assert lab.driver.tell is not None
        for words in ("1 MB", "2 MB", "3 MB"):
            lab.driver.tell(words)
        await asyncio.sleep(6)
        lab.driver.made.set()
        await asyncio.sleep(0.1)
        await ended(reports)
        assert farm.told == [
            (start, 1, "writing"),
            (start + PROGRESS_EVERY, 1, "3 MB"),
            (start + 6, 1),
        ]

    play(scene)


def test_a_link_that_breaks_off_is_told_everything_again() -> None:
    async def scene(lab: Lab) -> None:
        await begun(lab)
        farm = Farm()
        farm.error = UnavailableError()
        lab.driver.fault = UnreadyError("no prompt", ("a",))
        lab.driver.made.set()
        await lab.fence.readying.over.wait()
        with pytest.raises(UnavailableError):
            await reporting(lab, farm)
        again = Farm()
        reports = reporting(lab, again)
        await asyncio.sleep(0.1)
        await lab.fence.ready(1, WANTED, 9.0)
        await asyncio.sleep(0.1)
        await ended(reports)
        assert [told[1:] for told in again.told] == 2 * [(1, "no prompt", ("a",))]

    play(scene)


def test_a_farm_that_has_decided_otherwise_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(lab: Lab) -> None:
        await begun(lab)
        farm = Farm()
        farm.error = StaleEpochError()
        lab.driver.made.set()
        await lab.fence.readying.over.wait()
        reports = reporting(lab, farm)
        await asyncio.sleep(60)
        await ended(reports)
        assert len(farm.told) == 1

    caplog.set_level("INFO")
    play(scene)
    assert "epoch 1: not reported: the message belongs to an earlier" in caplog.text


def test_stopping_the_agent_stops_it() -> None:
    async def scene(lab: Lab) -> None:
        await begun(lab)
        await lab.fence.close()
        assert lab.driver.making is None

    play(scene)

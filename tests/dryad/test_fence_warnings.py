"""Whoever is logged in is told before the board is taken back."""

import asyncio

import pytest

from boruta_farm.dryad.reminders import words
from boruta_farm.dryad.state import Phase
from boruta_farm.testing.loop import run_virtual
from tests.dryad.boards import Lab, Mood, play


def test_users_are_warned_five_minutes_and_one_minute_before_the_end() -> None:
    async def scene(lab: Lab) -> None:
        await lab.lend(1, 3600)
        await asyncio.sleep(3299)
        assert lab.board.warnings == []
        await asyncio.sleep(2)
        assert lab.board.warnings == [words(300)]
        await asyncio.sleep(240)
        assert lab.board.warnings == [words(300), words(60)]
        await asyncio.sleep(60)
        assert lab.key() is None

    play(scene)


def test_a_prolonged_job_is_warned_of_its_new_end() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 400)
        await asyncio.sleep(150)
        await fence.extend(1, 1, 3600)
        await asyncio.sleep(3200)
        assert lab.board.warnings == [words(300)]
        await asyncio.sleep(150)
        assert lab.board.warnings == [words(300)] * 2

    play(scene)


def test_a_closed_job_warns_nobody() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 400)
        await fence.end(1)
        await asyncio.sleep(1000)
        assert lab.board.warnings == []

    play(scene)


def test_a_warning_that_came_due_while_the_agent_was_dead_is_given_late() -> None:
    async def main() -> None:
        lab = Lab()
        await lab.start()
        await lab.lend(1, 400)
        await lab.kill()
        await asyncio.sleep(200)
        fence = await lab.start()
        await asyncio.sleep(1)
        assert lab.board.warnings == [words(200)]
        await fence.close()

    run_virtual(main())


@pytest.mark.parametrize("mood", [Mood.FAILS, Mood.CRASHES, Mood.HANGS])
def test_a_warning_that_cannot_be_given_costs_the_session_nothing(mood: Mood) -> None:
    async def scene(lab: Lab) -> None:
        await lab.lend(1, 400)
        lab.driver.mood = mood
        await asyncio.sleep(150)
        lab.driver.mood = Mood.WELL
        assert lab.phase() is Phase.GRANTED
        await asyncio.sleep(251)
        assert lab.phase() is Phase.ENDED

    play(scene)

"""The key's own end: a second lock, for a board whose agent dies."""

import pytest

from boruta_farm.model.errors import BoardError
from tests.dryad.boards import Lab, Mood, play


def test_the_key_ends_with_the_job() -> None:
    async def scene(lab: Lab) -> None:
        await lab.lend(1, 100)
        assert lab.board.key_ends_in == pytest.approx(100, abs=1)

    play(scene)


def test_a_prolongation_prolongs_the_key() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 100)
        await fence.extend(1, 1, 500)
        assert lab.board.key_ends_in == pytest.approx(500, abs=1)

    play(scene)


def test_an_end_told_again_leaves_the_key() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 100)
        lab.board.key_ends_in = None
        await fence.grant(1, 50, None)
        assert lab.board.key_ends_in is None

    play(scene)


def test_a_restarted_agent_renews_the_keys_end() -> None:
    async def scene(lab: Lab) -> None:
        await lab.lend(1, 100)
        lab.board.key_ends_in = None
        await lab.kill()
        await lab.start()
        assert lab.board.key_ends_in == pytest.approx(100, abs=1)

    play(scene)


def test_a_key_that_cannot_be_prolonged_is_told_and_the_end_is_kept() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1, 100)
        lab.driver.mood = Mood.FAILS
        with pytest.raises(BoardError, match="expire_in failed"):
            await fence.extend(1, 1, 500)
        assert fence.state.sequence == 1
        lab.driver.mood = Mood.WELL

    play(scene)

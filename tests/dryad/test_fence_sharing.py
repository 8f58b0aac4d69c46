"""A session that is shared: the keys it is opened by change while it runs."""

import pytest

from boruta_farm.dryad.state import Phase
from boruta_farm.model.errors import BoardError, KeyRefusedError, StaleEpochError
from tests.dryad.boards import NEW, Lab, Mood, play

ANN, BOB, EVE = "ssh-ed25519 ANN", "ssh-ed25519 BOB", "ssh-ed25519 EVE"


def test_keys_are_taken_and_those_that_leave_are_told() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1)
        await fence.set_keys(1, 1, (ANN, BOB))
        assert (lab.board.keys, lab.board.parted) == ((ANN, BOB), [()])
        await fence.set_keys(1, 2, (ANN,), (BOB,))
        assert (lab.board.keys, lab.board.parted[-1]) == ((ANN,), ()), "what is open stays"
        await fence.set_keys(1, 3, (EVE,))
        assert (lab.board.keys, lab.board.parted[-1]) == ((EVE,), (ANN, BOB))
        assert await fence.sessions(1) == {EVE: 1}

    play(scene)


def test_a_set_that_is_not_newer_changes_nothing() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1)
        await fence.set_keys(1, 2, (ANN,))
        calls = list(lab.driver.calls)
        await fence.set_keys(1, 2, (BOB,))
        await fence.set_keys(1, 1, (BOB,))
        assert (lab.board.keys, lab.driver.calls) == ((ANN,), calls)

    play(scene)


def test_another_epoch_and_a_session_that_is_over_are_refused() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(2)
        with pytest.raises(StaleEpochError):
            await fence.set_keys(1, 1, (ANN,))
        with pytest.raises(BoardError, match="epoch 3 was not cleaned"):
            await fence.set_keys(3, 1, (ANN,))
        await fence.set_keys(2, 1, (ANN,))
        await fence.end(2)
        for call in (fence.set_keys(2, 2, (ANN,)), fence.sessions(2)):
            with pytest.raises(StaleEpochError):
                await call
        assert lab.board.keys == ()
        assert (fence.state.keys, fence.state.leaving) == ((), ())

    play(scene)


def test_a_board_that_is_only_prepared_has_no_session_to_share() -> None:
    async def scene(lab: Lab) -> None:
        await lab.fence.clean(1)
        await lab.fence.prepare(NEW, epoch=1)
        with pytest.raises(BoardError, match="no job has a session to share"):
            await lab.fence.set_keys(1, 1, (ANN,))
        with pytest.raises(KeyRefusedError, match="one line"):
            await lab.fence.set_keys(1, 1, (f"{ANN}\n{BOB}",))

    play(scene)


def test_what_a_board_did_not_take_is_done_when_it_is_told_again() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1)
        await fence.set_keys(1, 1, (ANN, BOB))
        lab.driver.mood = Mood.FAILS
        with pytest.raises(BoardError, match="let_in failed"):
            await fence.set_keys(1, 2, (ANN,))
        lab.driver.mood = Mood.WELL
        await fence.set_keys(1, 2, (ANN,))
        assert (lab.board.keys, lab.board.parted[-1]) == ((ANN,), (BOB,))
        assert fence.state.leaving == ()

    play(scene)


def test_an_agent_killed_between_asks_its_board_again() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1)
        await fence.set_keys(1, 1, (ANN, BOB))
        lab.driver.mood = Mood.FAILS
        with pytest.raises(BoardError):
            await fence.set_keys(1, 2, (ANN,))
        await lab.kill()
        fence = await lab.start()
        assert lab.phase() is Phase.GRANTED
        assert (lab.board.keys, lab.board.parted[-1]) == ((ANN,), (BOB,))
        await fence.set_keys(1, 2, (ANN,))
        assert len(lab.board.parted) == 2, "it was done already"

    play(scene)

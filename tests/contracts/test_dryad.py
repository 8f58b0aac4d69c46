"""What FencedDryad promises, whoever keeps it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from boruta_farm.contracts import FencedDryad
from boruta_farm.model.errors import BoardError, BorutaError, StaleEpochError
from boruta_farm.model.readiness import Readiness
from tests.contracts.boards import BoardStage, board_scene

FIRST, OWN = "ssh-ed25519 FIRST", "ssh-ed25519 OWN"
HOUR = 3600.0
WANTED = Readiness(
    image="https://images.example/a.img", sha256="0" * 64, storage="sd", boot_until="login: "
)

CALLS: dict[str, Callable[[FencedDryad, int], Awaitable[object]]] = {
    "clean": lambda board, epoch: board.clean(epoch),
    "prepare": lambda board, epoch: board.prepare(FIRST, epoch=epoch),
    "ready": lambda board, epoch: board.ready(epoch, WANTED, HOUR),
    "grant": lambda board, epoch: board.grant(epoch, HOUR, None),
    "extend": lambda board, epoch: board.extend(epoch, 1, HOUR),
    "end": lambda board, epoch: board.end(epoch),
}


async def lend(board: FencedDryad, epoch: int) -> None:
    await board.clean(epoch)
    await board.prepare(FIRST, epoch=epoch)
    await board.grant(epoch, HOUR, None)


@board_scene
async def test_nobody_can_get_in_before_a_preparation(stage: BoardStage) -> None:
    report = await stage.board.clean(1)
    assert report.epoch == 1
    assert stage.key() is None


@board_scene
async def test_a_preparation_lets_its_key_in(stage: BoardStage) -> None:
    await stage.board.clean(1)
    prepared = await stage.board.prepare(FIRST, epoch=1)
    assert prepared.username
    assert prepared.host_key is not None
    assert stage.key() == FIRST


@board_scene
async def test_a_repeated_preparation_answers_the_same(stage: BoardStage) -> None:
    await stage.board.clean(1)
    first = await stage.board.prepare(FIRST, epoch=1)
    assert await stage.board.prepare(FIRST, epoch=1) == first
    assert stage.key() == FIRST


@board_scene
async def test_a_board_is_prepared_only_when_it_was_cleaned_for_that_epoch(
    stage: BoardStage,
) -> None:
    await stage.board.clean(1)
    with pytest.raises(BoardError):
        await stage.board.prepare(FIRST, epoch=2)
    assert stage.key() is None


@board_scene
async def test_messages_of_an_earlier_epoch_are_refused(stage: BoardStage) -> None:
    await lend(stage.board, 7)
    for name, call in CALLS.items():
        with pytest.raises(StaleEpochError):
            await call(stage.board, 6)
        assert stage.key() == FIRST, f"{name} of an earlier epoch touched the session"


@board_scene
async def test_nothing_is_granted_on_a_board_that_is_not_prepared(stage: BoardStage) -> None:
    await stage.board.clean(1)
    with pytest.raises(BoardError):
        await stage.board.grant(1, HOUR, None)
    assert stage.key() is None


@board_scene
async def test_nothing_is_made_ready_on_a_board_that_is_not_prepared(stage: BoardStage) -> None:
    await stage.board.clean(1)
    with pytest.raises(BoardError):
        await stage.board.ready(1, WANTED, HOUR)
    assert stage.wanted() is None


@board_scene
async def test_a_prepared_board_is_made_ready_as_wanted_and_asked_again_goes_on(
    stage: BoardStage,
) -> None:
    await stage.board.clean(1)
    await stage.board.prepare(FIRST, epoch=1)
    await stage.board.ready(1, WANTED, HOUR)
    await stage.board.ready(1, WANTED, HOUR)
    await asyncio.sleep(0.1)
    assert stage.wanted() == WANTED
    assert stage.key() == FIRST


@board_scene
async def test_it_is_called_off_by_a_clean_up_and_by_the_end(stage: BoardStage) -> None:
    for epoch, over in ((1, stage.board.end), (2, lambda epoch: stage.board.clean(epoch + 1))):
        await stage.board.clean(epoch)
        await stage.board.prepare(FIRST, epoch=epoch)
        await stage.board.ready(epoch, WANTED, HOUR)
        await over(epoch)
        assert stage.wanted() is None
        with pytest.raises(BorutaError):
            await stage.board.ready(epoch, WANTED, HOUR)


@board_scene
async def test_a_board_that_somebody_has_is_not_made_ready(stage: BoardStage) -> None:
    await lend(stage.board, 1)
    with pytest.raises(StaleEpochError):
        await stage.board.ready(1, WANTED, HOUR)
    assert stage.wanted() is None


@board_scene
async def test_a_grant_may_be_repeated(stage: BoardStage) -> None:
    await lend(stage.board, 1)
    await stage.board.grant(1, HOUR, None)
    assert stage.key() == FIRST


@board_scene
async def test_the_callers_own_key_replaces_the_prepared_one(stage: BoardStage) -> None:
    await stage.board.clean(1)
    await stage.board.prepare(FIRST, epoch=1)
    await stage.board.grant(1, HOUR, OWN)
    assert stage.key() == OWN


@board_scene
async def test_cleaning_again_for_the_same_epoch_leaves_its_session_alone(
    stage: BoardStage,
) -> None:
    await lend(stage.board, 1)
    await stage.board.clean(1)
    assert stage.key() == FIRST


@board_scene
async def test_cleaning_for_a_later_epoch_ends_the_session(stage: BoardStage) -> None:
    await lend(stage.board, 1)
    await stage.board.clean(2)
    assert stage.key() is None


@board_scene
async def test_a_running_job_may_be_prolonged_again_and_again(stage: BoardStage) -> None:
    await lend(stage.board, 1)
    await stage.board.extend(1, 1, HOUR)
    await stage.board.extend(1, 1, HOUR)
    await stage.board.extend(1, 2, 2 * HOUR)
    assert stage.key() == FIRST


@board_scene
async def test_an_end_shuts_everybody_out_and_may_be_repeated(stage: BoardStage) -> None:
    await lend(stage.board, 1)
    await stage.board.end(1)
    await stage.board.end(1)
    assert stage.key() is None


@board_scene
async def test_an_ended_job_is_neither_prolonged_nor_granted_again(stage: BoardStage) -> None:
    await lend(stage.board, 1)
    await stage.board.end(1)
    with pytest.raises(BorutaError):
        await stage.board.extend(1, 1, HOUR)
    with pytest.raises(BorutaError):
        await stage.board.grant(1, HOUR, None)
    assert stage.key() is None


@board_scene
async def test_maintenance_is_shown_only_while_nobody_can_be_in(stage: BoardStage) -> None:
    await lend(stage.board, 1)
    with pytest.raises(BoardError):
        await stage.board.put_in_maintenance("a fan is loud")
    await stage.board.clean(2)
    await stage.board.put_in_maintenance("a fan is loud")
    assert stage.key() is None


@board_scene
async def test_looking_at_a_board_disturbs_nobody(stage: BoardStage) -> None:
    await lend(stage.board, 1)
    await stage.board.healthcheck()
    assert stage.key() == FIRST

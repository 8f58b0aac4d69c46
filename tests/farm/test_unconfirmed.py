"""Boards whose agents are away are not lent, and a job that none confirms is taken back (I21)."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import RequestState
from boruta_farm.testing.boards import Manner, SimulatedBoard
from tests.boards.lab import FAILED, IDLE, PREPARE, RUNNING, Lab, play
from tests.farm.invariants import Observer

Scene = Callable[[Lab, Observer], Awaitable[None]]


def watched(tmp_path: Path, scene: Scene) -> None:
    async def script(lab: Lab) -> None:
        observer = Observer(lab)
        await scene(lab, observer)
        await observer.check()

    play(tmp_path, script)


async def unreachable(lab: Lab, request_id: int) -> bool:
    request = await lab.request(request_id)
    found = lab.farm.matcher.explain(request, LOCAL_ADMIN)
    return [board.unreachable_since is not None for board in found.absent] == [True]


async def state(lab: Lab, request_id: int) -> RequestState:
    return (await lab.request(request_id)).state


def test_a_board_without_a_link_is_not_lent_and_is_as_soon_as_it_comes(tmp_path: Path) -> None:
    async def scene(lab: Lab, observer: Observer) -> None:
        board = await lab.ready()
        lab.disconnect(board.uuid)
        await lab.settle(2)
        request_id = await lab.file()
        await lab.settle(10)
        assert await state(lab, request_id) is RequestState.WAITING
        assert await lab.state(board) is IDLE
        assert await unreachable(lab, request_id)
        await observer.check()
        await lab.connect(board)
        await lab.settle()
        assert await state(lab, request_id) is RequestState.IN_PROGRESS
        assert "grant" in lab.witness.names()

    watched(tmp_path, scene)


def test_another_board_with_a_link_serves_instead(tmp_path: Path) -> None:
    async def scene(lab: Lab, observer: Observer) -> None:
        away, here = await lab.ready(1), await lab.ready(2)
        lab.disconnect(away.uuid)
        await lab.settle(0.01)
        request = await lab.lend()
        assert request.live_job is not None
        assert request.live_job.worker == here.uuid

    watched(tmp_path, scene)


def test_a_board_goes_on_to_who_waits_in_the_commit_that_makes_it_idle(tmp_path: Path) -> None:
    async def scene(lab: Lab, observer: Observer) -> None:
        board = await lab.ready()
        request, batches = await lab.lend(), list[list[str | None]]()
        waiting = await lab.file()
        lab.store.listen(lambda changes: batches.append([c.event.state for c in changes]))
        await lab.farm.requests.close_request(LOCAL_ADMIN, request.id)
        await lab.settle()
        assert await state(lab, waiting) is RequestState.IN_PROGRESS
        assert await lab.state(board) is RUNNING
        assert ["IDLE", "IN PROGRESS", "RUNNING"] in batches
        assert lab.witness.names()[-1] == "grant"

    watched(tmp_path, scene)


@pytest.mark.parametrize("agent_first", [True, False], ids=["agent first", "server first"])
def test_after_a_power_cut_nothing_is_granted_before_the_link_lives(
    tmp_path: Path, agent_first: bool
) -> None:
    async def scene(lab: Lab, observer: Observer) -> None:
        board = await lab.ready()
        await lab.crash()
        lab._connected.clear()
        board.reboot()
        await lab.start()
        if agent_first:
            await lab.connect(board)
        request_id = await lab.file()
        await lab.settle(8)
        await observer.check()
        if not agent_first:
            assert await state(lab, request_id) is RequestState.WAITING
            assert await unreachable(lab, request_id)
            assert await lab.state(board) is IDLE
            await lab.connect(board)
            await lab.settle(8)
        assert await state(lab, request_id) is RequestState.IN_PROGRESS
        assert (await lab.worker(board)).epoch == 2

    watched(tmp_path, scene)


def test_a_board_that_never_returns_is_lost_and_its_request_waits(tmp_path: Path) -> None:
    async def scene(lab: Lab, observer: Observer) -> None:
        board = await lab.ready()
        await lab.crash()
        lab._connected.clear()
        await lab.start()
        request_id = await lab.file()
        await lab.settle(120)
        assert await state(lab, request_id) is RequestState.WAITING
        assert await lab.state(board) is FAILED

    watched(tmp_path, scene)


async def granted_in_a_hurry(lab: Lab, board: SimulatedBoard) -> int:
    """Lend a board whose agent falls silent in the same moment."""
    board.manner = Manner.NEVER
    request_id = await lab.file()
    await lab.settle(1)
    assert await state(lab, request_id) is RequestState.IN_PROGRESS
    assert await lab.state(board) is RUNNING
    return request_id


def test_a_job_that_is_not_confirmed_within_five_seconds_waits_in_its_place(
    tmp_path: Path,
) -> None:
    async def scene(lab: Lab, observer: Observer) -> None:
        board = await lab.ready()
        request_id = await granted_in_a_hurry(lab, board)
        later = await lab.file()
        await lab.settle(3.5)
        assert await state(lab, request_id) is RequestState.IN_PROGRESS
        await lab.settle(1)
        await observer.check()
        request = await lab.request(request_id)
        assert (request.state, request.job) == (RequestState.WAITING, None)
        worker = await lab.worker(board)
        assert (worker.state, worker.epoch) == (PREPARE, 2)
        board.manner = Manner.WELL
        lab.disconnect(board.uuid)
        await lab.connect(board)
        await lab.settle(5)
        assert await state(lab, request_id) is RequestState.IN_PROGRESS
        assert await state(lab, later) is RequestState.WAITING
        assert board.cleaned == 2

    watched(tmp_path, scene)


def test_a_job_whose_key_was_handed_out_fails_in_words(tmp_path: Path) -> None:
    async def scene(lab: Lab, observer: Observer) -> None:
        board = await lab.ready()
        request_id = await granted_in_a_hurry(lab, board)
        await lab.farm.requests.acquire_worker(LOCAL_ADMIN, request_id)
        await lab.settle(5)
        request = await lab.request(request_id)
        assert request.state is RequestState.FAILED
        assert "did not confirm the job" in (request.reason or "")
        assert await lab.state(board) is PREPARE

    watched(tmp_path, scene)


def test_an_unconfirmed_job_is_taken_back_after_a_crash_of_the_server_too(tmp_path: Path) -> None:
    async def scene(lab: Lab, observer: Observer) -> None:
        board = await lab.ready()
        request_id = await granted_in_a_hurry(lab, board)
        await lab.crash()
        lab._connected.clear()
        await lab.start()
        await lab.settle(6)
        assert await state(lab, request_id) is RequestState.WAITING
        assert await lab.state(board) is PREPARE

    watched(tmp_path, scene)


def test_a_rebooted_board_gives_a_job_nobody_has_had_back(tmp_path: Path) -> None:
    async def scene(lab: Lab, observer: Observer) -> None:
        board = await lab.ready()
        request_id = await granted_in_a_hurry(lab, board)
        lab.disconnect(board.uuid)
        board.reboot()
        board.manner = Manner.WELL
        await lab.connect(board)
        await lab.settle(5)
        assert await state(lab, request_id) is RequestState.IN_PROGRESS
        assert (await lab.worker(board)).epoch == 2

    watched(tmp_path, scene)


def test_a_confirmed_job_outlives_its_link(tmp_path: Path) -> None:
    async def scene(lab: Lab, observer: Observer) -> None:
        board = await lab.ready()
        request = await lab.lend()
        lab.disconnect(board.uuid)
        await lab.settle(60)
        assert await state(lab, request.id) is RequestState.IN_PROGRESS

    watched(tmp_path, scene)

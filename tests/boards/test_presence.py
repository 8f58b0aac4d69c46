"""Agents out of reach: their workers fail after the grace, their jobs live to the end."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.boards.presence import Presence
from boruta_farm.model.errors import OverloadedError
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence, Registration
from boruta_farm.server.supervision import keep_running
from boruta_farm.testing.boards import SimulatedBoard
from boruta_farm.words.worker import OUT_OF_REACH
from tests.boards.lab import FAILED, IDLE, MAINTENANCE, PREPARE, RUNNING, Lab, play
from tests.boards.test_fenced import failing_once

GRACE = 30.0
SHORT = 0.1
TEN_MINUTES = FarmSettings(job_timeout=timedelta(minutes=10), job_limit=timedelta(minutes=10))


async def unreachable(lab: Lab, board: SimulatedBoard) -> bool:
    return (await lab.worker(board)).unreachable_since is not None


async def kinds(lab: Lab) -> list[EventKind]:
    return [event.kind for event in await lab.store.events(0, 1000)]


def test_an_idle_board_is_failed_after_its_grace(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        await lab.settle(100)
        lab.disconnect(board.uuid)
        await lab.settle(GRACE - 1)
        assert await lab.state(board) is IDLE
        await lab.settle(1.5)
        worker = await lab.worker(board)
        assert (worker.state, worker.reason) == (FAILED, "its agent is out of reach")
        assert worker.unreachable_since is not None

    play(tmp_path, script)


def test_a_board_in_preparation_is_failed_after_its_grace(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        await lab.send(board, MAINTENANCE)
        await lab.settle(SHORT)
        lab.disconnect(board.uuid)
        await lab.send(board, IDLE)
        await lab.settle(GRACE - 1)
        assert await lab.state(board) is PREPARE
        await lab.settle(1.5)
        assert await lab.state(board) is FAILED

    play(tmp_path, script)


def test_who_comes_back_within_the_grace_was_never_lost(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        for _ in range(4):
            lab.disconnect(board.uuid)
            await lab.settle(GRACE - 1)
            await lab.connect(board)
            await lab.settle(5)
        worker = await lab.worker(board)
        assert (worker.state, worker.epoch) == (IDLE, 1)
        assert EventKind.WORKER_LOST not in await kinds(lab)

    play(tmp_path, script)


def test_who_is_lost_and_comes_back_is_prepared_again(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        lab.disconnect(board.uuid)
        await lab.settle(GRACE + 1)
        await lab.connect(board)
        await lab.settle(SHORT)
        worker = await lab.worker(board)
        assert (worker.state, worker.epoch) == (IDLE, 2)
        assert worker.unreachable_since is None
        assert board.cleaned == 2
        await lab.lend()

    play(tmp_path, script)


def test_a_job_survives_its_agents_absence_until_its_end(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        request_id = (await lab.lend()).id
        lab.disconnect(board.uuid)
        await lab.settle(GRACE + 1)
        assert await lab.state(board) is RUNNING
        assert await unreachable(lab, board)
        await lab.settle(600 - GRACE - 3)
        assert (await lab.request(request_id)).state is RequestState.IN_PROGRESS
        await lab.settle(6)
        request, worker = await lab.request(request_id), await lab.worker(board)
        assert request.state is RequestState.DONE
        assert request.job is not None
        assert request.job.phase is JobPhase.ENDED
        assert worker.state is FAILED
        assert worker.reason == OUT_OF_REACH
        assert worker.unreachable_since is not None
        await lab.settle(3600)
        assert await lab.state(board) is FAILED, "time alone frees no board"
        await lab.connect(board)
        await lab.settle(SHORT)
        assert await lab.state(board) is IDLE
        assert not board.let_in

    play(tmp_path, script, TEN_MINUTES)


def test_a_job_goes_on_when_its_agent_comes_back(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        request_id = (await lab.lend()).id
        lab.disconnect(board.uuid)
        await lab.settle(GRACE + 100)
        assert await unreachable(lab, board)
        await lab.connect(board)
        await lab.settle(SHORT)
        assert not await unreachable(lab, board)
        assert await lab.state(board) is RUNNING
        assert (await lab.request(request_id)).state is RequestState.IN_PROGRESS

    play(tmp_path, script)


def test_a_board_in_maintenance_is_only_shown_unreachable(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        await lab.send(board, MAINTENANCE)
        await lab.settle(SHORT)
        lab.disconnect(board.uuid)
        await lab.settle(GRACE + 1)
        assert await lab.state(board) is MAINTENANCE
        assert await unreachable(lab, board)

    play(tmp_path, script)


def test_a_restart_of_the_server_starts_the_grace_anew(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        back, away = await lab.ready(1), await lab.ready(2)
        await lab.crash()
        await lab.settle(3600)
        lab.disconnect(back.uuid)
        lab.disconnect(away.uuid)
        await lab.start()
        await lab.settle(GRACE - 1)
        assert await lab.state(back) is await lab.state(away) is IDLE
        await lab.connect(back)
        await lab.settle(2)
        assert await lab.state(back) is IDLE
        assert await lab.state(away) is FAILED

    play(tmp_path, script)


def test_a_restart_while_all_are_connected_fails_nobody(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        request_id = (await lab.lend()).id
        await lab.crash()
        await lab.settle(GRACE * 3)
        await lab.start()
        await lab.settle(GRACE * 3)
        assert await lab.state(board) is RUNNING
        assert (await lab.request(request_id)).state is RequestState.IN_PROGRESS
        assert EventKind.WORKER_LOST not in await kinds(lab)

    play(tmp_path, script)


def test_a_board_without_a_fence_is_not_missed(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        await lab.send(board, MAINTENANCE)
        await lab.settle(SHORT)
        lab.disconnect(board.uuid)
        unfenced = replace(board.registration(), fence=Fence.NONE)
        await lab.farm.superviser.register(unfenced)
        await lab.settle(GRACE * 10)
        assert not await unreachable(lab, board)

    play(tmp_path, script)


def test_a_deregistered_board_is_forgotten(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        await lab.send(board, MAINTENANCE)
        await lab.settle(SHORT)
        lab.disconnect(board.uuid)
        await lab.remove(board)
        await lab.settle(GRACE + 1)
        assert EventKind.WORKER_LOST not in await kinds(lab)

    play(tmp_path, script)


def test_who_comes_back_by_another_server_gets_the_grace_anew(tmp_path: Path) -> None:
    """It has registered there; its link to the server that leads comes a moment later."""

    async def script(lab: Lab) -> None:
        board = await lab.ready()
        lab.disconnect(board.uuid)
        await lab.settle(GRACE + 1)
        worker = await lab.worker(board)
        assert worker.state is FAILED
        await lab.farm.superviser.register(
            Registration(
                caps=worker.caps,
                dryad_address=worker.dryad_address,
                ssh_address=worker.ssh_address,
                fence=worker.fence,
                epoch=worker.epoch,
                boot_id=worker.boot_id,
                credential=worker.credential,
            )
        )
        await lab.settle(GRACE - 1)
        assert await lab.state(board) is PREPARE
        await lab.settle(1.5)
        assert await lab.state(board) is FAILED

    play(tmp_path, script)


def test_a_loss_told_after_the_return_does_not_stick(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        await lab.farm.reports.lost(board.uuid)
        await lab.settle(1)
        assert not await unreachable(lab, board)
        await lab.settle(15)
        assert await lab.state(board) is IDLE
        await lab.lend()

    play(tmp_path, script)


def test_a_loss_that_could_not_be_written_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        lab.disconnect(board.uuid)
        farm = lab.farm
        failing_once(lab, "lost", OverloadedError(), monkeypatch)
        presence = Presence(farm.fleet, farm.reports, lab.clock, timedelta(seconds=5))
        running = asyncio.create_task(keep_running("presence", presence.watch))
        await lab.settle(5.5)
        assert await lab.state(board) is IDLE
        await lab.settle(2)
        assert await lab.state(board) is FAILED
        running.cancel()

    play(tmp_path, script)

"""Boards with an agent are asked for their health, lent or not, and fail with the reason kept."""

import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from boruta_farm.boards.rounds import HealthRounds, RoundsConfig
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import AgentUnreachableError
from boruta_farm.model.request import RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.testing.boards import Manner, SimulatedConnection
from boruta_farm.testing.simulation import NoDialler
from tests.boards import lab as lab_module
from tests.boards.lab import BUSY, FAILED, IDLE, MAINTENANCE, RUNNING, Lab, play

STILL = 3 * 75 + 5
"""Seconds within which three rounds are over."""


def look(
    folder: Path,
    script: Callable[[Lab], Awaitable[None]],
    config: RoundsConfig | None = None,
    settings: FarmSettings | None = None,
) -> None:
    """Run a script on a farm with health rounds."""

    async def with_rounds(lab: Lab) -> None:
        farm = lab.farm
        rounds = HealthRounds(farm.fleet, NoDialler(), farm.reports, lab.clock, config, Random(7))
        lab.run_beside(rounds.go_round())
        await script(lab)

    play(folder, with_rounds, settings)


def test_idle_and_lent_boards_are_asked_about_once_a_minute(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        await lab.ready()
        await lab.settle(600)
        idle = lab.witness.times("healthcheck")
        assert 8 <= len(idle) <= 13
        pauses = [later - at for at, later in itertools.pairwise(idle)]
        assert all(44 <= pause <= 76 for pause in pauses)
        assert len(set(pauses)) > 1
        await lab.lend()
        await lab.settle(600)
        assert 16 <= len(lab.witness.times("healthcheck")) <= 26

    look(tmp_path, script)


def test_three_failures_in_a_row_fail_an_idle_board_with_its_reason(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        lab.witness.faults["healthcheck"] = "sshd does not answer"
        await lab.settle(STILL)
        worker = await lab.worker(board)
        assert worker.state is FAILED
        assert worker.reason == "3 health checks failed: sshd does not answer"

    look(tmp_path, script)


def test_failures_count_only_in_a_row(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        for _ in range(4):
            lab.witness.faults["healthcheck"] = "hot"
            seen = len(lab.witness.calls)
            while len(lab.witness.calls) < seen + 2:
                await lab.settle(1)
            lab.witness.faults.clear()
            while len(lab.witness.calls) < seen + 3:
                await lab.settle(1)
        assert await lab.state(board) is IDLE

    look(tmp_path, script)


def test_a_lent_board_fails_with_its_job(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        request = await lab.lend()
        lab.witness.faults["healthcheck"] = "sshd does not answer"
        await lab.settle(STILL)
        assert await lab.state(board) is FAILED
        over = await lab.request(request.id)
        assert over.state is RequestState.FAILED
        assert "sshd does not answer" in (over.reason or "")

    look(tmp_path, script)


def test_how_many_failures_are_needed_can_be_set(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        lab.witness.faults["healthcheck"] = "hot"
        await lab.settle(7)
        assert (await lab.worker(board)).reason == "a health check failed: hot"

    look(tmp_path, script, RoundsConfig(every=timedelta(seconds=5), failures=1))


def test_an_agent_that_cannot_answer_just_now_has_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(_connection: SimulatedConnection) -> None:
        raise AgentUnreachableError

    async def script(lab: Lab) -> None:
        board = await lab.ready()
        monkeypatch.setattr(lab_module.WitnessedConnection, "healthcheck", busy)
        await lab.settle(STILL * 2)
        assert await lab.state(board) is IDLE

    look(tmp_path, script)


def test_a_board_that_never_answers_fails(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        board.manner = Manner.NEVER
        await lab.settle(STILL + 3 * 60)
        worker = await lab.worker(board)
        assert worker.state is FAILED
        assert worker.reason == "3 health checks failed: no answer to the health check within 60 s"

    look(tmp_path, script)


def test_a_flapping_board_is_put_aside_after_three_recoveries(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        for recovery in range(4):
            lab.witness.faults["healthcheck"] = "loose cable"
            while await lab.state(board) is not FAILED:
                await lab.settle(1)
            lab.witness.faults.clear()
            while await lab.state(board) is FAILED:
                await lab.settle(1)
            await lab.settle(1)
            assert await lab.state(board) is (IDLE if recovery < 3 else MAINTENANCE)
        worker = await lab.worker(board)
        assert worker.reason == (
            "put aside: recovered 3 times within 1h and failed again "
            "(a health check failed: loose cable)"
        )
        await lab.settle(7200)
        assert await lab.state(board) is MAINTENANCE
        await lab.send(board, IDLE)
        await lab.settle(1)
        assert (await lab.worker(board)).recoveries == ()
        assert await lab.state(board) is IDLE

    look(tmp_path, script, RoundsConfig(every=timedelta(seconds=5), failures=1))


def test_an_idle_board_is_taken_out_for_its_test(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        epoch = (await lab.worker(board)).epoch
        await lab.settle(3700)
        worker = await lab.worker(board)
        assert (worker.state, worker.epoch) == (IDLE, epoch + 2)
        made = [name for name in lab.witness.names() if name != "healthcheck"]
        assert made == ["clean", "put_in_maintenance", "clean", "prepare"]
        await lab.lend()
        assert await lab.state(board) is RUNNING
        await lab.settle(3500)
        assert (await lab.worker(board)).epoch == epoch + 2, "a lent board is left to its job"

    look(
        tmp_path,
        script,
        RoundsConfig(test_idle_after=timedelta(hours=1)),
        FarmSettings(job_timeout=timedelta(hours=4)),
    )


def test_a_board_is_idle_again_only_after_its_test(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        lab.witness.faults["clean"] = "the card reader is broken"
        await lab.settle(3700)
        worker = await lab.worker(board)
        assert worker.state in (FAILED, BUSY)
        assert worker.reason == "the card reader is broken"
        page = await lab.farm.workers.list_workers(LOCAL_ADMIN)
        assert [w.state for w in page.items if w.state is IDLE] == []

    look(tmp_path, script, RoundsConfig(test_idle_after=timedelta(hours=1)))

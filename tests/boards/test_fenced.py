"""Boards are cleaned, prepared, granted and set aside, one operation at a time."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.contracts import Prepared
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import (
    BoardError,
    BorutaError,
    KeyRefusedError,
    OutcomeUnknownError,
    OverloadedError,
)
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import KeyPair, WorkerState
from boruta_farm.testing.boards import LATE, Manner
from boruta_farm.testing.simulation import CountingPool
from tests.boards.lab import (
    BUSY,
    FAILED,
    IDLE,
    MAINTENANCE,
    PREPARE,
    RUNNING,
    Lab,
    play,
)
from tests.core.test_requests import ED25519

SHORT = 0.1


def test_a_board_is_cleaned_before_it_gets_a_key(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.add()
        await lab.settle(SHORT)
        worker = await lab.worker(board)
        assert worker.state is IDLE
        assert (worker.username, worker.host_key) == ("boruta-user", "ssh-ed25519 HOST")
        assert lab.witness.names() == ["clean", "prepare"]
        assert board.cleaned == worker.epoch == 1
        assert board.key == "ssh-rsa 1"

    play(tmp_path, script)


def test_without_a_key_a_board_is_cleaned_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CountingPool, "at_hand", lambda _pool: None)

    async def take(_pool: CountingPool) -> KeyPair:
        await asyncio.sleep(5)
        return KeyPair(public="ssh-rsa late", private="private")

    monkeypatch.setattr(CountingPool, "take", take)

    async def script(lab: Lab) -> None:
        board = await lab.add()
        await lab.settle(1)
        assert lab.witness.names() == ["clean"]
        assert board.cleaned == 1
        await lab.settle(5)
        assert lab.witness.names() == ["clean", "prepare"]
        assert board.key == "ssh-rsa late"
        assert await lab.state(board) is IDLE

    play(tmp_path, script)


def test_without_a_port_a_board_is_cleaned_all_the_same(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        lab.doors.shut("there is no relay")
        board = await lab.add()
        await lab.settle(1)
        assert lab.witness.names() == ["clean"]
        assert await lab.state(board) is PREPARE
        lab.doors.unlock(lab.clock.now())
        await lab.settle(1)
        assert lab.witness.names() == ["clean", "prepare"]
        assert await lab.state(board) is IDLE

    play(tmp_path, script)


def test_a_late_board_is_waited_for(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.add(manner=Manner.LATE)
        await lab.settle(LATE - 0.5)
        assert await lab.state(board) is PREPARE
        await lab.settle(1)
        assert await lab.state(board) is IDLE

    play(tmp_path, script)


def test_a_board_that_never_answers_fails_after_five(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.add(manner=Manner.NEVER)
        await lab.settle(299)
        assert await lab.state(board) is PREPARE
        await lab.settle(2)
        worker = await lab.worker(board)
        assert worker.state is FAILED
        assert worker.reason in (
            "the board was not ready within 300 s",
            "still in PREPARE after 5m",
        )

    play(tmp_path, script)


def test_a_board_that_answers_badly_fails_with_its_words(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.add(manner=Manner.BADLY)
        await lab.settle(SHORT)
        worker = await lab.worker(board)
        assert (worker.state, worker.reason) == (FAILED, "simulated fault")

    play(tmp_path, script)


def test_a_board_that_cannot_be_prepared_gives_its_key_back(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        lab.witness.faults["prepare"] = "no room"
        board = await lab.add()
        await lab.settle(SHORT)
        assert (await lab.worker(board)).reason == "no room"
        lab.witness.faults.clear()
        other = await lab.add(2)
        await lab.settle(SHORT)
        assert await lab.state(other) is IDLE
        assert other.key == "ssh-rsa 1", "a key that nobody saw serves again"

    play(tmp_path, script)


def test_an_answer_lost_with_the_agent_is_asked_for_again(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.add(manner=Manner.LOST)
        await lab.settle(5)
        assert await lab.state(board) is PREPARE
        board.manner = Manner.WELL
        await lab.connect(board)
        await lab.settle(SHORT)
        worker = await lab.worker(board)
        assert (worker.state, worker.epoch) == (IDLE, 1)

    play(tmp_path, script)


def test_an_agent_that_is_away_is_prepared_when_it_comes(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        await lab.send(board, MAINTENANCE)
        await lab.settle(SHORT)
        lab.disconnect(board.uuid)
        await lab.send(board, IDLE)
        await lab.settle(20)
        assert await lab.state(board) is PREPARE
        await lab.connect(board)
        await lab.settle(SHORT)
        assert await lab.state(board) is IDLE

    play(tmp_path, script)


def test_one_hung_board_delays_nobody_else(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        boards = [await lab.add(n, Manner.NEVER if n == 50 else Manner.WELL) for n in range(1, 101)]
        await lab.settle(2)
        states = [await lab.state(board) for board in boards]
        assert states.count(IDLE) == 99
        assert states[49] is PREPARE

    play(tmp_path, script)


def test_a_board_does_one_thing_at_a_time(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.add(manner=Manner.LATE)
        for seconds in (1.0, 2.0, 0.5):
            await lab.settle(seconds)
            await lab.send(board, MAINTENANCE)
            await lab.settle(seconds)
            await lab.farm.workers.set_groups(LOCAL_ADMIN, board.uuid, (f"g{seconds}",))
            await lab.settle(20)
            await lab.send(board, IDLE)
        await lab.settle(20)
        assert await lab.state(board) is IDLE
        assert lab.witness.most_at_once[board.uuid] == 1
        assert len(lab.witness.calls) > 10

    play(tmp_path, script)


def test_maintenance_during_a_preparation_waits_for_its_call(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.add(manner=Manner.LATE)
        await lab.settle(1)
        await lab.send(board, MAINTENANCE)
        await lab.settle(SHORT)
        assert await lab.state(board) is BUSY
        await lab.settle(4 * LATE)
        assert await lab.state(board) is MAINTENANCE
        assert board.key is None, "the abandoned preparation left a key"
        assert lab.witness.names() == ["clean", "prepare", "clean", "put_in_maintenance"]

    play(tmp_path, script)


def test_the_sign_is_shown_again_when_a_board_in_maintenance_is_set_there(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        await lab.send(board, MAINTENANCE)
        await lab.settle(SHORT)
        lab.witness.calls.clear()
        await lab.send(board, MAINTENANCE)
        await lab.settle(SHORT)
        assert lab.witness.names() == ["put_in_maintenance"]
        await lab.farm.workers.set_groups(LOCAL_ADMIN, board.uuid, ("lab",))
        await lab.settle(SHORT)
        assert lab.witness.names() == ["put_in_maintenance"], "nobody asked for the sign"
        board.manner = Manner.BADLY
        await lab.send(board, MAINTENANCE)
        await lab.settle(SHORT)
        assert lab.witness.names() == ["put_in_maintenance"] * 2
        assert await lab.state(board) is MAINTENANCE

    play(tmp_path, script)


def test_maintenance_of_a_hung_board_ends_in_failed(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        board.manner = Manner.NEVER
        await lab.send(board, MAINTENANCE)
        await lab.settle(301)
        assert await lab.state(board) is FAILED

    play(tmp_path, script)


def test_the_agent_is_told_when_the_job_ends(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        request = await lab.lend()
        assert request.live_job is not None
        assert board.granted == request.live_job.epoch == board.epoch
        end = lab.clock.now() + timedelta(seconds=board.ends - lab.clock.monotonic())
        assert abs(end - request.live_job.timeout) < timedelta(milliseconds=1)
        assert lab.witness.names() == ["grant"]

    play(tmp_path, script)


def test_an_agent_that_comes_back_is_told_again(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        await lab.lend()
        lab.disconnect(board.uuid)
        known = board.ends
        board.ends = lab.clock.monotonic() + 60
        await lab.settle(5)
        await lab.connect(board)
        await lab.settle(SHORT)
        assert abs(board.ends - known) < 1
        assert lab.witness.names() == ["grant", "grant"]

    play(tmp_path, script)


def test_a_board_that_refuses_a_grant_fails_and_its_request_waits_on(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        lab.witness.faults["grant"] = "user gone"
        request_id = await lab.file()
        await lab.settle(SHORT)
        worker, request = await lab.worker(board), await lab.request(request_id)
        assert (worker.state, worker.reason) == (FAILED, "user gone")
        assert request.state is RequestState.WAITING
        assert request.live_job is None

    play(tmp_path, script)


def test_own_key_is_installed_before_the_request_runs(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        board.manner = Manner.LATE
        request_id = await lab.file(ED25519)
        await lab.settle(LATE - 1)
        request = await lab.request(request_id)
        assert request.state is RequestState.WAITING
        assert request.live_job is not None
        assert request.live_job.phase is JobPhase.OPENING
        await lab.settle(1.5)
        assert (await lab.request(request_id)).state is RequestState.IN_PROGRESS
        assert board.key == ED25519

    play(tmp_path, script)


@pytest.mark.parametrize(
    ("manner", "seconds", "state"),
    [(Manner.BADLY, SHORT, FAILED), (Manner.NEVER, 11.5, PREPARE)],
)
def test_own_key_that_is_not_installed_keeps_the_request_s_place(
    tmp_path: Path, manner: Manner, seconds: float, state: WorkerState
) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        board.manner = manner
        request_id = await lab.file(ED25519)
        await lab.settle(seconds)
        request = await lab.request(request_id)
        assert await lab.state(board) is state
        assert request.state is RequestState.WAITING
        assert request.live_job is None
        other = await lab.add(2)
        await lab.settle(SHORT)
        assert (await lab.request(request_id)).state is RequestState.IN_PROGRESS
        assert other.key == ED25519

    play(tmp_path, script)


@pytest.mark.parametrize("kind", [KeyRefusedError, BoardError], ids=["told apart", "old agents"])
def test_a_key_that_boards_refuse_fails_one_request_and_no_board(
    tmp_path: Path, kind: type[BoardError]
) -> None:
    async def script(lab: Lab) -> None:
        boards = [await lab.ready(number) for number in range(1, 5)]
        lab.witness.kind = kind
        lab.witness.faults["grant"] = "this key cannot be used"
        request_id = await lab.file(ED25519)
        await lab.settle(60)
        request = await lab.request(request_id)
        assert request.state is RequestState.FAILED
        assert "this key cannot be used" in (request.reason or "")
        assert request.live_job is None
        assert lab.witness.names().count("grant") == 1
        assert [await lab.state(board) for board in boards] == [IDLE] * 4
        epochs = [(await lab.worker(board)).epoch for board in boards]
        assert sorted(epochs) == [1, 1, 1, 2]

    play(tmp_path, script)


def test_closing_while_own_key_is_installed_cancels(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        board.manner = Manner.LATE
        request_id = await lab.file(ED25519)
        await lab.settle(1)
        await lab.farm.requests.close_request(LOCAL_ADMIN, request_id)
        await lab.settle(4 * LATE)
        assert (await lab.request(request_id)).state is RequestState.CANCELLED
        worker = await lab.worker(board)
        assert (worker.state, worker.epoch) == (IDLE, 2)
        assert board.key != ED25519

    play(tmp_path, script)


def test_a_preparation_cut_off_by_a_crash_is_done_again(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.add(manner=Manner.LATE)
        await lab.settle(LATE - 1)
        await lab.crash()
        await lab.start()
        await lab.settle(LATE + 1)
        worker = await lab.worker(board)
        assert (worker.state, worker.epoch) == (IDLE, 1)
        assert lab.witness.names() == ["clean", "prepare", "clean", "prepare"]

    play(tmp_path, script)


def failing_once(lab: Lab, name: str, error: BorutaError, patch: pytest.MonkeyPatch) -> None:
    """Let a report raise once, without being heard."""
    reports = lab.farm.reports
    honest = getattr(reports, name)
    errors = [error]

    async def report(*arguments: str | int | KeyPair | Prepared) -> None:
        if errors:
            raise errors.pop()
        await honest(*arguments)

    patch.setattr(reports, name, report)


def test_an_overloaded_farm_is_told_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(lab: Lab) -> None:
        failing_once(lab, "prepared", OverloadedError(), monkeypatch)
        board = await lab.add()
        await lab.settle(0.5)
        assert await lab.state(board) is PREPARE
        await lab.settle(1)
        assert await lab.state(board) is IDLE

    play(tmp_path, script)


def test_an_overloaded_farm_is_told_again_of_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(lab: Lab) -> None:
        failing_once(lab, "failed", OverloadedError(), monkeypatch)
        board = await lab.add(manner=Manner.BADLY)
        await lab.settle(3)
        assert await lab.state(board) is FAILED

    play(tmp_path, script)


def test_a_report_of_unknown_outcome_is_not_repeated_before_the_feed_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(lab: Lab) -> None:
        failing_once(lab, "prepared", OutcomeUnknownError(), monkeypatch)
        await lab.settle(SHORT)
        lab.farm.feed.doubts += 1
        board = await lab.add()
        await lab.settle(5)
        await lab.farm.workers.set_groups(LOCAL_ADMIN, board.uuid, ("g",))
        await lab.settle(5)
        assert lab.witness.names() == ["clean", "prepare"]
        lab.farm.feed._lose_track()
        await lab.settle(SHORT)
        assert await lab.state(board) is IDLE

    play(tmp_path, script)


def test_a_job_that_ends_leads_to_a_new_preparation(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        request = await lab.lend()
        assert await lab.state(board) is RUNNING
        used = board.key
        await lab.farm.requests.acquire_worker(LOCAL_ADMIN, request.id)
        await lab.farm.requests.close_request(LOCAL_ADMIN, request.id)
        await lab.settle(SHORT)
        worker = await lab.worker(board)
        assert (worker.state, worker.epoch) == (IDLE, 2)
        assert board.key not in (None, used), "every job has a key of its own"
        assert lab.witness.names() == ["grant", "clean", "prepare"]

    play(tmp_path, script)


def test_boards_wait_for_the_relay_and_do_not_fail_for_want_of_it(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        lab.doors.shut("relay 77 does not answer")
        board = await lab.add()
        await lab.settle(lab.settings.prepare_timeout.total_seconds() + 600)
        assert await lab.state(board) is PREPARE
        lab.doors.unlock(lab.clock.now())
        await lab.settle(2)
        assert await lab.state(board) is IDLE

    play(tmp_path, script)


def test_nothing_is_granted_without_a_relay_and_the_wait_names_it(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        lab.doors.shut("relay 77 does not answer")
        request_id = await lab.file()
        await lab.settle(60)
        assert await lab.state(board) is IDLE
        told = await lab.farm.requests.explain(LOCAL_ADMIN, request_id)
        assert told.text.startswith("no board is lent just now, since relay 77 does not answer; ")
        lab.doors.unlock(lab.clock.now())
        lab.farm.matcher.look()
        await lab.settle()
        assert await lab.state(board) is RUNNING
        told = await lab.farm.requests.explain(LOCAL_ADMIN, request_id)
        assert "relay" not in told.text

    play(tmp_path, script)

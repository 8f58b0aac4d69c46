from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.loop import run_virtual
from tests.boards.goboards import GoBoard, GoYard
from tests.core.test_requests import ED25519

Play = Callable[[GoYard], Awaitable[None]]


def play(folder: Path, story: Play, recheck: timedelta = timedelta()) -> None:
    """Tell a story on a farm under virtual time."""

    async def main() -> None:
        yard = GoYard(folder, recheck)
        await yard.start()
        try:
            await story(yard)
        finally:
            await yard.crash()

    run_virtual(main())


def words(calls: list[tuple[float, str]]) -> list[str]:
    return [call for _, call in calls]


def test_every_job_gets_a_key_of_its_own(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        first = await yard.lend("a")
        access = await yard.farm.requests.acquire_worker(LOCAL_ADMIN, first)
        assert access.key == "private 1"
        await yard.farm.requests.close_request(LOCAL_ADMIN, first)
        await yard.settle()
        second = await yard.lend("a")
        access = await yard.farm.requests.acquire_worker(LOCAL_ADMIN, second)
        assert access.key == "private 2"
        assert words(board.calls) == ["prepare ssh-rsa 1", "prepare ssh-rsa 2"]

    play(tmp_path, story)


def test_maintenance_is_shown_in_the_original_words(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        await yard.set_state("a", WorkerState.MAINTENANCE)
        await yard.settle()
        assert await yard.state("a") is WorkerState.MAINTENANCE
        assert words(board.calls)[1:] == ["maintenance maintenance"]

    play(tmp_path, story)


def test_changed_registration_goes_to_maintenance(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        await yard.farm.superviser.register(board.registration(port=2222))
        await yard.settle()
        assert await yard.state("a") is WorkerState.MAINTENANCE
        assert words(board.calls)[1:] == ["maintenance maintenance"]

    play(tmp_path, story)


def test_the_sign_is_shown_again_when_a_board_in_maintenance_is_set_there(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        await yard.set_state("a", WorkerState.MAINTENANCE)
        await yard.settle()
        await yard.set_state("a", WorkerState.MAINTENANCE)
        await yard.settle()
        assert words(board.calls)[1:] == ["maintenance maintenance"] * 2
        await yard.farm.superviser.register(board.registration(port=2222))
        await yard.settle()
        assert words(board.calls)[1:] == ["maintenance maintenance"] * 3
        board.away = True
        await yard.set_state("a", WorkerState.MAINTENANCE)
        await yard.settle(5)
        assert len(board.calls) == 5
        assert await yard.state("a") is WorkerState.MAINTENANCE

    play(tmp_path, story)


def test_own_key_is_installed_once_before_the_job_is_live(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        board.takes = 5.0
        request_id = await yard.lend("a", ssh_key=ED25519)
        assert (await yard.request(request_id)).state is RequestState.WAITING
        await yard.settle(6)
        assert (await yard.request(request_id)).state is RequestState.IN_PROGRESS
        assert board.key == ED25519
        assert len(board.calls) == 2

    play(tmp_path, story)


def test_unanswered_call_fails_the_worker_and_none_follows_for_a_minute(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board, fell_silent = await silent(yard)
        await yard.set_state("a", WorkerState.MAINTENANCE)
        await yard.settle(50)
        assert board.calls[-1][0] == fell_silent
        assert await yard.state("a") is WorkerState.BUSY
        await yard.settle(15)
        assert board.calls[-1][1] == "maintenance maintenance"
        assert board.calls[-1][0] - fell_silent >= 60
        assert await yard.state("a") is WorkerState.MAINTENANCE

    play(tmp_path, story)


async def silent(yard: GoYard) -> tuple[GoBoard, float]:
    """Return a board that has just failed to answer, and when."""
    board = await yard.add("a")
    request_id = await yard.lend("a")
    board.silent = True
    await yard.farm.requests.close_request(LOCAL_ADMIN, request_id)
    await yard.settle()
    worker = await yard.worker("a")
    assert (worker.state, worker.reason) == (WorkerState.FAILED, "no answer")
    board.silent = False
    return board, board.calls[-1][0]


def test_a_new_registration_ends_the_silence(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board, _ = await silent(yard)
        await yard.set_state("a", WorkerState.MAINTENANCE)
        await yard.settle()
        assert await yard.state("a") is WorkerState.BUSY
        await yard.farm.superviser.register(board.registration())
        await yard.settle()
        assert board.calls[-1][1] == "maintenance maintenance"
        assert await yard.state("a") is WorkerState.MAINTENANCE

    play(tmp_path, story)


def test_a_board_that_answers_with_an_error_may_be_called_at_once(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        request_id = await yard.lend("a")
        board.refusal = "user removal failed"
        await yard.farm.requests.close_request(LOCAL_ADMIN, request_id)
        await yard.settle()
        worker = await yard.worker("a")
        assert (worker.state, worker.reason) == (WorkerState.FAILED, "user removal failed")
        board.refusal = ""
        await yard.farm.superviser.register(board.registration())
        await yard.settle()
        assert await yard.state("a") is WorkerState.IDLE

    play(tmp_path, story)


def test_an_agent_that_was_killed_while_idle_is_found_out_in_85_s(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        board.refusing = True
        await yard.settle(85)
        worker = await yard.worker("a")
        assert worker.state is WorkerState.FAILED
        assert "nothing listens" in (worker.reason or "")

    play(tmp_path, story)


def test_failed_board_comes_back_by_itself_with_longer_and_longer_pauses(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        board.away = True
        await yard.set_state("a", WorkerState.MAINTENANCE)
        await yard.settle()
        assert await yard.state("a") is WorkerState.FAILED
        failed_at = board.calls[-1][0]
        await yard.settle(1000)
        knocks = [round(at - failed_at, -1) for at in board.knocks]
        assert knocks == [10, 30, 70, 150, 310, 630]
        assert len(board.calls) == 2
        board.away = False
        await yard.settle(700)
        assert await yard.state("a") is WorkerState.IDLE

    play(tmp_path, story)


def test_an_opening_that_a_board_in_reach_refuses_fails_the_request_alone(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        board.refusal = "key cannot be written"
        request_id = await yard.lend("a", ssh_key=ED25519)
        request = await yard.request(request_id)
        assert request.state is RequestState.FAILED
        assert "key cannot be written" in (request.reason or "")
        assert await yard.state("a") is WorkerState.PREPARE
        board.refusal = ""
        calls = len(board.calls)
        await yard.settle(55)
        assert len(board.calls) == calls
        await yard.settle(10)
        assert await yard.state("a") is WorkerState.IDLE

    play(tmp_path, story)


def test_opening_that_fails_keeps_the_place_of_the_request(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        board.away = True
        request_id = await yard.lend("a", ssh_key=ED25519)
        assert await yard.state("a") is WorkerState.FAILED
        assert (await yard.request(request_id)).state is RequestState.WAITING
        board.away = False
        await yard.settle(120)
        assert (await yard.request(request_id)).state is RequestState.IN_PROGRESS

    play(tmp_path, story)


def test_preparation_is_repeated_with_a_new_key_after_a_crash(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        request_id = await yard.lend("a")
        board.takes = 30.0
        await yard.farm.requests.close_request(LOCAL_ADMIN, request_id)
        await yard.settle()
        await yard.crash()
        board.takes = 0.5
        await yard.start()
        await yard.settle(5)
        assert await yard.state("a") is WorkerState.IDLE
        assert words(board.calls) == [f"prepare ssh-rsa {n}" for n in (1, 2, 3)]
        again = await yard.lend("a")
        access = await yard.farm.requests.acquire_worker(LOCAL_ADMIN, again)
        assert access.key == "private 3"

    play(tmp_path, story)


def test_hung_board_delays_nobody_else_and_fails_in_the_end(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        hung, well = await yard.add("a"), await yard.add("b")
        hung.takes = 10_000.0
        for name in ("a", "b"):
            request_id = await yard.lend(name)
            await yard.farm.requests.close_request(LOCAL_ADMIN, request_id)
        await yard.settle()
        assert await yard.state("a") is WorkerState.PREPARE
        assert await yard.state("b") is WorkerState.IDLE
        await yard.settle(75)
        assert await yard.state("a") is WorkerState.FAILED
        assert len(well.calls) == 2
        await yard.settle(50)
        assert len(hung.calls) == 2

    play(tmp_path, story)


def test_time_over_ends_the_job_without_the_board(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        request_id = await yard.lend("a")
        await yard.settle(3610)
        assert (await yard.request(request_id)).state is RequestState.DONE
        assert await yard.state("a") is WorkerState.IDLE
        assert len(board.calls) == 2

    play(tmp_path, story)


def test_a_board_that_is_gone_at_the_grant_gives_the_job_back(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        board.away = True
        request_id = await yard.lend("a")
        request = await yard.request(request_id)
        assert (request.state, request.live_job) == (RequestState.WAITING, None)
        assert await yard.state("a") is WorkerState.FAILED
        board.away = False
        await yard.settle(120)
        assert (await yard.request(request_id)).state is RequestState.IN_PROGRESS

    play(tmp_path, story)

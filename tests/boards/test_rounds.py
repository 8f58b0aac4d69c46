from datetime import timedelta
from pathlib import Path

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.worker import WorkerState
from tests.boards.goboards import GoYard
from tests.boards.test_unfenced import play


def test_idle_board_is_visited_about_once_a_minute(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        await yard.settle(600)
        pauses = [later - at for at, later in zip(board.knocks, board.knocks[1:], strict=False)]
        assert 7 <= len(board.knocks) <= 14
        assert all(45 <= pause <= 75 for pause in pauses)
        assert len({round(pause) for pause in pauses}) > 1
        assert len(board.calls) == 1

    play(tmp_path, story)


def test_lent_board_is_left_alone(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        await yard.lend("a")
        before = len(board.knocks)
        board.away = True
        await yard.settle(1800)
        assert len(board.knocks) == before
        assert await yard.state("a") is WorkerState.RUNNING

    play(tmp_path, story)


def test_three_failures_in_a_row_fail_the_worker(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        for _ in range(3):
            board.away = True
            while len(board.knocks) % 3 != 2:
                await yard.settle()
            board.away = False
            while len(board.knocks) % 3 != 0:
                await yard.settle()
        assert await yard.state("a") is WorkerState.IDLE
        board.away = True
        await yard.settle(230)
        assert await yard.state("a") is WorkerState.FAILED

    play(tmp_path, story)


def test_a_health_check_runs_only_while_nobody_can_have_the_board(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        assert [call for _, call in board.calls] == ["healthcheck", "prepare ssh-rsa 1"]
        await yard.settle(3600)
        assert await yard.state("a") is WorkerState.IDLE
        lent = await yard.lend("a")
        before = len(board.calls)
        assert before > 2
        assert "healthcheck" in [call for _, call in board.calls[2:]]
        await yard.settle(1800)
        assert len(board.calls) == before
        await yard.farm.requests.close_request(LOCAL_ADMIN, lent)
        await yard.settle(2)
        assert board.calls[before][1] == "healthcheck"

    play(tmp_path, story, recheck=timedelta(minutes=30))


def test_a_board_that_fails_its_health_check_is_not_lent(tmp_path: Path) -> None:
    async def story(yard: GoYard) -> None:
        board = await yard.add("a")
        board.refusal = "unexpected response: Error processing command"
        await yard.settle(2000)
        worker = await yard.worker("a")
        assert (worker.state, worker.reason) == (WorkerState.FAILED, board.refusal)

    play(tmp_path, story, recheck=timedelta(minutes=30))

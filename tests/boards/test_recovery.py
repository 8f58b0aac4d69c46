"""FAILED boards are asked for their health, less and less often, and prepared when well."""

import asyncio
from pathlib import Path

import pytest

from boruta_farm.model.errors import OverloadedError
from boruta_farm.testing.boards import Manner, SimulatedBoard
from tests.boards.lab import FAILED, IDLE, MAINTENANCE, PREPARE, RUNNING, Lab, play
from tests.boards.test_fenced import failing_once

SHORT = 0.1
AN_HOUR = 3600


async def failed(lab: Lab) -> SimulatedBoard:
    """Return a board that has just failed, at about zero seconds."""
    board = await lab.add(manner=Manner.BADLY)
    await lab.settle(SHORT)
    assert await lab.state(board) is FAILED
    return board


def test_pauses_double_from_ten_seconds_to_ten_minutes(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        await failed(lab)
        await lab.settle(AN_HOUR)
        expected, pause = [10], 20
        while expected[-1] + pause < AN_HOUR:
            expected.append(expected[-1] + pause)
            pause = min(2 * pause, 600)
        assert lab.witness.times("healthcheck") == expected
        assert expected[-1] - expected[-2] == 600

    play(tmp_path, script)


def test_a_board_that_is_well_again_is_prepared(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await failed(lab)
        await lab.settle(15)
        board.manner = Manner.WELL
        await lab.settle(10)
        assert await lab.state(board) is FAILED
        await lab.settle(10)
        worker = await lab.worker(board)
        assert (worker.state, worker.epoch) == (IDLE, 2)
        assert lab.witness.times("healthcheck") == [10, 30]
        await lab.settle(AN_HOUR)
        assert lab.witness.times("healthcheck") == [10, 30], "an idle board is left alone"

    play(tmp_path, script)


def test_a_board_that_fails_every_preparation_is_not_hammered(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        lab.witness.faults["prepare"] = "no room"
        await lab.add()
        await lab.settle(700)
        assert lab.witness.times("prepare") == [0, 10, 30, 70, 150, 310, 630]

    play(tmp_path, script)


def test_pauses_start_over_once_a_board_has_served(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await failed(lab)
        await lab.settle(200)
        board.manner = Manner.WELL
        await lab.settle(200)
        await lab.lend()
        assert await lab.state(board) is RUNNING
        board.manner = Manner.BADLY
        lab.witness.calls.clear()
        failed_at = lab.clock.monotonic()
        await lab.farm.superviser.set_fail(board.uuid, "smoke")
        await lab.settle(35)
        seen = [when - round(failed_at) for when in lab.witness.times("healthcheck")]
        assert seen == [10, 30]

    play(tmp_path, script)


def test_a_board_that_never_answers_is_given_up_after_a_minute(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await failed(lab)
        board.manner = Manner.NEVER
        await lab.settle(200)
        assert lab.witness.times("healthcheck") == [10, 90, 190]

    play(tmp_path, script)


def test_a_board_out_of_reach_is_prepared_when_it_registers(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await failed(lab)
        lab.disconnect(board.uuid)
        await lab.settle(AN_HOUR)
        assert lab.witness.times("healthcheck") == []
        board.manner = Manner.WELL
        await lab.connect(board)
        await lab.settle(SHORT)
        assert await lab.state(board) is IDLE

    play(tmp_path, script)


def test_a_board_in_maintenance_is_left_alone(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await failed(lab)
        board.manner = Manner.WELL
        await lab.send(board, MAINTENANCE)
        await lab.settle(AN_HOUR)
        assert await lab.state(board) is MAINTENANCE
        assert lab.witness.times("healthcheck") == []

    play(tmp_path, script)


def test_a_deregistered_board_is_left_alone(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await failed(lab)
        await lab.remove(board)
        await lab.settle(AN_HOUR)
        assert lab.witness.times("healthcheck") == []

    play(tmp_path, script)


def test_maintenance_ends_a_check_under_way(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await failed(lab)
        board.manner = Manner.LATE
        await lab.settle(11)
        await lab.send(board, MAINTENANCE)
        await lab.settle(100)
        assert await lab.state(board) is MAINTENANCE
        assert lab.witness.times("healthcheck") == [10]

    play(tmp_path, script)


def test_a_failed_board_is_tried_again_after_a_restart(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await failed(lab)
        lab.disconnect(board.uuid)
        await lab.crash()
        await lab.start()
        lab.links.connect(board)
        await lab.settle(11)
        assert lab.witness.times("healthcheck") == [10]

    play(tmp_path, script)


def test_one_hung_board_delays_no_other_check(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        boards = [await lab.add(n, Manner.BADLY) for n in range(1, 21)]
        await lab.settle(SHORT)
        for number, board in enumerate(boards):
            board.manner = Manner.NEVER if number == 0 else Manner.WELL
        await lab.settle(11)
        states = [await lab.state(board) for board in boards]
        assert states == [FAILED] + 19 * [IDLE]

    play(tmp_path, script)


def test_an_overloaded_farm_is_told_again_of_a_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(lab: Lab) -> None:
        board = await failed(lab)
        failing_once(lab, "recovered", OverloadedError(), monkeypatch)
        board.manner = Manner.WELL
        await lab.settle(40)
        assert await lab.state(board) is IDLE

    play(tmp_path, script)


def test_a_recovered_board_is_cleaned_first(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        await lab.lend()
        await lab.farm.superviser.set_fail(board.uuid, "smoke")
        assert board.let_in
        await lab.settle(9)
        assert await lab.state(board) is FAILED
        board.manner = Manner.LATE
        await lab.settle(5)
        assert await lab.state(board) is PREPARE
        await lab.settle(6)
        assert await lab.state(board) is IDLE
        assert not board.let_in

    play(tmp_path, script)


def test_a_board_that_fails_again_at_once_is_still_tried(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await failed(lab)
        board.manner = Manner.WELL
        await asyncio.gather(
            lab.farm.superviser.register(board.registration()),
            lab.farm.superviser.set_fail(board.uuid, "smoke"),
        )
        await lab.settle(SHORT)
        assert (await lab.worker(board)).reason == "smoke"
        await lab.settle(60)
        assert await lab.state(board) is IDLE

    play(tmp_path, script)

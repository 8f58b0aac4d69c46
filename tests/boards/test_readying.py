"""Boards are flashed and booted before their hand-over, whatever server, agent and link do."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.core.readying import SETTLING
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import ProtocolError, WorkerNotAssignedError
from boruta_farm.model.explanation import Cause
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import NewRequest, Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.testing.boards import Manner, SimulatedBoard, SimulatedConnection
from boruta_farm.words.explanation import line
from boruta_farm.words.times import Times
from tests.boards.lab import FAILED, IDLE, RUNNING, Lab, play
from tests.core.test_requests import ED25519

TOOLS = {"tool.image": "yes", "tool.boot": "yes"}
LIMIT = FarmSettings().ready_timeout.total_seconds()


async def capable(lab: Lab, number: int = 1, ready_after: float = 20.0) -> SimulatedBoard:
    """Return a board that is IDLE and can be flashed and booted."""
    uuid = f"00000000-0000-4000-8000-{number:012}"
    board = SimulatedBoard(uuid=uuid, caps=dict(TOOLS), name=f"n{number}", ready_after=ready_after)
    await lab.connect(board)
    await lab.send(board, IDLE)
    await lab.settle()
    assert await lab.state(board) is IDLE
    lab.witness.calls.clear()
    return board


async def file(lab: Lab, ssh_key: str | None = None) -> int:
    """File a request for a board that is flashed and booted."""
    new = NewRequest(
        caps={},
        priority=8,
        image="https://images.example/a.img",
        boot_until="login:",
        ssh_key=ssh_key,
        length=timedelta(minutes=30),
    )
    return (await lab.farm.requests.new_request(LOCAL_ADMIN, new)).id


async def readying(lab: Lab, request_id: int) -> Request:
    """Return the request, whose board must be being made ready."""
    request = await lab.request(request_id)
    assert request.state is RequestState.WAITING
    assert request.live_job is not None
    assert request.live_job.phase is JobPhase.READYING
    return request


def test_the_job_begins_when_its_board_has_booted(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        plain, board = await lab.add(9), await capable(lab)
        request_id = await file(lab)
        await lab.settle(18)
        request = await readying(lab, request_id)
        assert request.job is not None
        assert request.job.worker == board.uuid, "the least capable board cannot do it"
        assert await lab.state(plain) is IDLE
        assert not board.let_in
        with pytest.raises(WorkerNotAssignedError) as told:
            await lab.farm.requests.acquire_worker(LOCAL_ADMIN, request_id)
        assert told.value.standing is not None
        assert told.value.standing.progress == "it begins"
        await lab.settle(4)
        request = await lab.request(request_id)
        assert request.state is RequestState.IN_PROGRESS
        assert request.job is not None
        assert request.job.timeout - request.job.granted == timedelta(minutes=30)
        assert lab.clock.now() - request.job.granted < timedelta(seconds=4)
        assert not request.job.unconfirmed
        assert lab.witness.names()[-2:] == ["ready", "grant"]
        assert board.let_in == {board.key}
        await lab.settle(31 * 60)
        assert (await lab.request(request_id)).state is RequestState.DONE
        assert await lab.state(board) is IDLE

    play(tmp_path, script)


def test_how_far_it_has_come_is_told_where_people_look(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await capable(lab)
        request_id = await file(lab)
        await lab.settle(1)
        await lab.farm.reports.progressed(board.uuid, 1, "sd: writing, 1 MB of 2 MB")
        await lab.settle(1)
        found = await lab.farm.requests.explain(LOCAL_ADMIN, request_id)
        assert found.cause is Cause.READYING
        told = line(found, Times(now=lab.clock.now(), zone=None))
        assert told == "n1 is being made ready for it: sd: writing, 1 MB of 2 MB"
        job = (await readying(lab, request_id)).job
        assert job is not None
        assert job.progress == "sd: writing, 1 MB of 2 MB"
        assert lab.witness.names() == ["ready"], "what is told changes nothing for the board"

    play(tmp_path, script)


def test_ones_own_key_is_installed_at_the_hand_over(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await capable(lab)
        request_id = await file(lab, ED25519)
        await lab.settle(18)
        await readying(lab, request_id)
        assert board.key != ED25519
        await lab.settle(4)
        assert (await lab.request(request_id)).state is RequestState.IN_PROGRESS
        assert board.key == ED25519

    play(tmp_path, script)


def test_what_fails_fails_the_request_and_the_board_serves_on(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await capable(lab)
        board.trouble = "sd: the server answers 404"
        request_id, next_id = await file(lab), await lab.file()
        await lab.settle(22)
        request = await lab.request(request_id)
        assert request.state is RequestState.FAILED
        assert request.reason == "n1 was not made ready: sd: the server answers 404"
        assert (await lab.request(next_id)).state is RequestState.IN_PROGRESS
        events = await lab.store.events(0, 1000)
        assert not [e for e in events if e.request_id is None and e.state == FAILED.value]
        worker = await lab.worker(board)
        assert (worker.state, worker.epoch) == (RUNNING, 2)

    play(tmp_path, script)


def test_closing_it_calls_it_off_and_the_board_is_cleaned(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await capable(lab)
        request_id = await file(lab)
        await lab.settle(5)
        await lab.farm.requests.close_request(LOCAL_ADMIN, request_id)
        await lab.settle()
        assert (await lab.request(request_id)).state is RequestState.CANCELLED
        worker = await lab.worker(board)
        assert (worker.state, worker.epoch, board.cleaned) == (IDLE, 2, 2)
        assert board.readying is None

    play(tmp_path, script)


async def _crash(lab: Lab, _: SimulatedBoard) -> None:
    await lab.crash()
    await lab.start()


async def _cut(lab: Lab, board: SimulatedBoard) -> None:
    lab.disconnect(board.uuid)
    await lab.settle(5)
    await lab.connect(board)


async def _restart(lab: Lab, board: SimulatedBoard) -> None:
    """Have the agent killed: the session stays, what it was at is gone."""
    lab.disconnect(board.uuid)
    board.readying = None
    await lab.connect(board)


@pytest.mark.parametrize("happens", [_crash, _cut, _restart])
def test_it_goes_on_after(
    happens: Callable[[Lab, SimulatedBoard], Awaitable[None]], tmp_path: Path
) -> None:
    async def script(lab: Lab) -> None:
        board = await capable(lab)
        request_id = await file(lab)
        await lab.settle(10)
        await happens(lab, board)
        await lab.settle(1)
        await readying(lab, request_id)
        assert lab.witness.names() == ["ready", "ready"]
        assert lab.witness.within[0] == LIMIT
        assert LIMIT - 17 < lab.witness.within[1] < LIMIT - 9, "its time is not given anew"
        await lab.settle(25)
        assert (await lab.request(request_id)).state is RequestState.IN_PROGRESS
        assert (await lab.worker(board)).epoch == 1

    play(tmp_path, script)


async def _reboot(lab: Lab, board: SimulatedBoard) -> None:
    lab.disconnect(board.uuid)
    board.reboot()
    await lab.connect(board)


async def _lose(lab: Lab, board: SimulatedBoard) -> None:
    lab.disconnect(board.uuid)
    await lab.settle(35)


async def _silence(lab: Lab, board: SimulatedBoard) -> None:
    """Have an agent that takes no call any more when it comes again."""
    lab.disconnect(board.uuid)
    board.manner, board.ready_at = Manner.NEVER, float("inf")
    await lab.connect(board)
    await lab.settle(65)


async def _fail(lab: Lab, board: SimulatedBoard) -> None:
    await lab.farm.superviser.set_fail(board.uuid, "its power cannot be read")


@pytest.mark.parametrize("happens", [_reboot, _lose, _silence, _fail])
def test_the_request_keeps_its_place_and_another_board_is_made_ready_after(
    happens: Callable[[Lab, SimulatedBoard], Awaitable[None]], tmp_path: Path
) -> None:
    async def script(lab: Lab) -> None:
        board = await capable(lab)
        request_id = await file(lab)
        await lab.settle(10)
        other = await capable(lab, 2)
        await happens(lab, board)
        await lab.settle(5)
        job = (await readying(lab, request_id)).job
        assert job is not None
        assert job.worker == other.uuid
        await lab.settle(20)
        assert (await lab.request(request_id)).state is RequestState.IN_PROGRESS
        assert not board.let_in

    play(tmp_path, script)


def test_time_that_the_server_was_away_fails_nothing_that_was_done_meanwhile(
    tmp_path: Path,
) -> None:
    async def script(lab: Lab) -> None:
        await capable(lab)
        request_id = await file(lab)
        await lab.settle(10)
        await lab.crash()
        await lab.settle(2 * LIMIT)
        await lab.start()
        await lab.settle(2)
        assert (await lab.request(request_id)).state is RequestState.IN_PROGRESS

    play(tmp_path, script)


def test_a_board_that_tells_nothing_is_given_up_and_serves_on(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await capable(lab, ready_after=10 * LIMIT)
        request_id = await file(lab)
        await lab.settle(LIMIT + SETTLING.total_seconds() - 1)
        await readying(lab, request_id)
        await lab.settle(2)
        request = await lab.request(request_id)
        assert request.state is RequestState.FAILED
        assert request.reason == "n1 was not made ready: it was not ready within 15m"
        await lab.settle(1)
        assert await lab.state(board) is IDLE

    play(tmp_path, script)


def test_an_agent_that_cannot_after_all_fails_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*_: object) -> None:
        raise ProtocolError("there is no call 'ready'")

    async def script(lab: Lab) -> None:
        board = await capable(lab)
        request_id = await file(lab)
        await lab.settle(1)
        request = await lab.request(request_id)
        assert request.state is RequestState.FAILED
        assert "there is no call 'ready'" in (request.reason or "")
        await lab.settle(1)
        assert await lab.state(board) is IDLE

    monkeypatch.setattr(SimulatedConnection, "ready", unknown)
    play(tmp_path, script)

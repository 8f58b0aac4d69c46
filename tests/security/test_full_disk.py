"""A full disk keeps nobody's session alive, and the farm recovers without hands."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from boruta_farm.farm.engine import Engine
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import StorageFullError
from boruta_farm.model.request import NewRequest, RequestState
from boruta_farm.model.worker import WorkerState
from boruta_farm.store.overlay import Layer
from boruta_farm.store.owed import OwedFile
from boruta_farm.store.reserve import Unbounded
from tests.boards.lab import IDLE, RUNNING, Lab, play


def held_on_a_small_disk(folder: Path, script: str, size: str) -> None:
    """Have a script print that all held, on a disk of its own in a room of its own."""
    if shutil.which("unshare") is None:
        pytest.skip("no namespaces here")
    inside = f'mount -t tmpfs -o size={size} none "$1" && exec "$2" -m {script} "$1"'
    room = ["unshare", "-rmpf", "--mount-proc", "--kill-child"]
    done = subprocess.run(
        [*room, "sh", "-c", inside, "sh", str(folder), sys.executable],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if "unshare failed" in done.stderr or "mount failed" in done.stderr:
        pytest.skip(f"no namespaces here: {done.stderr}")
    assert (done.returncode, done.stdout.strip()) == (0, "held"), done.stderr


def test_ends_are_stored_from_a_reserve_and_all_else_is_refused_in_words(tmp_path: Path) -> None:
    held_on_a_small_disk(tmp_path, "tests.security.full_disk", "8m")


@pytest.mark.prove
def test_a_real_server_keeps_its_word_on_a_full_disk_and_when_it_is_killed(tmp_path: Path) -> None:
    held_on_a_small_disk(tmp_path, "tests.security.full_server", "24m")


class Full(Unbounded):
    """Not even the reserve is left: somebody else has eaten it."""

    def refusal(self, layer: Layer, *, filed: bool) -> StorageFullError | None:
        return StorageFullError() if layer else None


def test_a_close_that_cannot_be_stored_ends_the_session_at_once(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        request = await lab.lend()
        room, lab.store._batcher.room = lab.store._batcher.room, Full()
        with pytest.raises(StorageFullError, match="ended all the same"):
            await lab.farm.requests.close_request(LOCAL_ADMIN, request.id)
        await lab.settle(1)
        assert board.granted is None, "the agent was told"
        worker = await lab.worker(board)
        assert lab.farm.fleet.job(worker) is None, "so the relay has no route for it"
        assert worker.state is RUNNING, "acknowledged only when stored"
        lab.store._batcher.room = room
        await lab.settle(3)
        assert (await lab.request(request.id)).state is RequestState.DONE
        assert await lab.state(board) is IDLE

    play(tmp_path, script)


def test_what_was_ended_stays_ended_when_the_server_is_killed(tmp_path: Path) -> None:
    """Until its time, the board's old key worked again after such a crash."""
    path = tmp_path / "owed"

    async def script(lab: Lab) -> None:
        await lab.ready()
        request = await lab.lend()
        book = OwedFile(path)
        lab.farm.keep_owed(book, book.open())
        room, lab.store._batcher.room = lab.store._batcher.room, Full()
        with pytest.raises(StorageFullError):
            await lab.farm.requests.close_request(LOCAL_ADMIN, request.id)
        (left,) = OwedFile(path).open()
        assert (left.request_id, left.state) == (request.id, RequestState.DONE)
        # The next server, which knows of the close from the file alone.
        again = Engine(lab.store)
        ended: list[tuple[str, int]] = []
        again.unstored = lambda worker, epoch: ended.append((worker, epoch))
        again.book = book
        again.owe((left,))
        assert ended == [(left.worker, left.epoch)], "before anything is told of routes"
        lab.store._batcher.room = room
        storing = asyncio.create_task(again.run_owed())
        await lab.settle(3)
        storing.cancel()
        closed = await lab.request(request.id)
        assert (closed.state, closed.reason) == (RequestState.DONE, left.reason or None)
        assert OwedFile(path).open() == ()

    play(tmp_path, script)


@pytest.mark.parametrize("how", ["keep-alive", "maintenance", "time"])
def test_other_ends_act_on_time_too(tmp_path: Path, how: str) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        new = NewRequest(caps={}, priority=8, keep_alive=10 if how == "keep-alive" else None)
        request_id = (await lab.farm.requests.new_request(LOCAL_ADMIN, new)).id
        await lab.settle()
        assert await lab.state(board) is RUNNING
        room, lab.store._batcher.room = lab.store._batcher.room, Full()
        if how == "maintenance":
            with pytest.raises(StorageFullError, match="ended all the same"):
                await lab.send(board, WorkerState.MAINTENANCE)
        else:
            await lab.settle(12 if how == "keep-alive" else 3605)
        await lab.settle(2)
        assert board.granted is None
        assert lab.farm.fleet.job(await lab.worker(board)) is None
        assert (await lab.request(request_id)).state is RequestState.IN_PROGRESS
        lab.store._batcher.room = room
        await lab.settle(5)
        ended = RequestState.FAILED if how == "maintenance" else RequestState.DONE
        assert (await lab.request(request_id)).state is ended

    play(tmp_path, script)

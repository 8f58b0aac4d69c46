"""A real farm for anybody's tests: lent by OpenSSH, restarted, its boards set aside."""

import asyncio
import logging
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm import JobOverError, NotStartedError, borrow
from boruta_farm.client.farm import Farm
from boruta_farm.model.errors import BorutaError, UnauthenticatedError
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing import LocalBoard, LocalFarm, farm
from tests.e2e.stage import gone, leftovers

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("ssh", "scp"))), reason="openssh-client is missing"
)
SOON = timedelta(seconds=60)


def test_what_is_held_survives_a_restart_of_the_server_and_is_filed_once(
    local_farm: LocalFarm,
) -> None:
    with borrow({"board": "rpi4"}, wait=SOON) as lease:
        lease.power.on()
        local_farm.stop_server()
        assert lease.run("echo still here").stdout == "still here\n"
        local_farm.start_server()
        assert lease.power.state().on
        with local_farm.connected() as (api, bridge):
            page = bridge.run(api.requests.list_requests(api.caller))
        running = [one.id for one in page.items if one.state is RequestState.IN_PROGRESS]
        assert running == [lease.request_id]
        assert lease.over is None


async def test_a_board_that_is_set_aside_ends_what_is_under_way_on_it(
    local_farm: LocalFarm, tmp_path: Path
) -> None:
    async with borrow({"board": "rpi4"}, wait=SOON) as lease:
        async with lease.forward(1) as port:
            assert port > 0
        talking = asyncio.create_task(lease.run("echo started > here; sleep 600"))
        await lease.run("until [ -s here ]; do :; done")
        local_farm.set_aside("rpi4", "needs a new card")
        try:
            with pytest.raises(JobOverError, match="needs a new card") as under_way:
                await talking
            assert under_way.value.request.state is RequestState.FAILED
            for next_call in (lease.power.on(), lease.get("here", tmp_path), lease.do("report")):
                with pytest.raises(JobOverError, match="needs a new card"):
                    await next_call
        finally:
            local_farm.take_back("rpi4")


KILLED = """
from boruta_farm import borrow
with borrow({"board": "rpi4"}, keep_alive=10) as lease:
    print(lease.request_id, flush=True)
    lease.run("sleep 600")
"""


@pytest.mark.prove
def test_a_program_that_is_killed_holds_its_board_no_longer_than_its_keep_alive(
    local_farm: LocalFarm,
) -> None:
    async def ended(api: Farm, number: int) -> Request:
        async with asyncio.timeout(60), api.watch(request_id=number) as happenings:
            async for _ in happenings:
                found = await api.requests.get_request_info(api.caller, number)
                if found.state.finished:
                    return found
        raise AssertionError("the events ended")

    with (
        local_farm.connected() as (api, bridge),
        subprocess.Popen(
            (sys.executable, "-c", KILLED), stdout=subprocess.PIPE, text=True
        ) as program,
    ):
        assert program.stdout is not None
        number = int(program.stdout.readline())
        began = api.now()
        program.kill()
        over = bridge.run(ended(api, number))
        assert over.state is RequestState.DONE
        assert over.finished is not None
        assert over.finished - began < timedelta(seconds=14)


@pytest.mark.prove
def test_users_and_more_boards_and_nothing_left(caplog: pytest.LogCaptureFixture) -> None:
    boards = (LocalBoard(name="one", caps={"n": "1"}), LocalBoard(name="two", tools={}))
    with caplog.at_level(logging.WARNING), farm(*boards, users=True) as local:
        folder = local._held._folder
        assert [worker.state for worker in local.boards()] == [WorkerState.IDLE] * 2
        with pytest.raises(UnauthenticatedError), borrow({"n": "1"}, server=local.address):
            pass
        ann = local.user("ann", groups=("kernel",))
        with borrow({"n": "1"}, config=ann) as lease:
            assert lease.run("true").returncode == 0
            with pytest.raises(NotStartedError), borrow({"n": "1"}, config=ann, wait=SOON / 100):
                pass
        with pytest.raises(BorutaError, match="called one already"):
            local.add(LocalBoard(name="one"))
        assert local.add(LocalBoard(name="three")).state is WorkerState.IDLE
        assert leftovers(folder)
    assert not folder.exists()
    asyncio.run(gone(folder))
    assert "Unknown child" not in caplog.text


LEFT = """
import threading
from boruta_farm import borrow
from boruta_farm.testing import LocalBoard, farm
with farm(LocalBoard(name="one", caps={"n": "1"})) as local:
    with borrow({"n": "1"}, server=local.address) as lease:
        lease.run("true").check_returncode()
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(10)
        print(thread.name if thread.is_alive() else "", end="")
"""


@pytest.mark.prove
def test_no_thread_is_left() -> None:
    """In a program of its own: here the farms of other tests have theirs."""
    done = subprocess.run(
        (sys.executable, "-c", LEFT), stdout=subprocess.PIPE, text=True, timeout=60, check=True
    )
    assert not done.stdout

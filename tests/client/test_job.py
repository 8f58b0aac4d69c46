"""A job that is over is told at the next call on its board, and to the one under way."""

import asyncio
import inspect
from collections.abc import Coroutine
from datetime import timedelta
from subprocess import CompletedProcess
from typing import Any

import pytest

from boruta_farm.client.job import JobOverError
from boruta_farm.client.lease import hold
from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.request import RequestState
from boruta_farm.testing.loop import run_virtual
from tests.client.virtual import HOUR, Virtual, virtual


def ends_with(status: int, after: float = 0.0) -> Coroutine[Any, Any, CompletedProcess[bytes]]:
    async def doing() -> CompletedProcess[bytes]:
        await asyncio.sleep(after)
        return CompletedProcess("", status, b"", b"")

    return doing()


async def close(scene: Virtual) -> None:
    await scene.farm.requests.close_request(scene.farm.caller, scene.request.id)


@pytest.mark.usefixtures("utc")
def test_the_next_call_says_how_the_job_ended_and_does_nothing() -> None:
    async def work() -> None:
        async with virtual() as scene, hold(scene.farm, scene.request, scene.access) as lease:
            await scene.lab.farm.superviser.set_fail(scene.board.uuid, "power cut")
            await lease.ended()
            never = ends_with(0)
            with pytest.raises(JobOverError, match=r"request 1 is over: it is FAILED .*power cut"):
                await lease._end.guard(never)
            assert inspect.getcoroutinestate(never) == inspect.CORO_CLOSED
            with pytest.raises(JobOverError) as over:
                async with lease.forward(80):
                    pass
            assert (over.value.code, over.value.request) == ("job-over", lease.over)

    run_virtual(work())


def test_what_is_under_way_is_ended() -> None:
    async def work() -> None:
        async with virtual() as scene, hold(scene.farm, scene.request, scene.access) as lease:
            doing = asyncio.create_task(lease._end.guard(ends_with(0, after=9999)))
            await asyncio.sleep(10)
            await close(scene)
            with pytest.raises(JobOverError) as over:
                await doing
            assert over.value.request.state is RequestState.DONE
            assert asyncio.get_running_loop().time() < scene.began + 11

    run_virtual(work())


@pytest.mark.parametrize(
    ("status", "copying", "told"), [(255, False, True), (3, False, True), (1, True, True)]
)
def test_a_cut_session_has_the_farm_asked(status: int, copying: bool, told: bool) -> None:
    async def work() -> None:
        async with virtual() as scene:
            scene.answers["events"] = [UnavailableError("away")] * 9
            async with hold(scene.farm, scene.request, scene.access, lambda _: None) as lease:
                done = await lease._end.guard(ends_with(status), copying=copying)
                assert done.returncode == status, "it goes on, and that is the command's own"
                await close(scene)
                ordinary = await lease._end.guard(ends_with(1))
                assert ordinary.returncode == 1
                with pytest.raises(JobOverError):
                    await lease._end.guard(ends_with(status), copying=copying)
                assert lease.over is not None

    run_virtual(work())


def test_a_farm_out_of_reach_leaves_the_command_what_it_is() -> None:
    async def work() -> None:
        async with virtual() as scene, hold(scene.farm, scene.request, scene.access) as lease:
            scene.answers["reqs/1"] = [UnavailableError("away")]
            assert (await lease._end.guard(ends_with(255))).returncode == 255

    run_virtual(work())


def test_a_board_that_ends_the_job_on_time_is_ahead_of_the_farm() -> None:
    async def work() -> None:
        async with (
            virtual(length=HOUR) as scene,
            hold(scene.farm, scene.request, scene.access, lambda _: None) as lease,
        ):
            await asyncio.sleep(HOUR.total_seconds() - 0.001)
            with pytest.raises(JobOverError) as over:
                await lease._end.guard(ends_with(255, after=0.002))
            assert over.value.request.finished is not None
            assert over.value.request.finished <= lease.until + timedelta(seconds=5)

    run_virtual(work())

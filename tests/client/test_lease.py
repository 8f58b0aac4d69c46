import asyncio
import itertools
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from boruta_farm.client.lease import Lease, hold
from boruta_farm.model.errors import (
    ForbiddenError,
    NotFoundError,
    ProlongLimitError,
    RequestNotFoundError,
    WorkerNotAssignedError,
)
from boruta_farm.model.request import RequestState
from boruta_farm.model.standing import Standing, Subject
from boruta_farm.testing.loop import run_virtual
from tests.client.stubs import ACCESS, AWAY, HOUR, START, StubFarm


def held(farm_of: Callable[[], StubFarm], seconds: float) -> tuple[StubFarm, list[str], Lease]:
    """Hold the stub's request for some virtual seconds; return farm, words said and lease."""
    said: list[str] = []

    async def work() -> tuple[StubFarm, list[str], Lease]:
        farm = farm_of()
        async with hold(farm, farm.stub.request, ACCESS, said.append) as lease:
            await asyncio.sleep(seconds)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return farm, said, lease

    return run_virtual(work())


def test_prolonged_at_half_of_the_remaining_time() -> None:
    farm, said, lease = held(StubFarm, 4000)
    assert farm.stub.at("prolong_access") == [1800, 3600]
    assert lease.until == START + timedelta(seconds=3600) + HOUR
    assert said == []


@pytest.mark.usefixtures("utc")
def test_a_job_whose_length_was_named_is_left_alone_and_its_end_announced() -> None:
    def farm_of() -> StubFarm:
        farm = StubFarm()
        farm.stub.request = replace(farm.stub.request, length=HOUR)
        return farm

    farm, said, _ = held(farm_of, 3500)
    assert farm.stub.at("prolong_access") == []
    assert said == ["the job ends in 5 minutes, at 01:00"]


@pytest.mark.usefixtures("utc")
def test_the_end_that_somebody_else_moved_is_announced_in_its_time() -> None:
    said: list[str] = []

    async def work() -> None:
        farm = StubFarm()
        farm.stub.request = replace(farm.stub.request, length=HOUR)
        async with hold(farm, farm.stub.request, ACCESS, said.append):
            await asyncio.sleep(10)
            job = farm.stub.request.job
            assert job is not None
            later = replace(job, timeout=job.timeout + HOUR)
            farm.stub.request = replace(farm.stub.request, job=later)
            farm.channel.poked.set()
            await asyncio.sleep(3500)
            assert said == []
            await asyncio.sleep(3600)

    run_virtual(work())
    assert said == ["the job ends in 5 minutes, at 02:00"]


def test_what_is_not_ours_to_prolong_is_not_asked_for_again() -> None:
    def farm_of() -> StubFarm:
        farm = StubFarm()
        farm.stub.failures["prolong_access"] = [ForbiddenError()]
        farm.stub.failures["keep_alive"] = [ForbiddenError()]
        return farm

    farm, _, _ = held(farm_of, 3000)
    assert farm.stub.at("prolong_access") == [1800]
    assert len(farm.stub.at("keep_alive")) <= 1


def test_an_agent_out_of_reach_is_asked_again_and_again() -> None:
    def farm_of() -> StubFarm:
        farm = StubFarm()
        farm.stub.failures["prolong_access"] = [AWAY, AWAY]
        return farm

    farm, said, _ = held(farm_of, 3200)
    assert farm.stub.at("prolong_access") == [1800, 2700, 3150]
    assert said == []


@pytest.mark.usefixtures("utc")
def test_a_refusal_at_the_limit_is_said_and_announced_before_the_end() -> None:
    def farm_of() -> StubFarm:
        farm = StubFarm()
        standing = Standing(
            subject=Subject.REQUEST,
            state="IN PROGRESS",
            worker="lab",
            until=START + HOUR,
            longest=24 * HOUR,
        )
        farm.stub.failures["prolong_access"] = [ProlongLimitError(standing=standing)]
        return farm

    farm, said, _ = held(farm_of, 3400)
    assert farm.stub.at("prolong_access") == [1800]
    assert said[0] == (
        "not prolonged: it has lab until 01:00, the limit of 1d for one job; "
        "file a new request to go on"
    )
    assert said[1].startswith("the job ends in 5 minutes, at")
    assert len(said) == 2


def test_an_end_that_moves_no_more_is_the_limit() -> None:
    farm, said, lease = held(lambda: StubFarm(limit=1.5 * HOUR), 5200)
    assert farm.stub.at("prolong_access") == [1800, 3600]
    assert lease.until == START + 1.5 * HOUR
    assert [words[:28] for words in said] == [
        "the farm's limit is reached:",
        "the job ends in 5 minutes, a",
    ]


@pytest.mark.parametrize("error", [WorkerNotAssignedError(), RequestNotFoundError()])
def test_a_job_that_is_over_is_left_alone(error: NotFoundError | WorkerNotAssignedError) -> None:
    def farm_of() -> StubFarm:
        farm = StubFarm(keep_alive=120)
        farm.stub.failures["prolong_access"] = [error]
        farm.stub.failures["keep_alive"] = [None, AWAY, error]
        return farm

    farm, said, _ = held(farm_of, 8000)
    assert farm.stub.at("prolong_access") == [1800]
    assert farm.stub.at("keep_alive") == [30, 60, 90]
    assert said == []


def test_without_keep_alive_nothing_is_renewed() -> None:
    farm, _, _ = held(StubFarm, 1000)
    assert farm.stub.at("keep_alive") == []


def test_prolonging_near_the_end_is_not_frantic() -> None:
    def farm_of() -> StubFarm:
        farm = StubFarm()
        farm.stub.failures["prolong_access"] = [AWAY] * 100
        return farm

    farm, _, _ = held(farm_of, 3610)
    times = farm.stub.at("prolong_access")
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 1


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run_virtual(work())


def test_the_end_is_noticed_by_its_event() -> None:
    async def work() -> None:
        farm = StubFarm()
        async with hold(farm, farm.stub.request, ACCESS) as lease:
            await asyncio.sleep(10)
            before = lease.over
            assert before is None
            failed = replace(farm.stub.request, state=RequestState.FAILED, reason="power cut")
            farm.stub.request = failed
            farm.channel.poked.set()
            assert await lease.ended() == failed
            assert lease.over == failed
            assert asyncio.get_running_loop().time() == 10

    run(work)


@pytest.mark.usefixtures("utc")
def test_a_board_out_of_reach_is_told_once_the_farm_knows_and_so_is_its_return() -> None:
    async def work() -> None:
        farm, told = StubFarm(), asyncio.Queue[str]()
        async with hold(farm, farm.stub.request, ACCESS, told.put_nowait) as lease:
            await asyncio.sleep(10)
            assert told.empty()
            farm.bench.lost, farm.channel.kind = START, "worker.lost"
            farm.channel.poked.set()
            assert await told.get() == (
                "lab is out of reach since 00:00: its agent does not answer the farm; the session "
                "goes on if the board comes back before the job ends, at 01:00"
            )
            assert lease.unreachable_since == START
            farm.bench.lost, farm.channel.kind = None, "worker.back"
            farm.channel.poked.set()
            assert await told.get() == "lab is in reach again"
            assert lease.unreachable_since is None

    run(work)


def test_giving_up_to_wait_for_the_end_does_not_lose_it() -> None:
    async def work() -> None:
        farm = StubFarm()
        async with hold(farm, farm.stub.request, ACCESS) as lease:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(lease.ended(), 5)
            farm.stub.request = replace(farm.stub.request, state=RequestState.DONE)
            farm.channel.poked.set()
            assert (await lease.ended()).state is RequestState.DONE

    run(work)


def test_a_server_without_events_is_said_and_costs_nothing_else() -> None:
    def farm_of() -> StubFarm:
        farm = StubFarm()
        farm.channel.no_events = NotFoundError("no such route")
        return farm

    farm, said, _ = held(farm_of, 2000)
    assert said == ["the end of the job will not be announced: no such route"]
    assert farm.stub.at("prolong_access") == [1800]


def test_a_waiting_request_cannot_be_held() -> None:
    async def work() -> None:
        farm = StubFarm()
        waiting = replace(farm.stub.request, job=None)
        with pytest.raises(ValueError, match="only a running request"):
            async with hold(farm, waiting, ACCESS):
                pass

    run(work)

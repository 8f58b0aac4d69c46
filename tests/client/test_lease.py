import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from boruta_farm.client.lease import Lease, hold
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import (
    BorutaError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RequestNotFoundError,
    UnauthenticatedError,
    UnavailableError,
    WorkerNotAssignedError,
)
from boruta_farm.model.request import MoreTime, RequestState
from boruta_farm.testing.loop import run_virtual
from tests.client.virtual import DAY, HOUR, virtual

AWAY = UnavailableError("away")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What came of holding a board: when was it prolonged and renewed, what was said."""

    prolonged: list[float]
    renewed: list[float]
    said: list[str]
    lease: Lease
    since: datetime


def held(
    seconds: float,
    keep_alive: int | None = None,
    limit: timedelta = DAY,
    answers: Mapping[str, Sequence[BorutaError | None]] | None = None,
    length: timedelta | None = None,
) -> Held:
    """Hold a board for some virtual seconds, with what the farm answers in place of its own."""

    async def work() -> Held:
        said: list[str] = []
        async with virtual(keep_alive, limit, length) as scene:
            scene.answers.update({end: list(given) for end, given in (answers or {}).items()})
            others = asyncio.all_tasks()
            async with hold(scene.farm, scene.request, scene.access, said.append) as lease:
                await asyncio.sleep(seconds)
            assert asyncio.all_tasks() <= others
            assert scene.request.job is not None
            return Held(
                prolonged=scene.at("prolong"),
                renewed=scene.at("keepalive"),
                said=said,
                lease=lease,
                since=scene.request.job.granted,
            )

    return run_virtual(work())


def test_prolonged_at_half_of_the_remaining_time() -> None:
    found = held(4000)
    assert found.prolonged == [1800, 3600]
    assert found.lease.until == found.since + timedelta(seconds=3600) + HOUR
    assert found.said == []


@pytest.mark.usefixtures("utc")
def test_a_job_whose_length_was_named_is_left_alone_and_its_end_announced() -> None:
    found = held(3500, length=HOUR)
    assert found.prolonged == []
    assert found.said == ["the job ends in 5 minutes, at 01:00; more time: boruta prolong 1 +30m"]


def test_who_asks_for_the_board_is_told_once() -> None:
    said: list[str] = []

    async def work() -> None:
        async with (
            virtual() as scene,
            hold(scene.farm, scene.request, scene.access, said.append),
        ):
            for _ in range(2):
                await asyncio.sleep(400)
                await scene.lab.farm.requests.nudge(LOCAL_ADMIN, scene.request.id)
                await asyncio.sleep(10)
            await asyncio.sleep(1500)

    run_virtual(work())
    told = "somebody asks whether lab is still needed; to give it back: boruta close 1"
    assert said == [told, told]


@pytest.mark.usefixtures("utc")
def test_the_end_that_somebody_else_moved_is_announced_in_its_time() -> None:
    said: list[str] = []

    async def work() -> None:
        async with (
            virtual(length=HOUR) as scene,
            hold(scene.farm, scene.request, scene.access, said.append),
        ):
            await asyncio.sleep(10)
            requests = scene.lab.farm.requests
            more = MoreTime(length=HOUR)
            await requests.prolong_access(LOCAL_ADMIN, scene.request.id, more)
            await asyncio.sleep(3500)
            assert said == []
            await asyncio.sleep(3600)

    run_virtual(work())
    assert said == ["the job ends in 5 minutes, at 02:00; more time: boruta prolong 1 +30m"]


def test_what_is_not_ours_to_prolong_is_not_asked_for_again() -> None:
    refused = {"prolong": [ForbiddenError("not yours")], "keepalive": [ForbiddenError("not yours")]}
    found = held(3000, 120, answers=refused)
    assert (found.prolonged, found.renewed) == ([1800], [30])


def test_an_agent_out_of_reach_is_asked_again_and_again() -> None:
    found = held(3200, answers={"prolong": [AWAY, AWAY]})
    assert found.prolonged == [1800, 2700, 3150]
    assert found.said == []


@pytest.mark.usefixtures("utc")
def test_a_refusal_at_the_limit_is_said_and_announced_before_the_end() -> None:
    found = held(3400, limit=HOUR)
    assert found.prolonged == [1800]
    assert found.said == [
        "not prolonged: it has lab until 01:00, the limit of 1h for one job; "
        "file a new request to go on",
        "the job ends in 5 minutes, at 01:00",
    ]


@pytest.mark.usefixtures("utc")
def test_the_limit_bounds_what_is_prolonged() -> None:
    found = held(5200, limit=1.5 * HOUR)
    assert found.prolonged == [1800, 3600]
    assert found.lease.until == found.since + 1.5 * HOUR
    assert [words[:28] for words in found.said] == [
        "not prolonged: it has lab un",
        "the job ends in 5 minutes, a",
    ]


@pytest.mark.parametrize("error", [WorkerNotAssignedError(), RequestNotFoundError()])
def test_a_job_that_is_over_is_left_alone(error: NotFoundError | InvalidError) -> None:
    found = held(3590, 120, answers={"prolong": [error], "keepalive": [None, AWAY, error]})
    assert found.prolonged == [1800]
    assert found.renewed == [30, 60, 90]
    assert found.said == []


def test_without_keep_alive_nothing_is_renewed() -> None:
    assert held(1000).renewed == []


def test_prolonging_near_the_end_is_not_frantic() -> None:
    found = held(3610, answers={"prolong": [AWAY] * 100})
    assert min(later - earlier for earlier, later in itertools.pairwise(found.prolonged)) >= 1


def test_the_end_is_noticed_by_its_event() -> None:
    async def work() -> None:
        async with (
            virtual() as scene,
            hold(scene.farm, scene.request, scene.access) as lease,
        ):
            await asyncio.sleep(10)
            before = lease.over
            assert before is None
            await scene.lab.farm.superviser.set_fail(scene.board.uuid, "power cut")
            ended = await lease.ended()
            assert (ended.state, ended.reason) == (
                RequestState.FAILED,
                "lab was taken away: power cut",
            )
            assert lease.over == ended
            assert asyncio.get_running_loop().time() == scene.began + 10

    run_virtual(work())


@pytest.mark.usefixtures("utc")
def test_a_board_out_of_reach_is_told_once_the_farm_knows_and_so_is_its_return() -> None:
    async def work() -> None:
        told = asyncio.Queue[str]()
        async with (
            virtual() as scene,
            hold(scene.farm, scene.request, scene.access, told.put_nowait) as lease,
        ):
            await asyncio.sleep(10)
            lost = scene.farm.now()
            scene.lab.simulated.disconnect(scene.board.uuid)
            assert await told.get() == (
                "lab is out of reach since 00:00: its agent does not answer the farm; it stays "
                "yours, and can be used if it comes back before the job ends, at 01:00"
            )
            assert lease.unreachable_since is not None
            assert lost <= lease.unreachable_since <= scene.farm.now()
            await scene.lab.simulated.connect(scene.board)
            assert await told.get() == "lab is in reach again"
            assert lease.unreachable_since is None

    run_virtual(work())


def test_giving_up_to_wait_for_the_end_does_not_lose_it() -> None:
    async def work() -> None:
        async with (
            virtual() as scene,
            hold(scene.farm, scene.request, scene.access) as lease,
        ):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(lease.ended(), 5)
            await scene.farm.requests.close_request(scene.farm.caller, scene.request.id)
            assert (await lease.ended()).state is RequestState.DONE

    run_virtual(work())


def test_a_server_without_events_is_said_and_costs_nothing_else() -> None:
    found = held(2000, answers={"events": [NotFoundError("no such route")]})
    assert found.said == ["the end of the job will not be announced: no such route"]
    assert found.prolonged == [1800]


@pytest.mark.parametrize("call", ["events", "prolong", "keepalive"])
def test_who_is_sent_away_meanwhile_is_told_in_words(
    call: str, caplog: pytest.LogCaptureFixture
) -> None:
    sent_away = UnauthenticatedError("this account cannot be used at present")
    found = held(2000, keep_alive=120, answers={call: [sent_away]})
    told = {
        "events": "the end of the job will not be announced",
        "keepalive": "request 1 is not kept alive any more, so the farm takes its board back "
        "within 120 s",
    }
    said = [told[call]] if call in told else []
    assert found.said == [f"{words}: {sent_away.message}" for words in said]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_waiting_request_cannot_be_held() -> None:
    async def work() -> None:
        async with virtual() as scene:
            new = replace(scene.request, job=None)
            with pytest.raises(ValueError, match="only a running request"):
                async with hold(scene.farm, new, scene.access):
                    pass

    run_virtual(work())


@pytest.mark.usefixtures("utc")
def test_the_holder_is_told_once_that_an_unused_board_is_taken() -> None:
    said: list[str] = []

    async def work() -> None:
        async with (
            virtual(idle_end=timedelta(minutes=10), length=HOUR) as scene,
            hold(scene.farm, scene.request, scene.access, said.append),
        ):
            await asyncio.sleep(600)
            epoch = scene.lab.farm.fleet.workers[scene.board.uuid].epoch
            reports = scene.lab.farm.stewards_reports
            await reports.warn_idle(scene.board.uuid, epoch)
            await asyncio.sleep(20)
            await reports.used(scene.board.uuid, epoch, scene.lab.simulated.clock.now())
            await asyncio.sleep(20)

    run_virtual(work())
    assert len(said) == 1
    assert said[0].startswith("somebody waits for lab, which is not used: it is given back at ")
    assert said[0].endswith("; a line typed there keeps it")

import asyncio

import pytest

from boruta_farm.client.farm import Farm
from boruta_farm.client.waiting import Progress, Turn
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import RequestNotFoundError
from boruta_farm.model.request import NewRequest, RequestState
from tests.client.serving import Served

ANY = NewRequest(caps={}, priority=8)
BUSY = (503, {"message": "too many changes", "Code": "overloaded"})


async def test_a_request_that_runs_already(farm: Farm, served: Served) -> None:
    served.board(1, "lab")
    await farm.requests.new_request(farm.caller, ANY)
    request = await Turn(farm, 1).come()
    assert request.state is RequestState.IN_PROGRESS
    assert request.job is not None


async def test_a_request_whose_turn_comes(farm: Farm, served: Served) -> None:
    served.board(1, "lab")
    for _ in range(2):
        await farm.requests.new_request(farm.caller, ANY)
    told: list[Progress] = []
    first = served.request(1)
    assert first.job is not None

    def report(progress: Progress) -> None:
        if not told:
            served.do(served.contracts.requests.close_request(LOCAL_ADMIN, 1))
        told.append(progress)

    request = await asyncio.wait_for(Turn(farm, 2, report).come(), 10)
    assert request.state is RequestState.IN_PROGRESS
    assert told[0].explanation is not None
    assert told[0].explanation.position == 1
    (holder,) = told[0].explanation.holders
    assert (holder.name, holder.request_id, holder.until) == ("lab", 1, first.job.timeout)


async def test_what_is_explained_of_a_started_request_is_never_told_of_a_waiting_one(
    farm: Farm, served: Served
) -> None:
    """It was read as WAITING, and explained when it had just been granted."""
    await farm.requests.new_request(farm.caller, ANY)
    started = {"ID": 1, "State": "IN PROGRESS", "Cause": "none", "Text": "it has lab"}
    served.answers["explain"] = [(200, started)]
    told: list[Progress] = []

    def report(progress: Progress) -> None:
        told.append(progress)
        served.board(1, "lab")

    request = await asyncio.wait_for(Turn(farm, 1, report).come(), 10)
    assert request.state is RequestState.IN_PROGRESS
    states = {one.explanation.state for one in told if one.explanation is not None}
    assert states == {"WAITING"}


async def test_without_a_reporter_only_own_events_are_asked_for(farm: Farm, served: Served) -> None:
    await farm.requests.new_request(farm.caller, ANY)
    turn = asyncio.create_task(Turn(farm, 1).come())
    await asyncio.to_thread(served.wait_for, lambda _: served.count("GET", "reqs/1") == 1)
    served.do(served.contracts.requests.close_request(LOCAL_ADMIN, 1))
    assert (await turn).state is RequestState.CANCELLED
    assert served.count("GET", "reqs/1/explain") == 0
    assert served.queries() == ["request=1"]


async def test_a_server_that_is_busy_for_a_moment_is_waited_out(farm: Farm, served: Served) -> None:
    served.board(1, "lab")
    await farm.requests.new_request(farm.caller, ANY)
    served.answers["1"] = [BUSY]
    told: list[Progress] = []
    assert (await Turn(farm, 1, told.append).come()).state is RequestState.IN_PROGRESS
    assert told == [Progress(trouble="too many changes")]


async def test_a_stream_that_breaks_is_told_and_taken_up(farm: Farm, served: Served) -> None:
    await farm.requests.new_request(farm.caller, ANY)
    told: list[Progress] = []

    def report(progress: Progress) -> None:
        told.append(progress)
        if progress.trouble is None and len(told) == 1:
            served.cut()
        else:
            served.board(1, "lab")

    await asyncio.wait_for(Turn(farm, 1, report).come(), 10)
    assert told[1].trouble == "the server ended the stream of events"


async def test_an_unknown_request(farm: Farm) -> None:
    with pytest.raises(RequestNotFoundError):
        await Turn(farm, 9).come()


async def test_nothing_is_left_behind_when_the_wait_is_given_up(farm: Farm, served: Served) -> None:
    await farm.requests.new_request(farm.caller, ANY)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await Turn(farm, 1).come()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await asyncio.to_thread(served.wait_for, lambda ear: not ear.streams)

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm
from boruta_farm.client.session import (
    NotStartedError,
    borrow,
    close_request,
    file_request,
    filed,
    wait_for_board,
)
from boruta_farm.contracts import Filed
from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.errors import (
    BorutaError,
    OutcomeUnknownError,
    PriorityError,
    RequestNotFoundError,
    RequestStateError,
    StartingError,
    UnavailableError,
    UnmetDemandError,
)
from boruta_farm.model.request import NewRequest, RequestState
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.loop import run_virtual
from tests.client.serving import FIRST_KEY, PUBLIC_KEY, Served
from tests.client.virtual import Virtual, virtual

ANY = NewRequest(caps={}, priority=8)
AWAY = UnavailableError("away")
UNKNOWN = OutcomeUnknownError("broke")


def run(work: Callable[[Virtual], Coroutine[Any, Any, None]]) -> None:
    """Do some work beside a farm under virtual time, whose one board is lent to request 1."""

    async def all_of_it() -> None:
        async with virtual() as scene:
            await work(scene)

    run_virtual(all_of_it())


def test_filing_that_breaks_off_is_repeated_with_the_same_key() -> None:
    async def work(scene: Virtual) -> None:
        scene.answers["reqs"] = [UNKNOWN, AWAY, None]
        assert (await file_request(scene.farm, ANY)).id == 2
        calls = [call for call in scene.lab.ear.heard if call.path == "reqs/"]
        keys = {call.headers["idempotency-key"] for call in calls}
        assert (len(calls), len(keys)) == (3, 1)

    run(work)


def test_a_farm_that_is_still_reading_its_queue_is_asked_again_for_a_while() -> None:
    async def work(scene: Virtual) -> None:
        scene.answers["reqs"] = [StartingError(), StartingError(), None]
        assert (await file_request(scene.farm, ANY)).id == 2
        assert scene.at("reqs") == [0, 1, 2]
        scene.answers["reqs"] = [StartingError()] * 100
        with pytest.raises(StartingError):
            await file_request(scene.farm, ANY)
        assert scene.at("reqs")[-1] <= 40

    run(work)


def test_a_server_out_of_reach_from_the_start_is_not_waited_for() -> None:
    async def work(scene: Virtual) -> None:
        scene.answers["reqs"] = [AWAY]
        with pytest.raises(UnavailableError):
            await file_request(scene.farm, ANY)
        assert len(scene.at("reqs")) == 1

    run(work)


def test_filing_is_given_up_after_several_attempts() -> None:
    async def work(scene: Virtual) -> None:
        scene.answers["reqs"] = [UNKNOWN] * 10
        with pytest.raises(OutcomeUnknownError):
            await file_request(scene.farm, ANY)

    run(work)


@pytest.mark.parametrize("error", [RequestStateError(), RequestNotFoundError()])
def test_a_finished_request_counts_as_closed(error: BorutaError) -> None:
    async def work(scene: Virtual) -> None:
        scene.answers["close"] = [AWAY, error]
        assert await close_request(scene.farm, 1) is None

    run(work)


def test_a_close_that_fails_says_what_to_do() -> None:
    async def work(scene: Virtual) -> None:
        scene.answers["close"] = [AWAY] * 10
        words = await close_request(scene.farm, 1)
        assert words == "request 1 may still be open (away); try: boruta close 1"
        scene.answers["close"] = [(500, {"message": "broken"})]
        assert "broken" in (await close_request(scene.farm, 1) or "")

    run(work)


def test_given_up_while_filing_the_request_is_closed_all_the_same() -> None:
    async def work(scene: Virtual) -> None:
        requests = scene.farm.requests
        file = requests.new_request

        async def slowly(caller: Caller, new: NewRequest) -> Filed:
            await asyncio.sleep(3)
            return await file(caller, new)

        requests.new_request = slowly  # type: ignore[method-assign]  # slow it down
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), filed(scene.farm, ANY):
                raise AssertionError("never filed in time")
        assert scene.at("reqs/2/close") == [3]

    run(work)


async def test_filed_is_closed_also_after_an_error(farm: Farm, served: Served) -> None:
    states: list[RequestState] = []

    async def work() -> None:
        async with filed(farm, ANY) as answer:
            states.append(served.request(answer.id).state)
            raise KeyError

    with pytest.raises(KeyError):
        await work()
    assert states == [RequestState.WAITING]
    assert served.request(1).state is RequestState.CANCELLED


async def test_a_board_that_does_not_come_in_time(farm: Farm) -> None:
    await farm.requests.new_request(farm.caller, ANY)
    with pytest.raises(NotStartedError, match="request 1 had no board within the time"):
        await wait_for_board(farm, 1, timedelta(seconds=0.1))


async def test_a_request_that_ends_while_waiting(farm: Farm, served: Served) -> None:
    await farm.requests.new_request(farm.caller, ANY)
    served.do(served.contracts.requests.close_request(LOCAL_ADMIN, 1))
    with pytest.raises(NotStartedError, match=r"request 1: it is CANCELLED since \d") as told:
        await wait_for_board(farm, 1)
    assert told.value.message.endswith(": closed")


async def test_borrow_from_filing_to_closing(served: Served) -> None:
    served.board(1, "lab", caps={"board": "rpi4"})
    config = ClientConfig(server=served.address)
    async with borrow({"board": "rpi4"}, config=config) as lease:
        assert (lease.request_id, lease.access.key) == (1, FIRST_KEY)
        assert served.request(1).state is RequestState.IN_PROGRESS
        assert served.request(1).keep_alive == 120
    assert served.request(1).state is RequestState.DONE
    assert served.worker(1).state is WorkerState.IDLE


async def test_borrow_without_a_board_closes_its_request(served: Served) -> None:
    served.board(1, "lab", state=WorkerState.MAINTENANCE)
    config = ClientConfig(server=served.address)
    with pytest.raises(NotStartedError):
        async with borrow({}, config=config, wait=timedelta(seconds=0.1), ssh_key=PUBLIC_KEY):
            raise AssertionError("there is no board")
    assert served.request(1).state is RequestState.CANCELLED
    assert served.request(1).ssh_key == PUBLIC_KEY


async def test_refused_requests_leave_nothing(served: Served) -> None:
    config = ClientConfig(server=served.address)
    with pytest.raises(UnmetDemandError):
        async with borrow({}, config=config):
            raise AssertionError("refused")
    served.board(1, "lab")
    with pytest.raises(PriorityError):
        async with borrow({}, config=config, priority=99):
            raise AssertionError("refused")
    assert served.requests() == {}

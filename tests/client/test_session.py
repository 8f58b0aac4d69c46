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
from boruta_farm.model.errors import (
    BorutaError,
    OutcomeUnknownError,
    PriorityError,
    RequestNotFoundError,
    RequestStateError,
    StartingError,
    UnavailableError,
)
from boruta_farm.model.request import NewRequest
from boruta_farm.testing.loop import run_virtual
from tests.client.fakes import BOARD_KEY
from tests.client.serving import Served
from tests.client.stubs import AWAY, StubFarm

ANY = NewRequest(caps={}, priority=8)
UNKNOWN = OutcomeUnknownError("broke")


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run_virtual(work())


def test_filing_that_breaks_off_is_repeated_with_the_same_key() -> None:
    async def work() -> None:
        farm = StubFarm()
        farm.stub.failures["new_request"] = [UNKNOWN, AWAY, None]
        assert (await file_request(farm, ANY)).id == 7
        keys = {new.idempotency_key for new in farm.stub.filed}
        assert len(farm.stub.filed) == 3
        assert len(keys) == 1
        assert keys != {None}

    run(work)


def test_a_farm_that_is_still_reading_its_queue_is_asked_again_for_a_while() -> None:
    async def work() -> None:
        farm = StubFarm()
        farm.stub.failures["new_request"] = [StartingError(), StartingError(), None]
        assert (await file_request(farm, ANY)).id == 7
        assert farm.stub.at("new_request") == [0, 1, 2]
        farm.stub.failures["new_request"] = [StartingError()] * 100
        with pytest.raises(StartingError):
            await file_request(farm, ANY)
        assert farm.stub.at("new_request")[-1] <= 40

    run(work)


def test_a_server_out_of_reach_from_the_start_is_not_waited_for() -> None:
    async def work() -> None:
        farm = StubFarm()
        farm.stub.failures["new_request"] = [AWAY]
        with pytest.raises(UnavailableError):
            await file_request(farm, ANY)
        assert len(farm.stub.filed) == 1

    run(work)


def test_filing_is_given_up_after_several_attempts() -> None:
    async def work() -> None:
        farm = StubFarm()
        farm.stub.failures["new_request"] = [UNKNOWN] * 10
        with pytest.raises(OutcomeUnknownError):
            await file_request(farm, ANY)

    run(work)


@pytest.mark.parametrize("error", [RequestStateError(), RequestNotFoundError()])
def test_a_finished_request_counts_as_closed(error: BorutaError) -> None:
    async def work() -> None:
        farm = StubFarm()
        farm.stub.failures["close_request"] = [AWAY, error]
        assert await close_request(farm, 7) is None

    run(work)


def test_a_close_that_fails_says_what_to_do() -> None:
    async def work() -> None:
        farm = StubFarm()
        farm.stub.failures["close_request"] = [AWAY] * 10
        words = await close_request(farm, 7)
        assert words == "request 7 may still be open (away); try: boruta close 7"
        farm.stub.failures["close_request"] = [BorutaError("broken")]
        assert "broken" in (await close_request(farm, 7) or "")

    run(work)


def test_given_up_while_filing_the_request_is_closed_all_the_same() -> None:
    async def work() -> None:
        farm = StubFarm()
        slow = farm.stub.new_request

        async def new_request(caller: object, new: NewRequest) -> Filed:
            await asyncio.sleep(3)
            return await slow(farm.caller, new)

        farm.stub.new_request = new_request  # type: ignore[method-assign]  # slow it down
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), filed(farm, ANY):
                raise AssertionError("never filed in time")
        assert farm.stub.at("close_request") == [3]

    run(work)


async def test_filed_is_closed_also_after_an_error(farm: Farm, served: Served) -> None:
    states: list[str] = []

    async def work() -> None:
        async with filed(farm, ANY) as answer:
            states.append(served.farm.requests[answer.id]["State"])
            raise KeyError

    with pytest.raises(KeyError):
        await work()
    assert states == ["WAITING"]
    assert served.farm.requests[1]["State"] == "CANCELLED"


async def test_a_board_that_does_not_come_in_time(farm: Farm) -> None:
    await farm.requests.new_request(farm.caller, ANY)
    with pytest.raises(NotStartedError, match="request 1 found no free board"):
        await wait_for_board(farm, 1, timedelta(seconds=0.1))


async def test_a_request_that_ends_while_waiting(farm: Farm, served: Served) -> None:
    await farm.requests.new_request(farm.caller, ANY)
    served.do(lambda fake: fake.finish(1, "TIMEOUT", "the deadline passed"))
    with pytest.raises(NotStartedError, match=r"request 1: it is TIMEOUT since \d") as told:
        await wait_for_board(farm, 1)
    assert told.value.message.endswith(": the deadline passed")


async def test_borrow_from_filing_to_closing(served: Served) -> None:
    served.do(lambda fake: fake.add_worker(1, "lab", caps={"board": "rpi4"}))
    config = ClientConfig(server=served.address)
    async with borrow({"board": "rpi4"}, config=config) as lease:
        assert (lease.request_id, lease.access.key) == (1, BOARD_KEY)
        assert served.farm.requests[1]["State"] == "IN PROGRESS"
        assert served.farm.requests[1]["KeepAlive"] == 120
    assert served.farm.requests[1]["State"] == "DONE"
    assert served.farm.workers[lease.worker]["State"] == "IDLE"


async def test_borrow_without_a_board_closes_its_request(served: Served) -> None:
    config = ClientConfig(server=served.address)
    with pytest.raises(NotStartedError):
        async with borrow({}, config=config, wait=timedelta(seconds=0.1), ssh_key="ssh-ed25519 A"):
            raise AssertionError("there is no board")
    assert served.farm.requests[1]["State"] == "CANCELLED"
    assert served.farm.requests[1]["SSHKey"] == "ssh-ed25519 A"


async def test_refused_requests_leave_nothing(served: Served) -> None:
    config = ClientConfig(server=served.address)
    with pytest.raises(PriorityError):
        async with borrow({}, config=config, priority=99):
            raise AssertionError("refused")
    assert served.farm.requests == {}

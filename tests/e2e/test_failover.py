"""The database is lost in the middle of a job, and its standby takes over: nothing else is lost."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import WorkerState
from tests.e2e.filing import Filing
from tests.e2e.site import Site, lend, site, until
from tests.e2e.stage import WITHIN, talking
from tests.store.postgres_server import NoServerError
from tests.store.standby import Pair, replicated

pytestmark = pytest.mark.prove

JOB = 12.0
LATEST = 5.0
"""Seconds after the job's end at which the user must be off the board, on a slow machine."""

NEW = {"Caps": {"kind": "none"}, "Priority": 8}


@pytest.fixture
def databases() -> Iterator[Pair]:
    try:
        with replicated() as pair:
            pair.be_synchronous()
            yield pair
    except NoServerError as reason:
        pytest.skip(str(reason))


async def test_a_failover_loses_nothing_and_jobs_end_on_time(
    tmp_path: Path, databases: Pair
) -> None:
    address = databases.database("farm")
    async with site(tmp_path, address, job_timeout=f"{JOB:.0f}s") as farm:
        await farm.add()
        await farm.add()
        await farm.board("lab")
        assert "Database" not in await health(farm, 0)
        filing = Filing()
        async with filing.through(farm.replicas):
            for place in range(2):
                await filing.more(20, place)
            number = await lose(farm, databases)
            databases.fail_over()
            begun = time.monotonic()
            for place in range(2):
                await filing.more(20, place)
            print(f"both servers write again {time.monotonic() - begun:.1f} s after the failover")
        await until(farm.replicas[0].farm, "lab", WorkerState.IDLE)
        for replica in farm.replicas:
            requests = replica.farm.requests
            found = await requests.get_request_info(replica.farm.caller, number)
            assert found.state is RequestState.DONE
            for one in filing.made:
                found = await requests.get_request_info(replica.farm.caller, one)
                assert found.state is RequestState.WAITING
        _, access = await lend(farm.replicas[1].farm)
        async with talking(access) as talk:
            assert await talk.says("again") == "again"
        # The one that took over has no standby of its own, and that is said.
        assert "no standby follows" in (await health(farm, 1))["Database"]


async def lose(farm: Site, databases: Pair) -> int:
    """Lose the database during a job; return the job's request once its user is off the board."""
    number, access = await lend(farm.replicas[1].farm)
    request = await farm.replicas[0].farm.requests.get_request_info(
        farm.replicas[0].farm.caller, number
    )
    assert request.job is not None
    async with talking(access) as talk:
        assert await talk.says("before") == "before"
        await asyncio.to_thread(databases.first.kill)
        for replica in farm.replicas:
            async with httpx.AsyncClient() as client:
                answer = await client.post(f"{replica.url}/api/v1/reqs/", json=NEW, timeout=WITHIN)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
            assert "the database" in answer.json()["message"]
        assert await talk.says("meanwhile") == "meanwhile"
        await talk.ended()
        late = time.time() - request.job.timeout.timestamp()
        print(f"off the board {late:+.2f} s from the job's end, without a database")
        assert -0.5 < late < LATEST
    return number


async def health(farm: Site, place: int) -> dict[str, str]:
    """Return what a server says of itself."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{farm.url(place)}/healthz", timeout=WITHIN)
    found: dict[str, str] = answer.json()
    return found

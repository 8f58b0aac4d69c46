"""A farm of several servers is updated one by one, while it lends."""

import re
from pathlib import Path

import pytest

from boruta_farm.access.link import stop_relay
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import WorkerState
from tests.e2e.filing import Filing
from tests.e2e.site import Site, lend, site, until
from tests.e2e.stage import talking
from tests.store.postgres_server import PostgresServer

pytestmark = pytest.mark.prove

FEW = 5


async def test_servers_are_updated_one_by_one_while_the_farm_lends(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    address = postgres_server.database()
    async with site(tmp_path, address, keep_relay="true") as farm:
        try:
            await update_all(farm)
        finally:
            for replica in farm.replicas:
                await replica.yard.end()
                await stop_relay(replica.yard.data)
    postgres_server.drop(address)


async def update_all(farm: Site) -> None:
    """Bring both servers to the next version, and on to one that the old cannot live with."""
    await farm.add()
    await farm.add()
    await farm.board("lab")
    number, access = await lend(farm.replicas[0].farm)
    filing = Filing()
    async with filing.through(farm.replicas), talking(access) as talk:
        assert await talk.says("old") == "old"
        for place in (0, 1):
            await update(farm, place, "expand")
            # The one that is still old, or new already, goes on beside it.
            for each in (0, 1):
                await filing.more(FEW, each)
            assert await talk.says(f"updated-{place}") == f"updated-{place}"
        # What the old and the new have written is there for all.
        for replica in farm.replicas:
            requests = replica.farm.requests
            for one in list(filing.made):
                found = await requests.get_request_info(replica.farm.caller, one)
                assert found.state is RequestState.WAITING
        await stop(farm, 1)
        words = await refused(farm, 1, "expand", "contract")
        assert re.search(r"is used by boruta .* stop these servers", words), words
        await filing.more(FEW, 0)
        await stop(farm, 0)
        await begin(farm, 1, "expand", "contract")
        await filing.more(FEW, 1)
        assert "newer than this server's" in await refused(farm, 0, "expand")
        assert await talk.says("contracted") == "contracted"
        updated = farm.replicas[1].farm
        await updated.requests.close_request(updated.caller, number)
        await talk.ended()
    await until(farm.replicas[1].farm, "lab", WorkerState.IDLE)
    await lend(farm.replicas[1].farm)


async def stop(farm: Site, place: int) -> None:
    """Stop a server as a service manager does; its relay lives on."""
    process = farm.replicas[place].yard.pop_server()
    process.terminate()
    await process.wait()


async def begin(farm: Site, place: int, *steps: str) -> None:
    """Start a server of a version that knows of these further steps of the schema."""
    yard = farm.replicas[place].yard
    yard.program = ("tests.e2e.newer", *steps)
    await yard.begin()


async def refused(farm: Site, place: int, *steps: str) -> str:
    """Return why a server of such a version does not start."""
    # One that has failed is used no more: this one is for the attempt alone.
    attempt = farm.yard(place)
    attempt.program = ("tests.e2e.newer", *steps)
    try:
        await attempt.begin()
    except BorutaError as error:
        return error.message
    finally:
        await attempt.end()
    raise AssertionError("it started")


async def update(farm: Site, place: int, *steps: str) -> None:
    """Put a server of another version in a server's place."""
    await stop(farm, place)
    await begin(farm, place, *steps)

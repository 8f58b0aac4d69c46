"""Several servers over one PostgreSQL: any answers, one leads, and another does when it goes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.access.cipher import KEY_FILE
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm
from boruta_farm.client.session import wait_for_board
from boruta_farm.client.way import https_way
from boruta_farm.model.account import AccountChange
from boruta_farm.model.errors import BorutaError, UnauthenticatedError, UnavailableError
from boruta_farm.model.permission import Role
from boruta_farm.model.request import NewRequest, RequestState
from boruta_farm.model.worker import WorkerState
from tests.e2e.site import HOSTS, Site, leads, lend, site, until
from tests.e2e.stage import CAPS, WITHIN, ssh, talking
from tests.ports import free_port
from tests.store.postgres_server import PostgresServer

pytestmark = pytest.mark.prove


@pytest.fixture
async def pair(tmp_path: Path, postgres_server: PostgresServer) -> AsyncIterator[Site]:
    """Return a farm of two servers with one idle board; the first one leads."""
    database = postgres_server.database()
    async with site(tmp_path, database) as farm:
        await farm.add()
        await farm.add()
        await farm.board("lab")
        yield farm
    postgres_server.drop(database)


async def test_any_server_answers_any_call(pair: Site) -> None:
    first, second = pair.replicas
    number, access = await lend(second.farm)
    assert access.host == HOSTS[1]
    assert (await ssh(access, "echo", "there"))[1].strip() == "there"
    # The same board, on the same port, at the other server's address.
    other = await first.farm.requests.acquire_worker(first.farm.caller, number)
    assert (other.host, other.port) == (HOSTS[0], access.port)
    assert other.key == access.key
    assert (await ssh(other, "echo", "too"))[1].strip() == "too"
    await first.farm.requests.close_request(first.farm.caller, number)
    await until(second.farm, "lab", WorkerState.IDLE)
    found = await second.farm.requests.get_request_info(second.farm.caller, number)
    assert found.state is RequestState.DONE


async def test_any_server_carries_to_any_board_by_its_own_port(pair: Site) -> None:
    first, second = pair.replicas
    number, access = await lend(second.farm)
    for replica in (first, second):
        way = https_way(ClientConfig(server=replica.url), number)
        status, text = await ssh(replace(access, port=free_port()), "echo", "there", way=way)
        assert (status, text.strip()) == (0, "there")
    await first.farm.requests.close_request(first.farm.caller, number)
    await until(second.farm, "lab", WorkerState.IDLE)


async def test_a_killed_leader_costs_nothing_but_a_moment(pair: Site) -> None:
    first, second = pair.replicas
    number, access = await lend(second.farm)
    async with talking(access) as talk:
        assert await talk.says("before") == "before"
        await first.yard.kill("server")
        # The session goes through the other's relay, and no server is on its way.
        assert await talk.says("after") == "after"
        waiting = (
            await second.farm.requests.new_request(
                second.farm.caller, NewRequest(caps=CAPS, priority=8)
            )
        ).id
        await second.farm.requests.close_request(second.farm.caller, number)
        await talk.ended()
    async with asyncio.timeout(WITHIN):
        await wait_for_board(second.farm, waiting)
    assert (await second.farm.requests.get_request_info(second.farm.caller, number)).state is (
        RequestState.DONE
    )
    # Back again, it follows.
    await first.yard.begin()
    await first.farm.requests.close_request(first.farm.caller, waiting)
    await until(first.farm, "lab", WorkerState.IDLE)


async def test_a_leader_that_sleeps_is_replaced_and_wakes_to_follow(pair: Site) -> None:
    first, second = pair.replicas
    first.yard.signal("server", signal.SIGSTOP)
    try:
        number, _ = await lend(second.farm)
        assert await leads(second)
    finally:
        first.yard.signal("server", signal.SIGCONT)
    async with asyncio.timeout(WITHIN):
        while await leads(first):  # noqa: ASYNC110 - it wakes when it does
            await asyncio.sleep(0.05)
    await first.farm.requests.close_request(first.farm.caller, number)
    await until(first.farm, "lab", WorkerState.IDLE)
    assert await leads(second)


async def test_a_server_with_another_key_is_refused_in_words(pair: Site) -> None:
    folder = pair.replicas[1].yard.data.parent
    await pair.replicas[1].yard.kill("server")
    (folder / "server" / KEY_FILE).write_bytes(os.urandom(32))
    with pytest.raises(BorutaError, match="is not the key of this farm's other servers"):
        await pair.replicas[1].yard.begin()


async def asking(farm: Farm) -> None:
    """Ask until that is refused."""
    while True:
        await farm.workers.list_workers(farm.caller)


async def test_who_is_sent_away_is_so_everywhere_within_a_second(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    database = postgres_server.database()
    async with site(tmp_path, database) as farm:
        await farm.add()
        await farm.add()
        first, second = farm.replicas
        admin = await first.farm.tokens.invite(
            first.farm.caller, "root", AccountChange(role=Role.ADMIN)
        )
        assert admin.secret
        with pytest.raises(UnauthenticatedError):
            await asyncio.wait_for(asking(second.farm), 1)
    postgres_server.drop(database)


async def test_writes_are_neither_lost_nor_doubled_while_leaders_are_killed(pair: Site) -> None:
    """What was acknowledged by either server is there, and boards are held by one at a time."""
    made: set[int] = set()
    stop = asyncio.Event()

    async def work(place: int) -> None:
        while not stop.is_set():
            replica = pair.replicas[place]
            try:
                filed = await replica.farm.requests.new_request(
                    replica.farm.caller, NewRequest(caps={"kind": "none"}, priority=8)
                )
            except UnavailableError:
                await asyncio.sleep(0.05)
                continue
            assert filed.id not in made, "an id was given twice"
            made.add(filed.id)

    async with asyncio.TaskGroup() as group:
        for place in (0, 0, 1, 1):
            group.create_task(work(place))
        for round_ in range(6):
            replica = pair.replicas[round_ % 2]
            before = len(made)
            while len(made) < before + 50:  # noqa: ASYNC110 - the work goes on elsewhere
                await asyncio.sleep(0.01)
            await replica.yard.kill("server")
            await replica.yard.begin()
        stop.set()
    number, _ = await lend(pair.replicas[0].farm)
    for replica in pair.replicas:
        for one in made:
            found = await replica.farm.requests.get_request_info(replica.farm.caller, one)
            assert found.state is RequestState.WAITING
    await pair.replicas[1].farm.requests.close_request(pair.replicas[1].farm.caller, number)

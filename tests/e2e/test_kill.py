"""Kill the server with SIGKILL at random moments under load: what it acknowledged is there."""

import asyncio
import random
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from boruta_farm.access.link import stop_relay
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.watch import Resync
from boruta_farm.model.errors import BorutaError, UnavailableError
from boruta_farm.model.events import Event
from boruta_farm.model.listing import RequestFilter
from boruta_farm.model.request import NewRequest, Request, RequestState, RequestUpdate
from tests.e2e.stage import Yard, gone
from tests.ports import free_port

CLIENTS = 8
LONGEST_LIFE = 0.4
"""Seconds that a server works before it is killed."""


@dataclass
class Ledger:
    """Remember what the server acknowledged, and what it may or may not have done.

    A doubtful change allows two values; a doubtful creation is known by its key alone.
    """

    priorities: dict[int, set[int]] = field(default_factory=dict)
    closed: dict[int, set[bool]] = field(default_factory=dict)
    doubtful: dict[str, NewRequest] = field(default_factory=dict)

    def created(self, request_id: int, priority: int) -> None:
        """Note an acknowledged creation."""
        assert request_id not in self.priorities, f"id {request_id} was given twice (I7)"
        self.priorities[request_id] = {priority}
        self.closed[request_id] = {False}

    def check(self, request: Request) -> None:
        """Compare one request with what was acknowledged, and settle doubts about it."""
        assert request.priority in self.priorities[request.id], f"{request.id}: lost update (I6)"
        closed = request.state is RequestState.CANCELLED
        assert closed in self.closed[request.id], f"{request.id}: lost close (I6)"
        self.priorities[request.id] = {request.priority}
        self.closed[request.id] = {closed}


class Client:
    """Create, change and close requests as fast as the server answers, until it dies."""

    def __init__(self, farm: Farm, ledger: Ledger, seed: int) -> None:
        self._farm = farm
        self._ledger = ledger
        self._random = random.Random(seed)

    async def work(self) -> None:
        """Work until the server is gone."""
        try:
            while True:
                request_id = await self._create()
                if self._random.random() < 0.5:
                    await self._update(request_id)
                if self._random.random() < 0.5:
                    await self._close(request_id)
        except UnavailableError:
            return

    async def _create(self) -> int:
        key = uuid.UUID(int=self._random.getrandbits(128)).hex
        new = NewRequest(
            caps={"kind": "none"},
            priority=self._random.randint(1, 16),
            idempotency_key=key,
        )
        self._ledger.doubtful[key] = new
        request_id = (await self._farm.requests.new_request(self._farm.caller, new)).id
        del self._ledger.doubtful[key]
        self._ledger.created(request_id, new.priority)
        return request_id

    async def _update(self, request_id: int) -> None:
        priority = self._random.randint(1, 16)
        allowed = self._ledger.priorities[request_id]
        allowed.add(priority)
        update = RequestUpdate(priority=priority)
        await self._farm.requests.update_request(self._farm.caller, request_id, update)
        self._ledger.priorities[request_id] = {priority}

    async def _close(self, request_id: int) -> None:
        self._ledger.closed[request_id].add(True)
        await self._farm.requests.close_request(self._farm.caller, request_id)
        self._ledger.closed[request_id] = {True}


async def check_all(farm: Farm, ledger: Ledger, ids: list[int]) -> None:
    """Read back what was acknowledged, then repeat the creations in doubt."""
    for start in range(0, len(ids), 500):
        some = tuple(ids[start : start + 500])
        page = await farm.requests.list_requests(farm.caller, RequestFilter(ids=some))
        found = {request.id: request for request in page.items}
        for request_id in some:
            assert request_id in found, f"acknowledged request {request_id} is gone (I6)"
            ledger.check(found[request_id])
    for new in list(ledger.doubtful.values()):
        first = (await farm.requests.new_request(farm.caller, new)).id
        again = (await farm.requests.new_request(farm.caller, replace(new))).id
        assert first == again, "an Idempotency-Key made two requests"
        ledger.created(first, new.priority)
    ledger.doubtful.clear()


async def check_journal(farm: Farm) -> int:
    """Read the journal from its beginning; return how many events it holds."""
    last = 0
    async with asyncio.timeout(60), farm.watch(after=0) as happenings:
        newest = (await farm.requests.new_request(farm.caller, NewRequest(caps={}, priority=1))).id
        async for happening in happenings:
            if isinstance(happening, Resync):
                assert not happening.gap, f"the journal has a gap: {happening.reason}"
            elif isinstance(happening, Event):
                assert happening.number == last + 1, "the journal has a gap"
                last = happening.number
                if happening.request_id == newest:
                    return last
    raise AssertionError("the events ended")


async def kill_again_and_again(folder: Path, kills: int, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    ledger = Ledger()
    yard = Yard(folder, free_port(), {"keys_ready": "1"})
    known: list[int] = []
    try:
        for life in range(kills):
            await yard.begin()
            async with connect(ClientConfig(server=yard.url)) as farm:
                await check_all(farm, ledger, known)
                before = set(ledger.priorities)
                clients = [Client(farm, ledger, chance.getrandbits(64)) for _ in range(CLIENTS)]
                work = [asyncio.create_task(client.work()) for client in clients]
                await asyncio.wait(work, timeout=chance.uniform(0.01, LONGEST_LIFE))
                failed = [task.exception() for task in work if task.done()]
                assert not any(failed), f"life {life}: {failed}"
                await yard.kill("server")
                await asyncio.gather(*work)
                known = [i for i in ledger.priorities if i not in before]
        await yard.begin()
        async with connect(ClientConfig(server=yard.url)) as farm:
            await check_all(farm, ledger, list(ledger.priorities))
            assert await check_journal(farm) >= len(ledger.priorities)
    except BorutaError as error:
        raise AssertionError(f"seed {seed}: {error.message}") from error
    finally:
        await yard.end()
        await stop_relay(folder / "server")
    assert len(ledger.priorities) > kills, "the load was no load"
    await gone(folder)


@pytest.mark.prove
async def test_kills_lose_nothing(tmp_path: Path) -> None:
    """``./run faults kills`` does it a hundred times."""
    await kill_again_and_again(tmp_path, kills=15, seed=random.SystemRandom().getrandbits(32))

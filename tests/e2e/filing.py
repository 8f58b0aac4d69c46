"""Requests filed through every server of a farm, without end, and what was acknowledged of them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.request import NewRequest
from tests.e2e.site import Replica
from tests.e2e.stage import WITHIN


class Filing:
    """File requests through every server, and remember which were acknowledged."""

    def __init__(self) -> None:
        self.made: dict[int, int] = {}
        self._more = asyncio.Condition()

    async def work(self, replica: Replica, place: int) -> None:
        """File one after the other until cancelled; what is refused is tried again."""
        while True:
            try:
                new = NewRequest(caps={"kind": "none"}, priority=8)
                filed = await replica.farm.requests.new_request(replica.farm.caller, new)
            except UnavailableError:
                await asyncio.sleep(0.05)
                continue
            assert filed.id not in self.made, f"id {filed.id} was given twice"
            self.made[filed.id] = place
            async with self._more:
                self._more.notify_all()

    @asynccontextmanager
    async def through(self, replicas: Sequence[Replica]) -> AsyncIterator[None]:
        """File through each of the servers for the block."""
        work = [
            asyncio.create_task(self.work(replica, place)) for place, replica in enumerate(replicas)
        ]
        try:
            yield
        finally:
            for task in work:
                task.cancel()
            ended = await asyncio.gather(*work, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended

    async def more(self, count: int, place: int) -> None:
        """Return once so many more were acknowledged by one server."""
        wanted = sum(by == place for by in self.made.values()) + count
        async with asyncio.timeout(WITHIN), self._more:
            await self._more.wait_for(
                lambda: sum(by == place for by in self.made.values()) >= wanted
            )

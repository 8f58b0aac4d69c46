"""A connection to one farm: its requests, its workers, its events, its clock."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime

from boruta_farm.client.accounts import HttpAccounts
from boruta_farm.client.audit import HttpAudit
from boruta_farm.client.channel import Channel
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.consoles import HttpConsoles
from boruta_farm.client.requests import HttpRequests
from boruta_farm.client.tokens import HttpTokens
from boruta_farm.client.watch import Happening, RequestWatch
from boruta_farm.client.wire import read
from boruta_farm.client.workers import HttpWorkers
from boruta_farm.clock import Clock, SystemClock
from boruta_farm.contracts import Requests, Workers
from boruta_farm.model.answers import ClockReading, Version
from boruta_farm.model.caller import LOCAL_ADMIN, Caller


class Farm:
    """Bundle the contracts with the events of the same server."""

    def __init__(self, channel: Channel, clock: Clock | None = None) -> None:
        self.requests: Requests = HttpRequests(channel)
        self.workers: Workers = HttpWorkers(channel)
        self.accounts = HttpAccounts(channel)
        self.tokens = HttpTokens(channel)
        self.audit = HttpAudit(channel)
        self.consoles = HttpConsoles(channel)
        self.caller: Caller = LOCAL_ADMIN
        self._channel = channel
        self._clock = clock or SystemClock()

    def now(self) -> datetime:
        """Return the server's time, as far as its answers tell it."""
        return self._clock.now() + self._channel.offset

    async def clock(self) -> ClockReading:
        """Return the server's time beside its machine's."""
        return read(ClockReading, (await self._channel.get("clock")).body)

    async def adopt_clock(self) -> ClockReading:
        """Have the server set its time to its machine's. Raises ForbiddenError."""
        return read(ClockReading, (await self._channel.post("clock/adopt")).body)

    def watch(
        self, *, request_id: int | None = None, worker: str | None = None, after: int | None = None
    ) -> aclosing[AsyncGenerator[Happening, None]]:
        """Follow events: ``async with farm.watch() as happenings: async for ... in happenings``.

        See ``watch.Watch`` for what comes, and in which order.
        """
        watch = RequestWatch(self._channel, request_id=request_id, worker=worker, after=after)
        return aclosing(watch.happenings())

    async def version(self) -> Version:
        """Return the server's version."""
        return read(Version, (await self._channel.get("version")).body)


@asynccontextmanager
async def connect(config: ClientConfig) -> AsyncIterator[Farm]:
    """Open connections to a server as they are needed and close them at the end."""
    # The HTTP library takes longer to import than everything else together.
    from boruta_farm.client.transport import Transport

    transport = Transport(config)
    try:
        yield Farm(transport)
    finally:
        await transport.aclose()

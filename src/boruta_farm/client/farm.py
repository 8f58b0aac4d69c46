"""A connection to one farm: its requests, its workers, its events, its clock."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from boruta_farm.client.channel import Channel
from boruta_farm.clock import Clock, SystemClock
from boruta_farm.model.caller import LOCAL_ADMIN, Caller

if TYPE_CHECKING:
    from boruta_farm.client.accounts import HttpAccounts
    from boruta_farm.client.audit import HttpAudit
    from boruta_farm.client.config import ClientConfig
    from boruta_farm.client.consoles import HttpConsoles
    from boruta_farm.client.sign_ins import HttpSignIns
    from boruta_farm.client.tokens import HttpTokens
    from boruta_farm.client.watch import Happening
    from boruta_farm.contracts import Requests, Workers
    from boruta_farm.model.answers import ClockReading
    from boruta_farm.model.front_door import FrontDoorPlace
    from boruta_farm.model.version import Version


class Farm:
    """Bundle the contracts with the events of the same server.

    Each is imported when it is first used: a program starts with what it needs (issue 14).
    """

    def __init__(
        self,
        channel: Channel,
        clock: Clock | None = None,
        config: "ClientConfig | None" = None,
    ) -> None:
        """Take how the farm is spoken to; ``config`` where others can speak to it by that, too."""
        self.config = config
        self.caller: Caller = LOCAL_ADMIN
        self._channel = channel
        self._clock = clock or SystemClock()

    @cached_property
    def requests(self) -> "Requests":
        """Return what is done with requests."""
        from boruta_farm.client.requests import HttpRequests

        return HttpRequests(self._channel)

    @cached_property
    def workers(self) -> "Workers":
        """Return what is done with workers."""
        from boruta_farm.client.workers import HttpWorkers

        return HttpWorkers(self._channel)

    @cached_property
    def accounts(self) -> "HttpAccounts":
        """Return what is done with accounts."""
        from boruta_farm.client.accounts import HttpAccounts

        return HttpAccounts(self._channel)

    @cached_property
    def tokens(self) -> "HttpTokens":
        """Return what is done with tokens."""
        from boruta_farm.client.tokens import HttpTokens

        return HttpTokens(self._channel)

    @cached_property
    def sign_ins(self) -> "HttpSignIns":
        """Return what signs in by others."""
        from boruta_farm.client.sign_ins import HttpSignIns

        return HttpSignIns(self._channel)

    @cached_property
    def audit(self) -> "HttpAudit":
        """Return the audit."""
        from boruta_farm.client.audit import HttpAudit

        return HttpAudit(self._channel)

    @cached_property
    def consoles(self) -> "HttpConsoles":
        """Return what consoles said."""
        from boruta_farm.client.consoles import HttpConsoles

        return HttpConsoles(self._channel)

    def now(self) -> datetime:
        """Return the server's time, as far as its answers tell it."""
        return self._clock.now() + self._channel.offset

    async def clock(self) -> "ClockReading":
        """Return the server's time beside its machine's."""
        from boruta_farm.client.wire import read
        from boruta_farm.model.answers import ClockReading

        return read(ClockReading, (await self._channel.get("clock")).body)

    async def adopt_clock(self) -> "ClockReading":
        """Have the server set its time to its machine's. Raises ForbiddenError."""
        from boruta_farm.client.wire import read
        from boruta_farm.model.answers import ClockReading

        return read(ClockReading, (await self._channel.post("clock/adopt")).body)

    def watch(
        self, *, request_id: int | None = None, worker: str | None = None, after: int | None = None
    ) -> "aclosing[AsyncGenerator[Happening, None]]":
        """Follow events: ``async with farm.watch() as happenings: async for ... in happenings``.

        See ``watch.Watch`` for what comes, and in which order.
        """
        from boruta_farm.client.watch import RequestWatch

        watch = RequestWatch(self._channel, request_id=request_id, worker=worker, after=after)
        return aclosing(watch.happenings())

    async def front_door(self) -> "FrontDoorPlace":
        """Return where plain ssh comes in. Raises NotFoundError where it does not."""
        from boruta_farm.client.wire import read_door

        return read_door((await self._channel.get("door")).body)

    async def version(self) -> "Version":
        """Return the server's version."""
        from boruta_farm.client.wire import read
        from boruta_farm.model.version import Version

        return read(Version, (await self._channel.get("version")).body)


@asynccontextmanager
async def connect(config: "ClientConfig") -> AsyncIterator[Farm]:
    """Open connections to a server as they are needed and close them at the end."""
    # The HTTP library takes longer to import than everything else together.
    from boruta_farm.client.transport import Transport

    transport = Transport(config)
    try:
        yield Farm(transport, config=config)
    finally:
        await transport.aclose()

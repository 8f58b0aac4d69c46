"""A server of all methods that records what it is asked, and raw connections to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.gorpc.captures import METHODS

from boruta_farm.gorpc import services
from boruta_farm.gorpc.errors import ServerError
from boruta_farm.gorpc.limits import DEFAULT_LIMITS, GobLimits
from boruta_farm.gorpc.routes import RpcPeer, RpcRoute, route
from boruta_farm.gorpc.rpc import RpcMethod
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.server import RpcServer

REPLIES: dict[str, object] = {
    "Interface.GetCurrent": services.CurrentReply(milliamperes=420),
    "Interface.GetCurrentRecord": services.CurrentRecordReply(
        samples=(0, 1, -1, 63, 64, 127, 128, 5000)
    ),
}


@dataclass(kw_only=True)
class Recorder:
    """Answer every method, and refuse those named in ``refusals``."""

    calls: list[tuple[str, object, RpcPeer]] = field(default_factory=list)
    refusals: dict[str, Exception] = field(default_factory=dict)

    def routes(self) -> list[RpcRoute]:
        """Return a route for each method there is."""
        return [self._route(method) for method in METHODS.values()]

    def _route(self, method: RpcMethod[object, object]) -> RpcRoute:
        async def answer(argument: object, peer: RpcPeer) -> object:
            self.calls.append((method.name, argument, peer))
            if method.name in self.refusals:
                raise self.refusals[method.name]
            return REPLIES.get(method.name, Empty())

        return route(method, answer)


@asynccontextmanager
async def serving(
    routes: list[RpcRoute], *, limits: GobLimits = DEFAULT_LIMITS
) -> AsyncIterator[tuple[str, int]]:
    """Serve on a free port of the loopback interface."""
    async with RpcServer(routes, limits=limits) as server:
        yield "127.0.0.1", await server.listen_tcp("127.0.0.1", 0)


async def talk(address: tuple[str, int], data: bytes, expected: int | None = None) -> bytes:
    """Send bytes and return what comes back, all of it or an expected number of bytes."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(data)
        if expected is not None:
            return await reader.readexactly(expected)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def refusal(text: str) -> ServerError:
    """Make the error that a handler raises to send this text."""
    return ServerError(text)

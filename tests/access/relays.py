"""Real relay processes, and servers that use them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from tests.access.processes import gone
from tests.access.sockets import BOARD_BANNER, LOOPBACK, Peer
from tests.ports import free_port

from boruta_farm import __version__
from boruta_farm.access.adoption import RelayClient
from boruta_farm.access.link import stop_relay
from boruta_farm.access.rendezvous import LOCK
from boruta_farm.access.routes import TunnelRoute
from boruta_farm.clock import SystemClock

WITHIN = 60.0
CLOCK = SystemClock()


class Relays:
    """Attach servers to one data folder; at the end every relay must be gone without a trace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pids: set[int] = set()
        self.streams = (LOOPBACK, free_port())

    @asynccontextmanager
    async def server(self, version: str = __version__) -> AsyncIterator[RelayClient]:
        """Run a server, from its start to its end, beside the relay."""
        client = await RelayClient.attach(
            self.folder, LOOPBACK, CLOCK, version=version, streams=self.streams
        )
        self.note(client)
        running = asyncio.create_task(client.keep_at_hand())
        try:
            async with asyncio.timeout(WITHIN):
                yield client
        finally:
            if client.pid is not None:
                self.note(client)
            running.cancel()
            await asyncio.wait([running])
            if not running.cancelled():
                running.result()

    def note(self, client: RelayClient) -> int:
        """Remember a server's relay and return its process."""
        assert client.pid is not None
        self.pids.add(client.pid)
        return client.pid

    async def close(self) -> None:
        """End every relay and see that nothing of it is left."""
        await stop_relay(self.folder)
        for pid in self.pids:
            await gone(pid)
        left = {path.name for path in self.folder.iterdir()}
        assert left <= {LOCK, "relay.log"}, left


def route(
    target: int, port: int, *, worker: str = "w1", epoch: int | None = None, seconds: float = 3600
) -> TunnelRoute:
    """Return a route to a board on loopback."""
    return TunnelRoute(
        worker=worker,
        port=port,
        host=LOOPBACK,
        target=target,
        epoch=epoch,
        cut=None if epoch is None else CLOCK.now() + timedelta(seconds=seconds),
    )


async def told(client: RelayClient, *routes: TunnelRoute) -> None:
    """Tell the relay a full set and return when it is in force."""
    client.replace(routes)
    await client.settle()


async def talking(client: Peer, board: Peer) -> None:
    """See that bytes pass from the board to the client."""
    await board.send(BOARD_BANNER)
    assert await client.receive(len(BOARD_BANNER)) == BOARD_BANNER

"""An agent's end of a stream, and a switchboard whose streams can be asked for."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.access.sockets import LOOPBACK, Peer, dialled
from tests.access.switchboards import Exchange, exchange

from boruta_farm.access.streams import StreamOrder

WITHIN = 20.0
OPENED = b'{"stream": "open"}\n'
REFUSED = b'{"stream": "refused"}\n'


class Agents:
    """Hear what is asked of agents, and be them."""

    def __init__(self, relay: Exchange) -> None:
        self.relay = relay
        self._wishes: asyncio.Queue[StreamOrder] = asyncio.Queue()
        relay.board.gate.listen(LOOPBACK, 0)
        relay.board.streams.serve(self._wishes.put_nowait)

    @property
    def port(self) -> int:
        """Return where streams arrive."""
        return self.relay.board.gate.port

    @property
    def asked(self) -> int:
        """Count what was asked and not yet taken up."""
        return self._wishes.qsize()

    async def next(self) -> StreamOrder:
        """Return what is asked next."""
        async with asyncio.timeout(WITHIN):
            return await self._wishes.get()

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[Peer]:
        """Open the stream that is asked for next."""
        wish = await self.next()
        async with dialled(self.port) as peer:
            await peer.send(greeting(wish.worker, wish.epoch, wish.token))
            assert await peer.receive(len(OPENED)) == OPENED
            yield peer


def greeting(worker: str, epoch: int, token: str) -> bytes:
    """Return an agent's first line."""
    return json.dumps({"worker": worker, "epoch": epoch, "token": token}).encode() + b"\n"


@asynccontextmanager
async def outbound_exchange() -> AsyncIterator[Agents]:
    """Run a switchboard and its gate."""
    async with exchange() as relay:
        yield Agents(relay)

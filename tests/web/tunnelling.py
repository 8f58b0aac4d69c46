"""A board behind a tunnel: what really listens there, lent by the farm of a world."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from tests.web.serving import World, served

from boruta_farm.contracts import Requests
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import NewRequest
from boruta_farm.model.worker import AccessInfo
from boruta_farm.web.app import build_app

UUID = "00000000-0000-4000-8000-000000000001"
HELLO = b"SSH-2.0-board\r\n"


class Board:
    """What a board's tunnel leads to: it greets, says back what it hears, and may stop reading."""

    def __init__(self) -> None:
        self.port = 0
        self.came = asyncio.Semaphore(0)
        self.gone = asyncio.Semaphore(0)
        self.echoes = True
        self.floods = False
        self.writers: list[asyncio.StreamWriter] = []
        self.sent = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self.came.release()
        try:
            writer.write(HELLO)
            while self.floods:
                writer.write(bytes(65536))
                await writer.drain()
                self.sent += 65536
            while self.echoes and (data := await reader.read(65536)):
                writer.write(data)
                await writer.drain()
            if not self.echoes:
                await writer.wait_closed()
        except OSError:
            pass
        finally:
            writer.close()
            self.gone.release()


class Reaching:
    """The farm's requests, whose boards are all at one port that is really there."""

    def __init__(self, requests: Requests, board: Board) -> None:
        self._requests, self._board = requests, board

    async def acquire_worker(self, *given: Any) -> AccessInfo:
        return replace(await self._requests.acquire_worker(*given), port=self._board.port)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._requests, name)


@asynccontextmanager
async def lent(world: World) -> AsyncIterator[tuple[int, Board]]:
    """Lend a board to request 1; yield the port at which its farm is served, and the board."""
    board = Board()
    async with await asyncio.start_server(board.serve, "127.0.0.1", 0) as listening:
        board.port = listening.sockets[0].getsockname()[1]
        requests = cast("Requests", Reaching(world.requests, board))
        world.services = replace(world.services, requests=requests)
        world.app = build_app(world.services, world.options)
        await world.requests.new_request(LOCAL_ADMIN, NewRequest(priority=8, caps={}))
        await world.lend(UUID, "rpi4", {})
        async with served(world.app) as port:
            yield port, board

"""Threat: WebSockets of strangers, who are refused, take memory that is never given back."""

import gc

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from boruta_farm.server.http.connection import HttpConnection
from boruta_farm.server.http.websocket import WebSocket
from tests.web.serving import World, served

STRANGERS = 20


def left() -> int:
    gc.collect()
    return sum(isinstance(one, HttpConnection | WebSocket) for one in gc.get_objects())


async def test_nothing_is_left_of_those_that_were_refused() -> None:
    async with World() as world, served(world.app) as port:
        before = left()
        for _ in range(STRANGERS):
            address = f"ws://127.0.0.1:{port}/api/v1/reqs/1/terminal"
            async with connect(address, proxy=None) as socket:
                try:
                    await socket.recv()
                except ConnectionClosed:
                    continue
        assert left() <= before + 2

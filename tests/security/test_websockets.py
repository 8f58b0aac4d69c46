"""Threat: WebSockets that were refused leave memory behind, or a token in the log."""

import gc
import logging

import pytest
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


async def test_what_a_caller_puts_into_an_address_is_in_no_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with World() as world, served(world.app) as port:
        address = f"ws://127.0.0.1:{port}/api/v1/reqs/1/tunnel?token=s3cret"
        async with connect(address, proxy=None) as socket:
            with pytest.raises(ConnectionClosed):
                await socket.recv()
    theirs = [one for one in caplog.records if not one.name.startswith("websockets.client")]
    assert "s3cret" not in " ".join(one.getMessage() for one in theirs)

"""Connections that arrive at the server's port and go on in the relay."""

import asyncio
import dataclasses
import socket
from pathlib import Path

import pytest
from tests.access.outbound import REFUSED, greeting, outbound_exchange
from tests.access.sockets import LOOPBACK, dialled
from tests.access.switchboards import entry

from boruta_farm.access.handover import SOCKET, Handover, hand_over
from boruta_farm.access.rendezvous import call
from boruta_farm.dryad.websocket_carrier import connect_websocket
from boruta_farm.model.worker import Reach

WITHIN = 20.0
OUTBOUND = dataclasses.replace(entry(1, epoch=3), reach=Reach.OUTBOUND)


class Doorman:
    """A server that reads a head and hands the connection over, as the real one does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listener = socket.create_server((LOOPBACK, 0))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]

    async def one(self) -> None:
        """Hand one connection over and forget it."""
        loop = asyncio.get_running_loop()
        caller, _ = await loop.sock_accept(self._listener)
        with caller:
            hand_over(self._folder, caller.fileno(), await loop.sock_recv(caller, 1 << 16))

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


async def test_a_websocket_goes_on_in_the_relay(tmp_path: Path) -> None:
    async with outbound_exchange() as agents, asyncio.timeout(WITHIN):
        loop = asyncio.get_running_loop()
        handover, doorman = Handover(loop, tmp_path, agents.relay.board.gate), Doorman(tmp_path)
        port = agents.relay.put(OUTBOUND)
        async with dialled(port) as user:
            wish = await agents.next()
            door = asyncio.create_task(doorman.one())
            hello = greeting(wish.worker, wish.epoch, wish.token)
            board = await connect_websocket(f"ws://127.0.0.1:{doorman.port}/x", hello, None)
            await door
            doorman.close()
            await board.send(b"banner")
            assert await user.receive(6) == b"banner"
            board.abort()
        await handover.close()
    assert not (tmp_path / SOCKET).exists()


async def test_what_is_handed_over_has_to_greet_as_everybody(tmp_path: Path) -> None:
    async with outbound_exchange() as agents, asyncio.timeout(WITHIN):
        loop = asyncio.get_running_loop()
        handover, doorman = Handover(loop, tmp_path, agents.relay.board.gate), Doorman(tmp_path)
        door = asyncio.create_task(doorman.one())
        async with dialled(doorman.port) as stranger:
            await stranger.send(greeting("w1", 3, "guessed-guessed-guessed"))
            assert await stranger.rest() == REFUSED
        await door
        doorman.close()
        await handover.close()


async def test_words_without_a_connection_disturb_nobody(tmp_path: Path) -> None:
    async with outbound_exchange() as agents, asyncio.timeout(WITHIN):
        loop = asyncio.get_running_loop()
        handover, doorman = Handover(loop, tmp_path, agents.relay.board.gate), Doorman(tmp_path)
        with call(tmp_path, SOCKET) as confused:
            confused.send(b"words")
        door = asyncio.create_task(doorman.one())
        async with dialled(doorman.port) as stranger:
            await stranger.send(b"nonsense\n")
            await stranger.end()
        await door
        doorman.close()
        await handover.close()


async def test_the_newest_relay_has_the_name(tmp_path: Path) -> None:
    async with outbound_exchange() as agents:
        loop, gate = asyncio.get_running_loop(), agents.relay.board.gate
        older = Handover(loop, tmp_path, gate)
        newer = Handover(loop, tmp_path, gate)
        await older.close()
        with call(tmp_path, SOCKET):
            await newer.close()


def test_without_a_relay_it_is_told(tmp_path: Path) -> None:
    with socket.socket() as caller, pytest.raises(OSError, match="No such file"):
        hand_over(tmp_path, caller.fileno(), b"GET ")

"""Outbound streams through a real relay process: its server comes, goes and is replaced."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.access.logs import logged
from tests.access.outbound import OPENED, greeting
from tests.access.processes import gone
from tests.access.relays import Relays, route, told
from tests.access.sockets import LOOPBACK, Peer, dialled, listening_board
from tests.ports import free_port

from boruta_farm.access.adoption import RelayClient
from boruta_farm.access.routes import TunnelRoute
from boruta_farm.access.wishes import StreamWish
from boruta_farm.model.worker import Reach

WITHIN = 20.0


def outbound(port: int, epoch: int = 1) -> TunnelRoute:
    """Return a route that nobody can dial."""
    return replace(route(1, port, epoch=epoch), reach=Reach.OUTBOUND)


async def wished(server: RelayClient) -> StreamWish:
    """Return what the relay asks for next."""
    async with asyncio.timeout(WITHIN):
        return await server.wish()


@asynccontextmanager
async def stream(server: RelayClient) -> AsyncIterator[Peer]:
    """Open the stream that is asked for next, as an agent does."""
    wish = await wished(server)
    async with dialled(wish.port) as peer:
        await peer.send(greeting(wish.worker, wish.epoch, wish.token))
        assert await peer.receive(len(OPENED)) == OPENED
        yield peer


async def test_streams_go_on_without_a_server_and_new_ones_wait_for_the_next(
    relays: Relays,
) -> None:
    port = free_port()
    async with relays.server() as first:
        await told(first, outbound(port))
        user = await asyncio.wait_for(asyncio.open_connection(LOOPBACK, port), WITHIN)
        context = stream(first)
        board = await context.__aenter__()
    async with dialled(port) as late:
        await board.send(b"no server")
        assert await user[0].readexactly(9) == b"no server"
        async with relays.server() as second:
            await told(second, outbound(port))
            async with stream(second) as new:
                await new.send(b"at last")
                assert await late.receive(7) == b"at last"
            await board.send(b"still")
            assert await user[0].readexactly(5) == b"still"
    user[1].close()
    await context.__aexit__(None, None, None)


async def test_what_was_asked_of_a_server_that_died_is_asked_of_the_next(relays: Relays) -> None:
    port = free_port()
    async with relays.server() as first:
        await told(first, outbound(port))
        user = await asyncio.wait_for(asyncio.open_connection(LOOPBACK, port), WITHIN)
        unanswered = await wished(first)
    async with relays.server() as second:
        second.replace([outbound(port)])
        again = await wished(second)
        assert again.token == unanswered.token
    user[1].close()


async def test_a_refusal_lets_the_user_go(relays: Relays) -> None:
    port = free_port()
    async with relays.server() as server:
        await told(server, outbound(port))
        async with dialled(port) as user:
            (await wished(server)).refuse("the board's SSH server does not answer")
            assert await user.end() == "closed"


async def test_an_upgrade_leaves_the_old_relay_a_way_to_its_boards(relays: Relays) -> None:
    """The configured port goes to the new relay; streams for the old one's jobs find it."""
    old_port, new_port = free_port(), free_port()
    async with relays.server("1") as first:
        old = relays.note(first)
        await told(first, outbound(old_port))
    async with relays.server("2") as second:
        new = replace(outbound(new_port), worker="w2")
        await told(second, outbound(old_port), new)
        async with dialled(old_port) as user:
            wish = await wished(second)
            assert wish.port != relays.streams[1]
            async with dialled(wish.port) as board:
                await board.send(greeting("w1", 1, wish.token))
                assert await board.receive(len(OPENED)) == OPENED
                await board.send(b"old")
                assert await user.receive(3) == b"old"
        async with dialled(new_port) as user:
            wish = await wished(second)
            assert (wish.worker, wish.port) == ("w2", relays.streams[1])
        await told(second, new)
        await gone(old)


async def test_a_stream_port_that_is_taken_is_told_in_words(relays: Relays) -> None:
    async with listening_board() as other:
        relays.streams = (LOOPBACK, other.port)
        async with logged("choose another stream_addr"), relays.server() as server:
            await told(server, outbound(free_port()))

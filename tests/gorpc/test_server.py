import asyncio
import socket
import stat
from pathlib import Path

import pytest
from tests.gorpc.farmyard import Recorder, serving

from boruta_farm.gorpc.callers import Places
from boruta_farm.gorpc.client import call_once, connect
from boruta_farm.gorpc.errors import DisconnectedError
from boruta_farm.gorpc.routes import RpcPeer, route
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.server import RpcServer
from boruta_farm.gorpc.services import HEALTHCHECK


async def test_a_tcp_peer_is_known_by_its_address() -> None:
    recorder = Recorder()
    async with serving(recorder.routes()) as address:
        await call_once(address, HEALTHCHECK, Empty())
    ((name, argument, peer),) = recorder.calls
    assert (name, argument) == ("Dryad.Healthcheck", Empty())
    assert peer.host == "127.0.0.1"
    assert peer.port


async def test_unix_sockets_are_served_with_their_permissions(tmp_path: Path) -> None:
    path, recorder = tmp_path / "stm.socket", Recorder()
    async with RpcServer(recorder.routes()) as server:
        await server.listen_unix(path, mode=0o660)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        await call_once(path, HEALTHCHECK, Empty())
    assert [peer for _, _, peer in recorder.calls] == [RpcPeer()]
    assert not path.exists()


async def test_a_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "stm.socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with RpcServer(Recorder().routes()) as server:
        await server.listen_unix(path)
        await call_once(path, HEALTHCHECK, Empty())


async def test_a_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "stm.socket"
    async with RpcServer(Recorder().routes()) as server, RpcServer([]) as second:
        await server.listen_unix(path)
        with pytest.raises(OSError, match="in use"):
            await second.listen_unix(path)
        await call_once(path, HEALTHCHECK, Empty())


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "stm.socket"
    path.write_text("precious")
    async with RpcServer([]) as server:
        with pytest.raises(OSError, match="in use"):
            await server.listen_unix(path)
    assert path.read_text() == "precious"


async def test_a_socket_may_be_handed_in(tmp_path: Path) -> None:
    path = tmp_path / "handed.socket"
    handed = socket.socket(socket.AF_UNIX)
    handed.bind(str(path))
    async with RpcServer(Recorder().routes()) as server:
        await server.listen_socket(handed)
        await call_once(path, HEALTHCHECK, Empty())


async def test_peers_not_admitted_are_turned_away() -> None:
    recorder = Recorder()
    async with RpcServer(recorder.routes(), admit=lambda peer: False) as server:
        port = await server.listen_tcp("127.0.0.1", 0)
        with pytest.raises(DisconnectedError):
            await call_once(("127.0.0.1", port), HEALTHCHECK, Empty())
    assert recorder.calls == []


async def test_who_has_a_call_under_way_keeps_his_place_against_newcomers() -> None:
    began, release = asyncio.Event(), asyncio.Event()

    async def slow(argument: Empty, peer: RpcPeer) -> Empty:
        began.set()
        await release.wait()
        return argument

    places = Places(in_total=1)
    async with RpcServer([route(HEALTHCHECK, slow)], places=places) as server:
        address = "127.0.0.1", await server.listen_tcp("127.0.0.1", 0)
        async with await connect(address) as first:
            call = asyncio.create_task(first.call(HEALTHCHECK, Empty(), timeout=60))
            await began.wait()
            with pytest.raises(DisconnectedError):
                await call_once(address, HEALTHCHECK, Empty())
            release.set()
            await call


async def test_close_ends_connections_and_frees_the_port() -> None:
    async with RpcServer(Recorder().routes()) as server:
        address = "127.0.0.1", await server.listen_tcp("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*address)
        async with await connect(address) as client:
            await client.call(HEALTHCHECK, Empty(), timeout=60)
            await server.close()
            with pytest.raises(DisconnectedError):
                await client.call(HEALTHCHECK, Empty(), timeout=60)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    with pytest.raises(DisconnectedError, match="cannot connect"):
        await connect(address)

import asyncio
from datetime import timedelta

import pytest
from tests.gorpc.farmyard import Recorder, refusal, serving
from tests.ports import free_port

from boruta_farm.gorpc.dryad import GoDryad, answers
from boruta_farm.gorpc.keys import Ed25519PublicKey, RSAPublicKey, format_authorized_key
from boruta_farm.gorpc.routes import RpcPeer, route
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.services import (
    PREPARE,
    PrepareRequest,
    PutInMaintenanceRequest,
)
from boruta_farm.model.errors import AgentUnreachableError, BoardError

RSA = RSAPublicKey(modulus=(1 << 2047) + 1, exponent=65537)
ED25519 = Ed25519PublicKey(data=bytes(range(32)))


def at(address: tuple[str, int]) -> str:
    return "{}:{}".format(*address)


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
async def test_key_reaches_the_board(key: RSAPublicKey | Ed25519PublicKey) -> None:
    recorder = Recorder()
    async with serving(recorder.routes()) as address:
        prepared = await GoDryad(at(address)).prepare(format_authorized_key(key), epoch=3)
    assert prepared.username == "boruta-user"
    assert prepared.host_key is None
    assert [argument for _, argument, _ in recorder.calls] == [PrepareRequest(key=key)]


async def test_every_call_is_a_connection_of_its_own() -> None:
    recorder = Recorder()
    async with serving(recorder.routes()) as address:
        board = GoDryad(at(address))
        await board.put_in_maintenance("maintenance")
        await board.healthcheck()
        await board.knock()
    names = [name for name, _, _ in recorder.calls]
    assert names == ["Dryad.PutInMaintenance", "Dryad.Healthcheck"]
    assert recorder.calls[0][1] == PutInMaintenanceRequest(message="maintenance")
    assert len({peer.port for _, _, peer in recorder.calls}) == 2


async def test_refusal_of_the_board_keeps_its_words() -> None:
    recorder = Recorder(refusals={"Dryad.Prepare": refusal("user removal failed: busy")})
    async with serving(recorder.routes()) as address:
        with pytest.raises(BoardError, match=r"^user removal failed: busy$"):
            await GoDryad(at(address)).prepare(format_authorized_key(RSA), epoch=1)


async def test_board_that_is_away_is_unreachable() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(AgentUnreachableError, match="out of reach"):
        await GoDryad(address).prepare(format_authorized_key(RSA), epoch=1)
    with pytest.raises(AgentUnreachableError):
        await GoDryad(address).knock()
    assert not await answers(address)


async def test_board_that_never_answers_fails_and_is_left() -> None:
    left = asyncio.Event()

    async def never(_request: PrepareRequest, _peer: RpcPeer) -> Empty:
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return Empty()

    async with serving([route(PREPARE, never)]) as address:
        board = GoDryad(at(address), answer_within=timedelta(seconds=0.05))
        with pytest.raises(BoardError, match="Prepare was not answered"):
            await board.prepare(format_authorized_key(RSA), epoch=1)
    assert left.is_set()


async def test_board_that_hangs_up_fails() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as listener:
        host, port = listener.sockets[0].getsockname()
        with pytest.raises(BoardError, match=r"Dryad\.PutInMaintenance"):
            await GoDryad(f"{host}:{port}").put_in_maintenance("maintenance")


async def test_key_that_cannot_travel_is_refused_before_any_call() -> None:
    recorder = Recorder()
    async with serving(recorder.routes()) as address:
        with pytest.raises(BoardError, match="cannot be sent over Go RPC"):
            await GoDryad(at(address)).prepare("ecdsa-sha2-nistp256 AAAA", epoch=1)
    assert recorder.calls == []

"""An original board, in Go, lent by our server, which then crashes and still has it."""

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.e2e.stage import CAPS, WITHIN, Stage
from tests.interop.goyard import go_yard

from boruta_farm.model.worker import AccessInfo, Fence, WorkerState

UUID = "e1d8bb68-0000-4000-8000-000000000001"


def modulus(access: AccessInfo) -> str:
    """Return what the board must have got for the key that the user got."""
    key = load_pem_private_key(access.key.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return f"{key.public_key().public_numbers().n:x}"


async def greeting(access: AccessInfo) -> bytes:
    """Return what the board's port for sessions says through the tunnel."""
    async with asyncio.timeout(WITHIN):
        reader, writer = await asyncio.open_connection("127.0.0.1", access.port)
        try:
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


@pytest.mark.prove
async def test_original_board_is_lent_and_survives_a_crash_of_the_server(
    godryad: Path, tmp_path: Path
) -> None:
    async with go_yard(tmp_path, godryad) as (yard, farm):
        one = Stage(yard, farm)
        board = await yard.add(UUID, CAPS["board"])
        worker = await one.until(WorkerState.MAINTENANCE)
        assert (worker.uuid, worker.fence) == (UUID, Fence.NONE)
        await farm.workers.set_state(farm.caller, UUID, WorkerState.IDLE)
        first = await board.prepared()
        idle = await one.until(WorkerState.IDLE)

        request, access = await one.lend()
        assert modulus(access) == first
        assert await greeting(access) == b"SSH-2.0-godryad\r\n"
        await one.close(request)
        second = await board.prepared()
        assert second != first
        idle = await one.until(WorkerState.IDLE, above=idle.epoch)

        await yard.kill("server")
        await yard.begin()
        assert (await one.worker()).state is WorkerState.IDLE
        request, access = await one.lend()
        assert modulus(access) == second
        assert await greeting(access) == b"SSH-2.0-godryad\r\n"
        await one.close(request)
        await board.told("Prepare")
        await one.until(WorkerState.IDLE, above=idle.epoch)

        await farm.workers.set_state(farm.caller, UUID, WorkerState.MAINTENANCE)
        shown = await board.told("PutInMaintenance")
        assert shown["Message"] == "maintenance"
        await one.until(WorkerState.MAINTENANCE)

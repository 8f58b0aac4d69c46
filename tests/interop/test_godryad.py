"""An original board, in Go, lent by our server, which then crashes and still has it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.e2e.stage import CAPS, WITHIN, Stage, Yard, free_port, gone

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import connect
from boruta_farm.model.worker import AccessInfo, Fence, WorkerState

UUID = "e1d8bb68-0000-4000-8000-000000000001"


class RpcYard(Yard):
    """A server that is told on its command line where original boards register."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, free_port(), {})
        self.rpc = f"127.0.0.1:{free_port()}"

    async def begin(self) -> None:
        """Start the server, or start it again on the same data and ports."""
        environment = {
            "BORUTA_API_ADDR": f"127.0.0.1:{self.port}",
            "BORUTA_DATA": str(self._folder / "server"),
            "BORUTA_KEEP_RELAY": "false",
            "BORUTA_KEYS_READY": "4",
        }
        command = [sys.executable, "-m", "boruta_farm.cli", "serve", "--rpc-addr", self.rpc]
        serving = await self.start("server", command, environment)
        await self.unless_failed(serving.wait(), "the server to serve")


class Board:
    """Read what the Go program tells."""

    def __init__(self, lines: asyncio.StreamReader) -> None:
        self._lines = lines

    async def told(self, call: str) -> dict[str, str]:
        """Return the next call, which must be the one expected."""
        async with asyncio.timeout(WITHIN):
            event: dict[str, str] = json.loads(await self._lines.readline())
        assert event["Call"] == call
        return event


@asynccontextmanager
async def go_board(program: Path, rpc: str) -> AsyncIterator[Board]:
    process = await asyncio.create_subprocess_exec(
        *(program, rpc, UUID, CAPS["board"]), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield Board(process.stdout)
    finally:
        process.kill()
        await process.communicate()


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


async def test_original_board_is_lent_and_survives_a_crash_of_the_server(
    godryad: Path, tmp_path: Path
) -> None:
    yard = RpcYard(tmp_path)
    try:
        await yard.begin()
        async with (
            go_board(godryad, yard.rpc) as board,
            connect(ClientConfig(server=yard.url)) as farm,
        ):
            one = Stage(yard, farm)
            await board.told("Registered")
            worker = await one.until(WorkerState.MAINTENANCE)
            assert (worker.uuid, worker.fence) == (UUID, Fence.NONE)
            await farm.workers.set_state(farm.caller, UUID, WorkerState.IDLE)
            first = await board.told("Prepare")
            idle = await one.until(WorkerState.IDLE)

            request, access = await one.lend()
            assert modulus(access) == first["Modulus"]
            assert await greeting(access) == b"SSH-2.0-godryad\r\n"
            await one.close(request)
            second = await board.told("Prepare")
            assert second["Modulus"] != first["Modulus"]
            idle = await one.until(WorkerState.IDLE, above=idle.epoch)

            await yard.kill("server")
            await yard.begin()
            assert (await one.worker()).state is WorkerState.IDLE
            request, access = await one.lend()
            assert modulus(access) == second["Modulus"]
            assert await greeting(access) == b"SSH-2.0-godryad\r\n"
            await one.close(request)
            await board.told("Prepare")
            await one.until(WorkerState.IDLE, above=idle.epoch)

            await farm.workers.set_state(farm.caller, UUID, WorkerState.MAINTENANCE)
            shown = await board.told("PutInMaintenance")
            assert shown["Message"] == "maintenance"
            await one.until(WorkerState.MAINTENANCE)
    finally:
        await yard.end()
    await gone(tmp_path)

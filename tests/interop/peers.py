"""The Go program ``gorpc`` as a server and as a client."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from boruta_farm.gorpc.client import Address

WITHIN = 60.0


class GoServer:
    """Answer every method; ``next`` returns the calls in the order in which they came."""

    def __init__(self, address: Address, lines: asyncio.StreamReader) -> None:
        self.address = address
        self._lines = lines

    async def next(self) -> dict[str, object]:
        """Return the next call: its method, and its argument with Go's field names."""
        async with asyncio.timeout(WITHIN):
            call: dict[str, object] = json.loads(await self._lines.readline())
        return call


@asynccontextmanager
async def go_server(
    peer: Path, network: str, folder: Path, port: int = 0
) -> AsyncIterator[GoServer]:
    """Run the Go server for the block."""
    wanted = str(folder / "go.socket") if network == "unix" else f"127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        peer, "serve", network, wanted, stdout=asyncio.subprocess.PIPE, limit=1 << 20
    )
    assert process.stdout is not None
    try:
        address = json.loads(await process.stdout.readline())
        host, _, chosen = address.rpartition(":")
        where = Path(address) if network == "unix" else (host, int(chosen))
        yield GoServer(where, process.stdout)
    finally:
        process.kill()
        await process.communicate()


async def go_client(
    peer: Path, verb: str, address: Address, calls: Sequence[str]
) -> list[dict[str, object]]:
    """Make calls with the Go client and return what it got."""
    where = (
        ("unix", str(address)) if isinstance(address, Path) else ("tcp", "{}:{}".format(*address))
    )
    process = await asyncio.create_subprocess_exec(
        peer, verb, *where, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(WITHIN):
        output, _ = await process.communicate("".join(calls).encode())
    assert process.returncode == 0
    return [json.loads(each) for each in output.splitlines()]

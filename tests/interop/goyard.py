"""A server with original boards, played by Go, as processes of their own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.e2e.stage import WITHIN, Yard, gone
from tests.ports import free_port

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.model.worker import Worker, WorkerState


class Board:
    """Read what the Go program tells."""

    def __init__(self, uuid: str, lines: asyncio.StreamReader) -> None:
        self.uuid = uuid
        self._lines = lines

    async def told(self, call: str) -> dict[str, str]:
        """Return the next call, which must be the one expected."""
        async with asyncio.timeout(WITHIN):
            event: dict[str, str] = json.loads(await self._lines.readline())
        assert event["Call"] == call
        return event

    async def prepared(self) -> str:
        """Return the modulus of the next key that is let in, whatever is asked before."""
        async with asyncio.timeout(WITHIN):
            while (event := json.loads(await self._lines.readline()))["Call"] != "Prepare":
                pass
        return str(event["Modulus"])


class GoYard(Yard):
    """A server where original boards register, and the boards."""

    def __init__(self, folder: Path, program: Path) -> None:
        self.rpc = f"127.0.0.1:{free_port()}"
        super().__init__(folder, free_port(), {"rpc_addr": self.rpc})
        self.boards: list[Board] = []
        self._program = program
        self._stack = AsyncExitStack()

    async def add(self, uuid: str, kind: str) -> Board:
        """Start a board with the capability ``board=kind`` and return it once registered."""
        board = await self._stack.enter_async_context(go_board(self._program, self.rpc, uuid, kind))
        await board.told("Registered")
        self.boards.append(board)
        return board

    async def end(self) -> None:
        """End boards, then the server."""
        await self._stack.aclose()
        await super().end()


@asynccontextmanager
async def go_board(program: Path, rpc: str, uuid: str, kind: str) -> AsyncIterator[Board]:
    """Run a board for the block."""
    process = await asyncio.create_subprocess_exec(
        *(program, rpc, uuid, kind), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield Board(uuid, process.stdout)
    finally:
        process.kill()
        await process.communicate()


@asynccontextmanager
async def go_yard(folder: Path, program: Path) -> AsyncIterator[tuple[GoYard, Farm]]:
    """Run a server without boards for the block."""
    yard = GoYard(folder, program)
    try:
        await yard.begin()
        async with connect(ClientConfig(server=yard.url)) as farm:
            yield yard, farm
    finally:
        await yard.end()
    await gone(folder)


async def until(farm: Farm, uuid: str, state: WorkerState, *, above: int = -1) -> Worker:
    """Return a worker once it is in a state, in an epoch above the given one."""
    async with asyncio.timeout(WITHIN), farm.watch(worker=uuid) as happenings:
        async for _ in happenings:
            worker = await farm.workers.get_worker_info(farm.caller, uuid)
            if worker.state is state and worker.epoch > above:
                return worker
    raise AssertionError("the events ended")


async def idle(farm: Farm, uuid: str) -> Worker:
    """Take a registered board into service."""
    await farm.workers.set_state(farm.caller, uuid, WorkerState.IDLE)
    return await until(farm, uuid, WorkerState.IDLE)

"""Lend a board that lives in another network namespace; run inside a namespace of its own.

A veth pair joins the two. The board's SSH server listens on the board's own loopback, so nothing
that the relay could dial leads there.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import connect
from boruta_farm.demo.boards import DemoBoard
from boruta_farm.model.worker import WorkerState
from tests.e2e.stage import CAPS, Stage, Yard, ssh, talking
from tests.namespaces import inside, network_namespace, run
from tests.ports import free_port

SERVER, BOARD = "10.77.0.1", "10.77.0.2"


@asynccontextmanager
async def board_namespace() -> AsyncIterator[int]:
    """Hold a second network namespace, joined to ours; give the process that holds it."""
    await run("ip", "link", "set", "lo", "up")
    async with network_namespace() as holder:
        there = inside(holder)
        await run("ip", "link", "add", "far0", "type", "veth", "peer", "near0")
        await run("ip", "link", "set", "near0", "netns", str(holder))
        await run("ip", "address", "add", f"{SERVER}/24", "dev", "far0")
        await run("ip", "link", "set", "far0", "up")
        await run(*there, "ip", "address", "add", f"{BOARD}/24", "dev", "near0")
        await run(*there, "ip", "link", "set", "near0", "up")
        yield holder


class FarYard(Yard):
    """A farm whose server listens on the veth, and whose agents live behind it."""

    def __init__(self, folder: Path, port: int, namespace: int) -> None:
        super().__init__(
            folder,
            port,
            {
                "api_addr": f"{SERVER}:{port}",
                "allow_anonymous": "true",
                "allow_plaintext": "true",
                "enrolment": "open",
                "public_address": SERVER,
            },
        )
        self.url = f"http://{SERVER}:{port}"
        self._namespace = namespace

    async def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> asyncio.Event:
        """Start the server here, and every board elsewhere."""
        if name == "server":
            return await super().start(name, command, environment)
        python, flag, *module = command
        entering = [python, flag, "tests.e2e.entering", str(self._namespace), *module]
        return await super().start(name, entering)


@asynccontextmanager
async def far_stage(
    folder: Path, kind: type[FarYard] = FarYard
) -> AsyncIterator[tuple[Stage, tuple[str, ...]]]:
    """Have one idle sandbox in a namespace of its own, and the words that lead into that."""
    async with board_namespace() as namespace:
        yard = kind(folder, free_port(), namespace)
        try:
            await yard.begin()
            await yard.start_agent(DemoBoard(name="test", caps=CAPS, driver="sandbox"), yard.url)
            async with connect(ClientConfig(server=yard.url)) as farm:
                one = Stage(yard, farm)
                await one.until(WorkerState.MAINTENANCE)
                await farm.workers.set_state(farm.caller, "test", WorkerState.IDLE)
                await one.until(WorkerState.IDLE)
                yield one, inside(namespace)
        finally:
            await yard.end()


async def main(folder: Path) -> None:
    """Lend the board once and talk to it."""
    async with far_stage(folder) as (one, _):
        print(f"reach: {(await one.until(WorkerState.IDLE)).reach}")
        request, access = await one.lend()
        async with talking(access) as talk:
            print(f"over the stream: {await talk.says('hello')}")
        print(await ssh(access, "ip -brief address"))
        await one.close(request)
        assert request.job is not None
        await one.until(WorkerState.IDLE, above=request.job.epoch)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

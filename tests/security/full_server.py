"""A real server on a disk of its own that others fill: run in a namespace.

The board's agent is real as far as the wire goes; its board answers at once.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.clock import SystemClock
from boruta_farm.contracts import FencedDryad, Registered
from boruta_farm.demo.farm import make_idle
from boruta_farm.dryad.dialling import Dialler
from boruta_farm.link.agent import AgentLink, FarmEnd
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.request import NewRequest, RequestState
from boruta_farm.model.worker import Fence, Registration
from boruta_farm.testing.boards import SimulatedBoard, SimulatedConnection
from tests.security.full_disk import fill

UUID = "00000000-0000-4000-8000-000000000009"
WITHIN = 60.0


class Connection(SimulatedConnection):
    """Note what is granted."""

    def __init__(self, board: SimulatedBoard, grants: list[int]) -> None:
        super().__init__(board)
        self._grants = grants

    async def grant(self, epoch: int, remaining: float, key: str | None) -> None:
        self._grants.append(epoch)
        await super().grant(epoch, remaining, key)


class Agent:
    """Speak for one board; the link's ``LinkUser``."""

    def __init__(self) -> None:
        self.simulated = SimulatedBoard(uuid=UUID, caps={"UUID": UUID}, epoch=0, cleaned=0)
        self.grants: list[int] = []
        self._connection = Connection(self.simulated, self.grants)

    @property
    def board(self) -> FencedDryad:
        return self._connection

    @property
    def streams(self) -> None:
        return None

    @property
    def credential(self) -> str:
        return "its only one"

    async def registration(self) -> Registration:
        return Registration(
            caps=self.simulated.caps,
            dryad_address="127.0.0.1:7175",
            ssh_address="127.0.0.1:22",
            fence=Fence.AGENT,
            name="board",
            epoch=self.simulated.epoch,
            boot_id="boot",
        )

    async def registered(self, answer: Registered, farm: FarmEnd) -> None:
        return

    async def report(self, farm: FarmEnd) -> None:
        await asyncio.get_running_loop().create_future()

    async def renew(self, farm: FarmEnd, presented: str) -> None:
        raise AssertionError("it is younger than any credential's life")


class Server:
    """One run of ``boruta serve``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = 0
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "boruta_farm.cli", "serve"),
            *("--data", str(self._folder / "data"), "--api-addr", f"127.0.0.1:{self.port}"),
            env={**os.environ, "BORUTA_DISK_RESERVE": "1", "BORUTA_KEYS_READY": "2"},
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        async with asyncio.timeout(WITHIN):
            while line := await self._line():
                if b"serving on " in line:
                    self.port = int(line.split(b"127.0.0.1:")[1].split(b",")[0])
                    self._reading = asyncio.create_task(self._read_on())
                    return
        raise AssertionError("the server did not start")

    async def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        await self._reading

    async def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        await self._process.wait()
        await self._reading

    async def _line(self) -> bytes:
        assert self._process is not None
        assert self._process.stderr is not None
        line = await self._process.stderr.readline()
        assert b"Traceback" not in line, "no traceback for a full disk"
        sys.stderr.buffer.write(line)
        return line

    async def _read_on(self) -> None:
        while await self._line():
            pass


async def until(found: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN):
        while not await found():  # noqa: ASYNC110 - another process tells nothing
            await asyncio.sleep(0.05)


async def lent(farm: Farm) -> int:
    """Return a request that has the board."""
    filed = await farm.requests.new_request(farm.caller, NewRequest(caps={}, priority=8))
    await farm.requests.acquire_worker(farm.caller, filed.id, timedelta(seconds=WITHIN))
    return filed.id


async def main(folder: Path) -> None:
    server, agent = Server(folder), Agent()
    await server.start()
    config = ClientConfig(server=f"http://127.0.0.1:{server.port}")
    dialler = Dialler(config.server, lambda: "secret of the board")
    link = AgentLink(dialler.dial, agent, SystemClock())
    linked = asyncio.create_task(link.stay_connected())
    async with connect(config) as farm:

        async def state(request_id: int) -> RequestState:
            return (await farm.requests.get_request_info(farm.caller, request_id)).state

        async def refused(work: Awaitable[object]) -> str:
            try:
                await work
            except BorutaError as error:
                return error.message
            raise AssertionError("it was stored")

        await make_idle(farm, 1)
        first = await lent(farm)
        fill(folder, 0)
        new = NewRequest(caps={}, priority=8)
        assert "refused" in await refused(farm.requests.new_request(farm.caller, new))
        # Its end is stored from the reserve, and acknowledged.
        await farm.requests.close_request(farm.caller, first)
        assert await state(first) is RequestState.DONE

        (folder / "others").unlink()
        await make_idle(farm, 1)
        second = await lent(farm)
        fill(folder, 0)
        # Somebody eats the reserve too, as soon as it is spent.
        (folder / "data/boruta.db-reserve").unlink()
        fill(folder, 0)
        words = await refused(farm.requests.close_request(farm.caller, second))
        assert "has been ended all the same" in words, words
        await until(lambda: ended(agent))
        assert await state(second) is RequestState.IN_PROGRESS, "not stored, so not acknowledged"

        await server.kill()
        (folder / "others").unlink()
        agent.simulated.granted = None
        granted = len(agent.grants)
        await server.start()

        async def done() -> bool:
            return await state(second) is RequestState.DONE

        await until(done)
        assert len(agent.grants) == granted, "what was ended is not begun again"
        await make_idle(farm, 1)
        await farm.requests.close_request(farm.caller, await lent(farm))
    linked.cancel()
    await asyncio.gather(linked, return_exceptions=True)
    await server.stop()
    print("held")


async def ended(agent: Agent) -> bool:
    return agent.simulated.granted is None


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

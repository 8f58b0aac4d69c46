"""Serve an application on a free port of this machine, from a thread of its own."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import uvicorn

from tests.client.fakes import FakeFarm

Result = TypeVar("Result")


class Served:
    """A fake farm behind a real port; ``do`` changes it without racing its own calls."""

    def __init__(self, address: str) -> None:
        self.farm = FakeFarm()
        self.address = address
        self.loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.farm(scope, receive, send)

    def do(self, work: Callable[[FakeFarm], Result]) -> Result:
        """Run ``work`` on the server's loop and return what it returns."""

        async def run() -> Result:
            return work(self.farm)

        return self._run(run())

    def wait_for(self, condition: Callable[[FakeFarm], bool]) -> None:
        """Return once ``condition`` holds; looked at in the turns of the server's loop."""

        async def wait() -> None:
            async with asyncio.timeout(60):
                while not condition(self.farm):  # noqa: ASYNC110  # the fake has no event to await
                    await asyncio.sleep(0.005)

        self._run(wait())

    def start_over(self) -> None:
        """End what is open and go on with a fresh farm."""

        def swap(farm: FakeFarm) -> None:
            farm.send(None)
            self.farm = FakeFarm()

        self.do(swap)

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(15)


@contextlib.contextmanager
def serve() -> Iterator[Served]:
    """Serve a fake farm until the block ends."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        served = Served(f"http://127.0.0.1:{listener.getsockname()[1]}")
        config = uvicorn.Config(served, ws="none", lifespan="off", log_level="critical")
        server = uvicorn.Server(config)
        started = threading.Event()

        async def run() -> None:
            served.loop = asyncio.get_running_loop()
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started:  # noqa: ASYNC110  # uvicorn offers nothing to await
                await asyncio.sleep(0.005)
            started.set()
            await serving

        thread = threading.Thread(target=asyncio.run, args=(run(),), name="fake-farm")
        thread.start()
        try:
            assert started.wait(10)
            yield served
        finally:
            served.start_over()
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()

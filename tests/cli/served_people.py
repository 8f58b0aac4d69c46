"""A server that knows people, on a free port of this machine, in a thread of its own."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from typer.testing import CliRunner

from boruta_farm.cli.main import app
from boruta_farm.model.worker import Fence, Registration
from tests.cli.stage import Boruta
from tests.web.peopled import WORKER, PeopledWeb, peopled_web

Result = TypeVar("Result")


class ServedPeople:
    """Its address, the first admin's one-time token, and a way into its database."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.first = ""
        self.ready = threading.Event()
        self.ended = asyncio.Event()
        self.web: PeopledWeb
        self.loop: asyncio.AbstractEventLoop

    async def run(self, folder: Path, listener: socket.socket) -> None:
        """Serve until ``end``."""
        self.loop = asyncio.get_running_loop()
        async with peopled_web(folder, signed_in=False) as web:
            self.web = web
            self.first = web.first
            config = uvicorn.Config(web.app, ws="none", lifespan="off", log_level="critical")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            self.ready.set()
            await self.ended.wait()
            server.should_exit = True
            await serving

    def end(self) -> None:
        """Have the server stop."""
        self.loop.call_soon_threadsafe(self.ended.set)

    def board(self) -> None:
        """Register a board."""
        registration = Registration(
            caps={"UUID": WORKER},
            dryad_address="192.0.2.9:7175",
            ssh_address="192.0.2.9:22",
            fence=Fence.AGENT,
            name="board",
            credential="hash",
        )
        self._do(self.web.people.farm.superviser.register(registration))

    def seal(self) -> None:
        """Seal the audit's entries."""

        async def work() -> None:
            while await self.web.people.farm.sealer.seal():
                pass

        self._do(work())

    def tamper(self, statement: str) -> None:
        """Change the database behind the server's back."""

        async def work() -> None:
            driver = self.web.people.store._batcher.driver
            assert driver is not None
            driver.fetch(statement)

        self._do(work())

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


@contextlib.contextmanager
def served_people(folder: Path) -> Iterator[ServedPeople]:
    """Serve a farm where nobody has signed in yet, until the block ends."""
    folder.mkdir()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # Calls wait in the backlog until the server takes them.
        listener.listen(128)
        served = ServedPeople(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=lambda: asyncio.run(served.run(folder, listener)))
        thread.start()
        try:
            assert served.ready.wait(60)
            yield served
        finally:
            served.end()
            thread.join(60)
            assert not thread.is_alive()


class Homes:
    """Run the command as several people, each with a home of his own."""

    def __init__(self, people: ServedPeople, folder: Path) -> None:
        self._people = people
        self._folder = folder

    def __call__(self, who: str) -> Boruta:
        environment = {
            "BORUTA_SERVER": self._people.address,
            "BORUTA_TOKEN": "",
            "BORUTA_PROFILE": "",
            "XDG_CONFIG_HOME": str(self._folder / who),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        return Boruta(app, CliRunner(env=environment))

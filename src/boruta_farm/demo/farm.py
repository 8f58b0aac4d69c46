"""The demo's farm: a server and its boards' agents, each a process of its own."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.watch import Lost
from boruta_farm.demo.boards import SANDBOXES, DemoBoard
from boruta_farm.demo.plain_ssh import plain_ssh
from boruta_farm.dryad.tools.console.consoles import FOLDER as CONSOLES
from boruta_farm.dryad.tools.console.keeping import ConsoleKeeper
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.testing.ports import some_ports

Result = TypeVar("Result")

USUAL_PORT = 8487
USUAL_DOOR = 8022
ANY_PORT = 0
"""Lets the system choose."""
STARTS_WITHIN = 60.0
"""Seconds: a slow laptop needs a few for three key pairs."""
ENDS_WITHIN = 15.0
SERVING = b"serving on "
WARNS = re.compile(rb" (WARNING|ERROR|CRITICAL) ")
NO_DAEMONS: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFarm:
    """Carry a running demo farm: where it is, and its boards, all IDLE."""

    url: str
    folder: Path
    farm: Farm
    workers: tuple[Worker, ...]
    ssh: str | None = None
    """How plain ssh gets a board, where the farm has a front door."""


@asynccontextmanager
async def demo_farm(
    say: Callable[[str], None],
    boards: Sequence[DemoBoard] = SANDBOXES,
    daemons: Mapping[str, Sequence[str]] = NO_DAEMONS,
    *,
    door: bool = False,
    port: int | None = None,
) -> AsyncIterator[DemoFarm]:
    """Run a farm for the block and leave nothing behind. Raises BorutaError in words.

    With ``door`` plain ssh gets in, too. The server has this ``port`` and no other, else the usual
    one or one that is free.

    ``daemons`` are commands, by name, that the boards need and that stay in the foreground.
    """
    wanted, port = port, free_port(port or USUAL_PORT)
    if wanted not in (None, port):
        raise BorutaError(f"port {wanted} is taken; name another, or none: then a free one is used")
    if wanted is None and port != USUAL_PORT:
        say(f"port {USUAL_PORT} is taken, the demo's server uses {port}")
    folder = Path(tempfile.mkdtemp(prefix="boruta-demo-"))
    processes = DemoProcesses(folder)
    try:
        opened = {"ssh_addr": f"127.0.0.1:{free_port(USUAL_DOOR)}"} if door else {}
        try:
            await processes.start_server(port, **opened)
        except BorutaError:
            if wanted is not None or free_port(port) == port:
                raise
            # Another program has taken it since it was looked at.
            await processes.end()
            processes, port = DemoProcesses(folder), free_port(ANY_PORT)
            await processes.start_server(port, **opened)
        url = f"http://127.0.0.1:{port}"
        for name, command in daemons.items():
            await processes.start(name, command)
        for board in boards:
            await processes.start_agent(board, url)
        async with connect(ClientConfig(server=url)) as farm:
            idle = make_idle(farm, len(boards))
            workers = await processes.unless_failed(idle, "the boards to be IDLE")
            ssh = await plain_ssh(farm, folder) if door else None
            yield DemoFarm(url=url, folder=folder, farm=farm, workers=workers, ssh=ssh)
    finally:
        await processes.end()
        shutil.rmtree(folder)


class DemoProcesses:
    """Start the farm's processes in sessions of their own, and end them by their ids."""

    def __init__(self, folder: Path, hear: Callable[[str], None] | None = None) -> None:
        """Keep everything in a folder; ``hear`` gets what the server prints, line by line."""
        self._folder = folder
        self._hear = hear
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._readers: list[asyncio.Task[None]] = []
        self._said: dict[str, asyncio.Event] = {}
        self._warning = "none"
        self._failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def start_server(self, port: int, **settings: str) -> None:
        """Start the server and wait until it serves. Raises BorutaError with its last words.

        ``settings`` are further settings of the server, over the demo's own.
        """
        environment = {
            "BORUTA_API_ADDR": f"127.0.0.1:{port}",
            "BORUTA_DATA": str(self._folder / "server"),
            "BORUTA_KEEP_RELAY": "false",
            "BORUTA_KEYS_READY": "8",
            "BORUTA_TUNNEL_PORTS": "-".join(map(str, some_ports())),
            **{f"BORUTA_{name.upper()}": value for name, value in settings.items()},
        }
        command = (sys.executable, "-m", "boruta_farm.cli", "serve")
        serving = await self.start("server", command, environment)
        await self.unless_failed(serving.wait(), "the server to serve")

    async def start_agent(self, board: DemoBoard, url: str, known_as: str | None = None) -> None:
        """Write an agent's configuration and start it; ``known_as`` is its UUID, else a new one."""
        folder = self._folder / board.name
        folder.mkdir()
        path = folder / "dryad.conf"
        path.touch(0o600)
        path.write_text(board.configuration(url, folder, known_as or str(uuid.uuid4())))
        await self.start(
            board.name, (sys.executable, "-m", "boruta_farm.dryad", "--conf", str(path))
        )

    def pop_server(self) -> asyncio.subprocess.Process:
        """Return the server's process, which is the caller's to end from now on."""
        return self._running.pop("server")

    async def stop(self, name: str) -> None:
        """End one process, and forget the folder it kept."""
        await _end(self._running.pop(name))
        shutil.rmtree(self._folder / name)

    async def more_said(self, name: str) -> None:
        """Wait until a process has said something more."""
        await self._said.setdefault(name, asyncio.Event()).wait()
        self._said[name].clear()

    async def end(self) -> None:
        """End agents first, so that they clean up, then the server with its relay.

        An agent that ends during a job leaves its consoles' keeper to the next one: none comes.
        """
        server = self._running.pop("server", None)
        await asyncio.gather(*(_end(process) for process in self._running.values()))
        for kept in self._folder.glob(f"*/{CONSOLES}"):
            await ConsoleKeeper(kept, {}, lambda _name, _connection: None).end_left()
        if server is not None:
            await _end(server)
        await asyncio.gather(*self._readers)

    async def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> asyncio.Event:
        """Start a process whose words go to ``NAME.log``; return what is set when it serves."""
        hear = self._hear if name == "server" else None
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL if hear is None else asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        self._running[name] = process
        serving = asyncio.Event()
        self._readers.append(asyncio.create_task(self._keep_log(name, process, serving)))
        if hear is not None:
            self._readers.append(asyncio.create_task(_listen(process, hear)))
        return serving

    async def _keep_log(
        self, name: str, process: asyncio.subprocess.Process, serving: asyncio.Event
    ) -> None:
        """Keep a process's words in a file, behind those of the one before it.

        One that ends on its own fails the farm.
        """
        assert process.stderr is not None
        last = b""
        with (self._folder / f"{name}.log").open("ab") as log:
            async for line in process.stderr:
                log.write(line)
                log.flush()
                last = line
                if name == "server" and WARNS.search(line):
                    self._warning = line.decode(errors="replace").strip()
                self._said.setdefault(name, asyncio.Event()).set()
                if SERVING in line:
                    serving.set()
        status = await process.wait()
        if name in self._running and not self._failed.done():
            words = last.decode(errors="replace").strip()
            self._failed.set_result(f"{name} ended with status {status}: {words}")

    async def unless_failed(self, work: Coroutine[None, None, Result], what: str) -> Result:
        """Return what the work returns. Raises BorutaError when a process fails before, or late."""
        task = asyncio.create_task(work)
        self._failed.add_done_callback(lambda _: task.cancel())
        try:
            async with asyncio.timeout(STARTS_WITHIN):
                return await task
        except TimeoutError:
            words = f"waited {STARTS_WITHIN:g} s in vain for {what}"
            raise BorutaError(f"{words}; the server's last warning: {self._warning}") from None
        except asyncio.CancelledError:
            if not self._failed.done():
                raise
            raise BorutaError(self._failed.result()) from None


async def _listen(process: asyncio.subprocess.Process, hear: Callable[[str], None]) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        hear(line.decode(errors="replace").strip())


async def make_idle(farm: Farm, count: int) -> tuple[Worker, ...]:
    """Set every board IDLE as it registers, and wait until all are."""
    async with farm.watch() as happenings:
        async for happening in happenings:
            if isinstance(happening, Lost):
                continue
            workers = (await farm.workers.list_workers(farm.caller)).items
            for worker in workers:
                if worker.state is WorkerState.MAINTENANCE:
                    await farm.workers.set_state(farm.caller, worker.uuid, WorkerState.IDLE)
                elif worker.state is WorkerState.FAILED:
                    raise BorutaError(f"{worker.name} failed: {worker.reason}")
            idle = [worker for worker in workers if worker.state is WorkerState.IDLE]
            if len(idle) == count:
                return tuple(sorted(idle, key=lambda worker: worker.name))
    raise BorutaError("the server ended its events")


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(ENDS_WITHIN):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def free_port(usual: int = USUAL_PORT) -> int:
    """Return the usual port, or one that the system says is free."""
    for port in (usual, ANY_PORT):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            chosen: int = probe.getsockname()[1]
            return chosen
    raise BorutaError("no TCP port is free on 127.0.0.1")

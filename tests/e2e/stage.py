"""A real farm for the tests: real processes, real OpenSSH, killed at will."""

import asyncio
import os
import select
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.openssh import Files, command_line, find_ssh, session_files
from boruta_farm.client.session import file_request, wait_for_board
from boruta_farm.client.way import DIRECT, BoardWay
from boruta_farm.demo.boards import DemoBoard
from boruta_farm.demo.farm import DemoProcesses
from boruta_farm.model.request import NewRequest, Request
from boruta_farm.model.worker import AccessInfo, Worker, WorkerState
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
WITHIN = 60.0
NETWORK_TOOLS = ("ip", "unshare", "nsenter", "setsid")
CAPS = {"board": "test"}

needs_ssh = pytest.mark.skipif(
    shutil.which("ssh") is None, reason="OpenSSH's client is not installed (openssh-client)"
)


class Yard(DemoProcesses):
    """Processes that can be killed and started again."""

    def __init__(self, folder: Path, port: int, settings: dict[str, str]) -> None:
        super().__init__(folder)
        self.port = port
        self._settings = settings
        self.url = f"http://127.0.0.1:{port}"
        self.data = folder / "server"
        self.program: tuple[str, ...] = ("boruta_farm.cli",)
        """The module, and what stands before its verb, that is started as the server."""

    async def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> asyncio.Event:
        """Start a process; as the server, the module that was chosen."""
        if name == "server":
            command = (sys.executable, "-m", *self.program, command[-1])
        return await super().start(name, command, environment)

    async def kill(self, name: str) -> None:
        """End a process as a crash does."""
        process = self._running.pop(name)
        process.kill()
        await process.wait()

    def pid(self, name: str) -> int:
        """Return a process's id."""
        return self._running[name].pid

    def signal(self, name: str, number: int) -> None:
        """Send a process a signal."""
        self._running[name].send_signal(number)

    async def begin(self) -> None:
        """Start the server, or start it again on the same data and port."""
        await self.start_server(self.port, **self._settings)

    async def restart_agent(self, name: str) -> None:
        """Start an agent with the configuration it had."""
        path = self._folder / name / "dryad.conf"
        await self.start(name, (sys.executable, "-m", "boruta_farm.dryad", "--conf", str(path)))


class Stage:
    """One farm with one idle board."""

    def __init__(self, yard: Yard, farm: Farm) -> None:
        self.yard = yard
        self.farm = farm

    async def worker(self) -> Worker:
        """Return the board's record."""
        return (await self.farm.workers.list_workers(self.farm.caller)).items[0]

    async def until(self, state: WorkerState, *, above: int = -1) -> Worker:
        """Return the board once it is in a state, in an epoch above the given one."""
        async with asyncio.timeout(WITHIN), self.farm.watch() as happenings:
            async for _ in happenings:
                workers = (await self.farm.workers.list_workers(self.farm.caller)).items
                if workers and workers[0].state is state and workers[0].epoch > above:
                    return workers[0]
        raise AssertionError("the events ended")

    async def lend(self, **values: str) -> tuple[Request, AccessInfo]:
        """File a request and return it running, with its access."""
        new = NewRequest(caps=CAPS, priority=8, ssh_key=values.get("ssh_key"))
        request_id = (await file_request(self.farm, new)).id
        async with asyncio.timeout(WITHIN):
            request = await wait_for_board(self.farm, request_id)
        return request, await self.farm.requests.acquire_worker(self.farm.caller, request_id)

    async def close(self, request: Request) -> None:
        """Close a request."""
        await self.farm.requests.close_request(self.farm.caller, request.id)


@asynccontextmanager
async def stage(
    folder: Path, agent: Mapping[str, str] | DemoBoard | None = None, /, **settings: str
) -> AsyncIterator[Stage]:
    """Run a farm with one board for the block; ``agent`` are its settings, or the board itself."""
    yard = Yard(folder, free_port(), settings)
    try:
        await yard.begin()
        board = agent
        if not isinstance(board, DemoBoard):
            board = DemoBoard(name="test", caps=CAPS, driver="sandbox", settings=board or {})
        await yard.start_agent(board, yard.url)
        async with connect(ClientConfig(server=yard.url)) as farm:
            one = Stage(yard, farm)
            await one.until(WorkerState.MAINTENANCE)
            await farm.workers.set_state(farm.caller, board.name, WorkerState.IDLE)
            await one.until(WorkerState.IDLE)
            yield one
    finally:
        await yard.end()
    await gone(folder)


async def gone(folder: Path) -> None:
    """Wait until no process names the folder: what lost its parent needs a moment to end."""
    for pid, line in leftovers(folder).items():
        try:
            ended = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            ready, _, _ = await asyncio.to_thread(select.select, [ended], [], [], WITHIN)
        finally:
            os.close(ended)
        assert ready, f"left behind: {line}"


def leftovers(folder: Path) -> dict[int, str]:
    """Return the processes whose command line names the folder, by their ids."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(folder) in line:
                found[int(entry.name)] = line
    return found


def demo_folders(folder: Path) -> list[Path]:
    """Return what demos have left in a folder for temporary files."""
    return list(folder.glob("boruta-demo-*"))


async def run_demo(folder: Path, *options: str) -> str:
    """Return what `boruta demo --once` prints; it must succeed and leave nothing behind."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "boruta_farm.cli", "demo", "--once", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    async with asyncio.timeout(180):
        output, _ = await process.communicate()
    text = output.decode()
    assert process.returncode == 0, text
    await gone(folder)
    assert not demo_folders(folder)
    return text


class Talk:
    """An SSH session that echoes what it is told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def says(self, word: str) -> str:
        """Return what comes back for a word."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n".encode())
        await self.process.stdin.drain()
        async with asyncio.timeout(WITHIN):
            return (await self.process.stdout.readline()).decode().strip()

    async def ended(self) -> int:
        """Return ssh's exit status once it has ended."""
        async with asyncio.timeout(WITHIN):
            return await self.process.wait()


@asynccontextmanager
async def talking(access: AccessInfo, identity: Path | None = None) -> AsyncIterator[Talk]:
    """Hold one SSH session open for the block."""
    with session_files(access, None) as files:
        used = Files(identity=identity or files.identity, known_hosts=files.known_hosts)
        process = await asyncio.create_subprocess_exec(
            *command_line(find_ssh(), access, used, ("cat",), ("-o", "BatchMode=yes")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None,
        )
        try:
            yield Talk(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def ssh(access: AccessInfo, *command: str, way: BoardWay = DIRECT) -> tuple[int, str]:
    """Run one command on the board."""
    options = ["-o", "BatchMode=yes"]
    if access.host_key is None:
        # Ports are used again by other tests' boards, which the user's own file may remember.
        options += ["-o", "UserKnownHostsFile=/dev/null"]
    with session_files(access, None, way) as files:
        process = await asyncio.create_subprocess_exec(
            *command_line(find_ssh(), access, files, command, options),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **files.environment},
        )
        async with asyncio.timeout(WITHIN):
            output, _ = await process.communicate()
        return process.returncode or 0, output.decode()


async def in_own_network(module: str, folder: Path, *options: str) -> str:
    """Run a module of these tests in a network namespace of its own; return what it prints.

    Skips the test where that cannot be had, and fails it when the module fails.
    """
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if missing := [tool for tool in NETWORK_TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"not installed: {', '.join(missing)} (iproute2, util-linux)")
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--net", sys.executable, "-m", module, str(folder), *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
    )
    async with asyncio.timeout(300):
        output, _ = await process.communicate()
    text = output.decode()
    if "Operation not permitted" in text:
        pytest.skip("this machine makes no network namespaces")
    assert process.returncode == 0, text
    assert not leftovers(folder)
    return text

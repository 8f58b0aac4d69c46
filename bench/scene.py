"""A whole farm under load: server, relay and front door, agents in processes, tunnels held open."""

import asyncio
import contextlib
import http.client
import json
import socket
import sys
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bench.copies import grown
from bench.fill import READY, busy, fill
from bench.generator import Sample
from bench.lab import VERSION, Lab, Serving, matches
from bench.machine import descriptors, proportional, serving_from
from bench.processes import StartError, answers, fetch, free_port, running, wait_until
from bench.server import AGENTS
from boruta_farm.model.request import RequestState

Answer = TypeVar("Answer")

FILED = 10_000
"""Requests that are filed one by one; more that wait are copies of them."""

FLEET = 1250
"""Agents of one process."""

PIECE = b"are you there?\n"
ANSWERED_WITHIN = 30.0
START_WITHIN = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Say how much is going on at once."""

    agents: int
    tunnels: int
    queued: int
    closed: int = 0
    history: int = 0
    """Finished requests that are kept at most; 0 leaves the farm's own setting."""


@dataclass(frozen=True, slots=True)
class Household:
    """Carry what server, relay and door take together."""

    memory: int
    descriptors: int
    processes: int

    @classmethod
    def of(cls, data: Path) -> "Household":
        """Look at the processes of a data folder."""
        pids = serving_from(data)
        return cls(
            memory=sum(map(proportional, pids)),
            descriptors=sum(map(descriptors, pids)),
            processes=len(pids),
        )


class Tunnels:
    """Stand for boards' SSH servers, which say again what they hear, and for who talks to them.

    All on a loop in a thread of its own. A connection is held open until ``close``.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tunnels")
        self._thread.start()
        self._open: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._listening = self._run(self._listen())
        self.port: int = self._listening.sockets[0].getsockname()[1]

    def open(self, host: str, port: int) -> None:
        """Open one more tunnel, through which a word came back. Raises OSError."""
        self._run(self._connect(host, port))

    def alive(self) -> int:
        """Return through how many of the tunnels a word still comes back."""
        return self._run(self._count())

    def close(self) -> None:
        """Close all."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[object, object, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(_say_again, "127.0.0.1", 0, backlog=1024)

    async def _connect(self, host: str, port: int) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        if not await _speaks(reader, writer):
            raise OSError(f"nobody answers through the tunnel at port {port}")
        self._open.append((reader, writer))

    async def _count(self) -> int:
        return sum(await asyncio.gather(*(_speaks(*each) for each in self._open)))

    async def _end(self) -> None:
        for _, writer in self._open:
            writer.transport.abort()
        self._listening.close()
        # The other ends, which hear of it now.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)


async def _say_again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


async def _speaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    try:
        writer.write(PIECE)
        async with asyncio.timeout(ANSWERED_WITHIN):
            return await reader.readexactly(len(PIECE)) == PIECE
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


class Caller:
    """Make calls one after the other on one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Return what the JSON answer says, None for an empty one. Raises StartError."""
        text = None if body is None else json.dumps(body)
        try:
            self._connection.request(
                method, f"/api/v1/{path}", text, {"Content-Type": "application/json"}
            )
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise StartError(f"{method} {path}: {error!r}") from error
        if answer.status >= http.client.BAD_REQUEST:
            raise StartError(f"{method} {path}: status {answer.status}: {content[:200]!r}")
        return json.loads(content) if content else None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Scene:
    """Hold what is running."""

    data: Path
    server: Serving
    tunnels: Tunnels
    requests: Sequence[int]
    """The requests whose boards the tunnels lead to."""


@contextmanager
def scene(lab: Lab, crowd: Crowd) -> Iterator[Scene]:
    """Run a farm with its agents, and open the tunnels."""
    with ExitStack() as stack:
        tunnels = Tunnels()
        stack.callback(tunnels.close)
        data = prepared(lab, crowd, tunnels.port)
        server = stack.enter_context(serving(data, free_port(), free_port(), crowd.history))
        wait_until(
            "matching",
            lambda: not crowd.queued or matches(server.port),
            START_WITHIN,
            server.log,
        )
        stack.enter_context(fleet(server, crowd.agents, tunnels.port))
        wait_for_agents(server, crowd.agents)
        yield Scene(data, server, tunnels, lend(server, tunnels, crowd.tunnels))


def prepared(lab: Lab, crowd: Crowd, ssh_port: int = 22) -> Path:
    """Return a new data folder."""
    data = lab.folder / f"scene-{time.monotonic_ns()}"
    data.mkdir(mode=0o700)
    asyncio.run(
        fill(
            data,
            ready=crowd.agents,
            waiting=min(crowd.queued, FILED),
            closed=crowd.closed,
            ssh_port=ssh_port,
        )
    )
    if crowd.queued > FILED:
        grown(data, crowd.queued + crowd.closed, RequestState.WAITING)
    return data


def tunnel_address(port: int) -> str:
    """Return the loopback address of a server's own, whatever else on this machine has tunnels."""
    return f"127.1.{port >> 8}.{port & 255}"


@contextmanager
def serving(data: Path, port: int, door: int | None = None, history: int = 0) -> Iterator[Serving]:
    """Run server, relay and, where it has a port, the front door."""
    log = data.with_suffix(".log")
    command = [sys.executable, "-m", "bench.server", "--data", str(data), "--port", str(port)]
    command += ["--history", str(history), "--tunnels", tunnel_address(port)]
    if door is not None:
        command += ["--door-port", str(door)]
    with running(command, log) as pid:
        wait_until("an answer", lambda: answers(port, VERSION), START_WITHIN, log)
        if door is not None:
            wait_until("the front door", lambda: _listens(door), START_WITHIN, log)
        yield Serving(port=port, pid=pid, log=log, rpc_port=0)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return bool(connection.recv(4))
    except OSError:
        return False


@contextmanager
def fleet(server: Serving, agents: int, ssh_port: int = 22) -> Iterator[None]:
    """Run agents, some processes full of them."""
    with ExitStack() as stack:
        for first in range(0, agents, FLEET):
            count = min(FLEET, agents - first)
            command = [sys.executable, "-m", "bench.fleet"]
            command += ["--server", f"http://127.0.0.1:{server.port}", "--first", str(first)]
            command += ["--ready", str(count), "--ssh-port", str(ssh_port)]
            stack.enter_context(running(command, server.log))
        yield


def wait_for_agents(server: Serving, count: int) -> None:
    """Wait until so many agents are connected. Raises StartError."""
    wait_until(
        f"{count} agents connected",
        lambda: _connected(server) == count,
        START_WITHIN * 3,
        server.log,
    )


def _connected(server: Serving) -> object:
    """Return how many agents are connected, None from a server that has no time to tell."""
    try:
        return fetch(server.port, AGENTS)
    except OSError:
        return None


def lend(server: Serving, tunnels: Tunnels, count: int) -> list[int]:
    """File requests for boards, wait for them, and open a tunnel to each. Raises StartError."""
    caller = Caller(server.port)
    try:
        new = {"Caps": READY, "Priority": 1}
        filed = [int(caller.call("POST", "reqs/", new)["ReqID"]) for _ in range(count)]
        for number in filed:
            wait_until(
                f"request {number} in progress",
                partial(_runs, caller, number),
                START_WITHIN,
                server.log,
            )
            access = caller.call("POST", f"reqs/{number}/acquire_worker")
            tunnels.open(tunnel_address(server.port), int(access["Addr"]["Port"]))
    finally:
        caller.close()
    return filed


def _runs(caller: Caller, number: int) -> bool:
    return bool(caller.call("GET", f"reqs/{number}")["State"] == "IN PROGRESS")


def calls(queued: int) -> list[Sample]:
    """Return what people and CI ask for: mostly to look, now and then to file."""
    found = []
    for number in range(200):
        match number % 10:
            case 0 | 1:
                body: object = {"Caps": busy(number), "Priority": 1 + number % 16}
                found.append(Sample(method="POST", path="/api/v1/reqs/", body=body))
            case 2:
                where = {"Filter": {"States": ["WAITING"]}, "Paginator": {"Limit": 50}}
                found.append(Sample(method="POST", path="/api/v1/reqs/list", body=where))
            case 3:
                where = {"Filter": {"States": ["IDLE"]}, "Paginator": {"Limit": 50}}
                found.append(Sample(method="POST", path="/api/v1/workers/list", body=where))
            case 4 if queued:
                path = f"/api/v1/reqs/{1 + number * 97 % queued}/explain"
                found.append(Sample(method="GET", path=path))
            case _:
                path = f"/api/v1/reqs/{1 + number * 97 % max(queued, 1)}"
                found.append(Sample(method="GET", path=path if queued else VERSION))
    return found

"""What plain ssh costs through the front door: ``./run bench door``.

Server, door, relay and sandboxes are real processes on loopback; the first byte is measured with
the system's ssh, the rest with clients in this process, whose own work is not the door's.
"""

import asyncio
import os
import shutil
import socket
import statistics
import struct
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import asyncssh

from bench.lab import Lab, SkippedError
from bench.processes import StartError
from bench.table import Row
from bench.tunnel import processor_seconds
from boruta_farm.access import rendezvous
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.demo.boards import SANDBOXES
from boruta_farm.demo.farm import DemoProcesses, make_idle
from boruta_farm.model.events import Event
from boruta_farm.model.front_door import DOOR
from boruta_farm.model.listing import RequestFilter
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import WorkerState

FIRST_BYTE_AIM: Final = 700.0
OURS_AIM: Final = 150.0
THROUGHPUT_AIM: Final = 90.0
MEMORY_AIM: Final = 1.0
SHOWN_AIM: Final = 100.0
TURNS: Final = 10
BULK: Final = 256 << 20
SESSIONS: Final = 200
TYPING: Final = 5.0
"""Seconds for which 200 people type, each a key twice a second."""
PAUSE: Final = 0.5
BOARDS: Final = tuple(SANDBOXES[0].renamed(name) for name in ("one", "two", "three"))
"""A sandbox takes 100 connections."""
KEYS: Final = tuple(asyncssh.generate_private_key("ssh-ed25519") for _ in BOARDS)
WITHIN: Final = 120.0


def door(_lab: Lab) -> list[Row]:
    """Measure all of it."""
    if shutil.which("ssh") is None:
        raise SkippedError("OpenSSH's client is not installed")
    with tempfile.TemporaryDirectory(prefix="boruta-bench-") as folder:
        return asyncio.run(_measured(Path(folder)))


async def _measured(folder: Path) -> list[Row]:
    async with _Street.open(folder) as street:
        return [
            *await street.first_byte(),
            await street.shown(),
            await street.throughput(),
            *await street.sessions(),
        ]


class _Street:
    """A farm with a door, and people in front of it."""

    def __init__(self, folder: Path, farm: Farm) -> None:
        self._folder = folder
        self._farm = farm
        self._port = 0
        self._pid = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["_Street"]:
        """Run it for the block."""
        processes = DemoProcesses(folder)
        api, port = _free_port(), _free_port()
        url = f"http://127.0.0.1:{api}"
        try:
            await processes.start_server(
                api, ssh_addr=f"127.0.0.1:{port}", ssh_linger="200ms", calls_per_source="100000"
            )
            for board in BOARDS:
                await processes.start_agent(board, url)
            async with connect(ClientConfig(server=url)) as farm:
                await processes.unless_failed(make_idle(farm, len(BOARDS)), "idle boards")
                street = cls(folder, farm)
                street._port = port
                street._pid = await _pid_of_door(folder / "server")
                yield street
        finally:
            await processes.end()

    async def first_byte(self) -> list[Row]:
        """Time the system's ssh from its start on, and what of it passes at the door."""
        key = self._folder / "key"
        key.write_bytes(KEYS[0].export_private_key())
        key.chmod(0o600)
        config = self._folder / "config"
        config.write_text(
            f"Host *\n    IdentityFile {key}\n    IdentitiesOnly yes\n    BatchMode yes\n"
            "    StrictHostKeyChecking no\n    UserKnownHostsFile /dev/null\n    LogLevel ERROR\n"
        )
        jump = ("ssh", "-F", str(config), "-J", f"127.0.0.1:{self._port}", "boruta-user@rpi4")
        whole, ours = [], []
        for _ in range(TURNS):
            began = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                *jump, "echo", "here", stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout is not None
            async with asyncio.timeout(WITHIN):
                assert await process.stdout.readexactly(1) == b"h"
                whole.append(time.monotonic() - began)
                await process.communicate()
            await self._all_idle()
            async with await self._come(0) as connection:
                began = time.monotonic()
                await _board(connection)
                ours.append(time.monotonic() - began)
            await self._all_idle()
        return [
            _times(
                "`ssh -J` to a free sandbox, until the first byte of its command",
                whole,
                FIRST_BYTE_AIM,
            ),
            _times("  of which ours: from the wish to the board's greeting", ours, OURS_AIM),
        ]

    async def shown(self) -> Row:
        """Time a grant from its event on until the one who waits is on the board."""
        delays = []
        for _ in range(TURNS):
            async with AsyncExitStack() as stack:
                holders = [await stack.enter_async_context(await self._come(n)) for n in range(3)]
                for holder in holders:
                    await _board(holder)
                waiting_key = asyncssh.generate_private_key("ssh-ed25519")
                waiter = await stack.enter_async_context(await self._come(waiting_key))
                waiting = asyncio.create_task(_board(waiter))
                number = await self._waiting_one()
                begun = asyncio.Event()
                watching = asyncio.create_task(self._granted(number, begun))
                await begun.wait()
                holders[0].close()
                async with asyncio.timeout(WITHIN):
                    await waiting
                    there = time.monotonic()
                    delays.append(max(there - await watching, 0.0))
            await self._all_idle()
        return _times(
            "a grant, from its event until the one who waits is on the board", delays, SHOWN_AIM
        )

    async def throughput(self) -> Row:
        """Carry bulk from a board to one client, and see what the door's processor does."""
        async with await self._come(0) as connection:
            board = await self._on_board(connection)
            process = await board.create_process(f"head -c {BULK} /dev/zero", encoding=None)
            before, began, count = processor_seconds(self._pid), time.monotonic(), 0
            while data := await process.stdout.read(1 << 20):
                count += len(data)
            took = time.monotonic() - began
            used = processor_seconds(self._pid) - before
            board.close()
        assert count == BULK
        await self._all_idle()
        rate = BULK / 1e6 / used
        return Row(
            name="through the door, per second of its processor",
            value=f"{rate:.0f} MB ({BULK / 1e6 / took:.0f} MB/s with client and sandbox beside it)",
            aim=f">= {THROUGHPUT_AIM:g} MB/s on one core",
            met=rate >= THROUGHPUT_AIM,
        )

    async def sessions(self) -> list[Row]:
        """Have 200 people on boards at once, who first do nothing and then type."""
        async with AsyncExitStack() as stack:
            memory, began = _memory(self._pid), processor_seconds(self._pid)
            processes = []
            for number in range(SESSIONS):
                connection = await stack.enter_async_context(await self._come(number % len(KEYS)))
                board = await stack.enter_async_context(await self._on_board(connection))
                processes.append(await board.create_process("cat", encoding=None))
            opening = (processor_seconds(self._pid) - began) / SESSIONS
            each = (_memory(self._pid) - memory) / SESSIONS / (1 << 20)
            idle = await self._share(asyncio.sleep(TYPING))
            delays: list[float] = []
            busy = await self._share(asyncio.gather(*[_type(one, delays) for one in processes]))
        return [
            Row(
                name=f"{SESSIONS} sessions at once: memory of the door for each",
                value=f"{each * 1024:.0f} KiB; {opening * 1e3:.0f} ms of processor to open one",
                aim=f"<= {MEMORY_AIM:g} MB",
                met=each <= MEMORY_AIM,
            ),
            Row(
                name="  the door's share of a core while each types two keys a second",
                value=f"{busy:.0%}, {idle:.1%} while nobody does; "
                f"an echo p50 {statistics.median(delays) * 1e3:.0f} ms",
                aim="<= 1 core",
                met=busy <= 1.0,
            ),
        ]

    async def _share(self, work: Awaitable[object]) -> float:
        before, began = processor_seconds(self._pid), time.monotonic()
        await work
        return (processor_seconds(self._pid) - before) / (time.monotonic() - began)

    async def _come(self, who: int | asyncssh.SSHKey) -> asyncssh.SSHClientConnection:
        return await asyncssh.connect(
            "127.0.0.1",
            self._port,
            username="me",
            client_keys=[KEYS[who] if isinstance(who, int) else who],
            known_hosts=None,
            agent_path=None,
            config=None,
        )

    async def _on_board(
        self, connection: asyncssh.SSHClientConnection
    ) -> asyncssh.SSHClientConnection:
        return await asyncssh.connect(
            "rpi4",
            22,
            tunnel=connection,
            username="boruta-user",
            client_keys=list(KEYS),
            known_hosts=None,
            agent_path=None,
            config=None,
        )

    async def _all_idle(self) -> None:
        """Wait until every board was given back and made ready anew."""
        async with asyncio.timeout(WITHIN), self._farm.watch() as happenings:
            async for _ in happenings:
                workers = (await self._farm.workers.list_workers(self._farm.caller)).items
                if all(worker.state is WorkerState.IDLE for worker in workers):
                    return

    async def _waiting_one(self) -> int:
        """Return the only request that waits, once there is one."""
        waiting = RequestFilter(states=(RequestState.WAITING,))
        async with asyncio.timeout(WITHIN), self._farm.watch() as happenings:
            async for _ in happenings:
                page = await self._farm.requests.list_requests(self._farm.caller, waiting)
                if page.items:
                    return page.items[0].id
        raise StartError("the events ended")

    async def _granted(self, number: int, begun: asyncio.Event) -> float:
        """Return when the event of a request's grant came."""
        async with self._farm.watch(request_id=number) as happenings:
            async for happening in happenings:
                at = time.monotonic()
                begun.set()
                if isinstance(happening, Event) and happening.state == RequestState.IN_PROGRESS:
                    return at
        raise StartError("the events ended")


async def _board(connection: asyncssh.SSHClientConnection) -> None:
    """Open a way to a board, and read its greeting."""
    reader, _ = await connection.open_connection("rpi4", 22, encoding=None)
    assert (await reader.readexactly(4)) == b"SSH-"


async def _type(process: "asyncssh.SSHClientProcess[bytes]", delays: list[float]) -> None:
    end = time.monotonic() + TYPING
    while (began := time.monotonic()) < end:
        process.stdin.write(b"k")
        assert await process.stdout.readexactly(1) == b"k"
        delays.append(time.monotonic() - began)
        await asyncio.sleep(PAUSE)


def _times(name: str, taken: list[float], aim: float) -> Row:
    middle = statistics.median(taken) * 1e3
    return Row(
        name=name,
        value=f"p50 {middle:.0f} ms, least {min(taken) * 1e3:.0f}, most {max(taken) * 1e3:.0f} "
        f"({len(taken)} times)",
        aim=f"<= {aim:g} ms",
        met=middle <= aim,
    )


def _memory(pid: int) -> int:
    """Return the bytes of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def _pid_of_door(data: Path) -> int:
    """Return who listens at the door's own socket, which the server has started by now."""
    async with asyncio.timeout(WITHIN):
        while True:
            try:
                with rendezvous.call(data, f"{DOOR}.sock") as caller:
                    told = caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                return int(struct.unpack("iii", told)[0])
            except OSError:
                await asyncio.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])

"""Crash a farm's parts under load, again and again; run inside a network namespace.

``python -m tests.faults.crashes FOLDER --rounds N --seed S [--pauses]``. Two servers with their
relays and front doors, PostgreSQL and three boards lend and take back all the while. Every round
one of them is killed with SIGKILL at a random moment (or stopped for longer than any lease, with
``--pauses``) and, where nothing else does it, started again. Nobody mends anything by hand.
"""

import argparse
import asyncio
import os
import random
import resource
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

from boruta_farm.access.link import stop_relay
from boruta_farm.client.session import wait_for_board
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.request import NewRequest
from boruta_farm.model.worker import WorkerState
from boruta_farm.server.front_door import stop_doors
from tests.e2e.site import HOSTS, Site, site
from tests.e2e.stage import CAPS, WITHIN, Talk, leftovers, talking
from tests.faults.borrowing import Book, borrowing, check
from tests.faults.history import faults, read_log
from tests.namespaces import run
from tests.ports import free_port
from tests.store.postgres_server import (
    Cluster,
    PostgresServer,
    children_of,
    new_folder,
    unprivileged,
)

BOARDS = ("one", "two", "three")
PEOPLE = 3
SERVES_WITHIN = 150.0
"""Seconds within which boards are lent again after a crash."""

JOB = 15.0
PAUSED = 8.0
"""Longer than the lead, a batch under way, and any greeting live on without a word."""

SPARE = 4
"""Descriptors that a server has left when it is short of them."""

STRANGERS = 60

RELAY, DOOR = "boruta_farm.access.relay", "boruta_farm.frontdoor.process"


class Crashes:
    """Crash one part of a running farm at a time."""

    def __init__(self, farm: Site, cluster: Cluster, doors: list[int], book: Book) -> None:
        self._farm = farm
        self._cluster = cluster
        self._doors = doors
        self._book = book
        self.kills: dict[str, Callable[[], Awaitable[None]]] = {"database": self._kill_database}
        self.pauses: dict[str, Callable[[], Awaitable[None]]] = {
            "database": lambda: self._pause(self._database(), PAUSED)
        }
        for place in range(len(farm.replicas)):
            self._victims_of(place)
        for name, yard in farm.boards.items():
            self.kills[f"agent {name}"] = lambda name=name: self._kill_agent(name)  # type: ignore[misc]
            self.pauses[f"agent {name}"] = lambda yard=yard, name=name: self._pause(  # type: ignore[misc]
                [yard.pid(name)], JOB + 4.0
            )

    def _victims_of(self, place: int) -> None:
        yard = self._farm.replicas[place].yard
        self.kills |= {
            f"server {place}": lambda: self._kill_server(place),
            f"relay {place}": lambda: self._kill_detached(place, RELAY),
            f"front door {place}": lambda: self._kill_detached(place, DOOR),
            f"descriptors of server {place}": lambda: self._use_up(place),
        }
        self.pauses |= {
            f"server {place}": lambda: self._pause([yard.pid("server")], PAUSED),
            f"relay {place}": lambda: self._pause(self._detached(place, RELAY), PAUSED),
            f"front door {place}": lambda: self._pause(self._detached(place, DOOR), PAUSED),
        }

    async def _kill_server(self, place: int) -> None:
        """Kill a server in the middle of a session through its relay, which must not notice."""
        replica = self._farm.replicas[place]
        async with self._held(place) as talk:
            assert await talk.says("before") == "before"
            await replica.yard.kill("server")
            assert await talk.says("without") == "without", "the session was cut with the server"
            await replica.yard.begin()
            assert await talk.says("after") == "after", "the session was cut by the restart"

    @asynccontextmanager
    async def _held(self, place: int) -> AsyncIterator[Talk]:
        """Hold a session through one server's relay for the block."""
        farm = self._farm.replicas[place].farm
        new = NewRequest(caps=CAPS, priority=1)
        number = (await farm.requests.new_request(farm.caller, new)).id
        self._book.note_filed(number)
        async with asyncio.timeout(WITHIN):
            await wait_for_board(farm, number)
        access = await farm.requests.acquire_worker(farm.caller, number)
        async with talking(access) as talk:
            yield talk
        with suppress(BorutaError):
            await farm.requests.close_request(farm.caller, number)
            self._book.closed.add(number)

    async def _kill_agent(self, name: str) -> None:
        yard = self._farm.boards[name]
        await yard.kill(name)
        await yard.restart_agent(name)

    async def _kill_database(self) -> None:
        await asyncio.to_thread(self._cluster.kill)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(self._cluster.start)

    async def _kill_detached(self, place: int, module: str) -> None:
        """Kill what a server keeps beside it; another one comes by itself."""
        before = self._detached(place, module)
        assert before, f"no {module} runs"
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(SERVES_WITHIN):
            while not set(self._detached(place, module)) - set(before):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            if module == DOOR:
                await self._door_opens(place)

    async def _door_opens(self, place: int) -> None:
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection(HOSTS[place], self._doors[place])
                greeting = await reader.readline()
                writer.close()
                if greeting.startswith(b"SSH-2.0-"):
                    return
            await asyncio.sleep(0.1)

    async def _use_up(self, place: int) -> None:
        """Let strangers take all descriptors of a server, and leave."""
        pid = self._farm.replicas[place].yard.pid("server")
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        # A limit is a number that descriptors must lie below, not how many there may be.
        highest = max(await asyncio.to_thread(descriptors, pid))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + SPARE, limits[1]))
        try:
            writers = []
            for _ in range(STRANGERS):
                _, writer = await asyncio.open_connection(
                    HOSTS[place], self._farm.replicas[place].yard.port
                )
                writers.append(writer)
            await asyncio.sleep(2.0)
            for writer in writers:
                writer.close()
            # It answers again while it may open no more than before.
            farm = self._farm.replicas[place].farm
            async with asyncio.timeout(WITHIN):
                while True:
                    with suppress(BorutaError):
                        await farm.workers.list_workers(farm.caller)
                        break
                    await asyncio.sleep(0.2)
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)

    async def _pause(self, pids: Iterable[int], seconds: float) -> None:
        """Stop processes for so long."""
        stopped = list(pids)
        assert stopped, "there is nothing to be stopped"
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            for pid in stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def _database(self) -> list[int]:
        return [self._cluster.pid, *children_of(self._cluster.pid)]

    def _detached(self, place: int, module: str) -> list[int]:
        data = str(self._farm.replicas[place].yard.data)
        return [pid for pid, line in leftovers(Path(data)).items() if module in line]


def inner(folder: Path) -> Path:
    """Make a folder that no command line names but those of the farm's own processes."""
    made = folder / "farm"
    made.mkdir()
    return made


def descriptors(pid: int) -> list[int]:
    """Return the numbers of a process's open files."""
    return [int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()]


async def idle(farm: Site) -> None:
    """Return once every board is IDLE, by the word of every server."""
    for replica in farm.replicas:
        async with asyncio.timeout(SERVES_WITHIN):
            while True:
                with suppress(BorutaError):
                    page = await replica.farm.workers.list_workers(replica.farm.caller)
                    states = [worker.state for worker in page.items]
                    if states == [WorkerState.IDLE] * len(BOARDS):
                        break
                await asyncio.sleep(0.2)


async def main(folder: Path, rounds: int, seed: int, *, pauses: bool) -> None:
    """Go through all rounds, then judge."""
    print(f"seed {seed}", flush=True)
    await run("ip", "link", "set", "lo", "up")
    chance, book = random.Random(seed), Book()
    user = unprivileged()
    with ExitStack() as stack:
        cluster = Cluster(new_folder(user), user)
        stack.callback(shutil.rmtree, cluster.folder)
        stack.callback(cluster.stop)
        cluster.initialise()
        await asyncio.to_thread(cluster.start)
        address = PostgresServer(cluster.folder, user).database()
        settings = {
            "keep_relay": "true",
            "lost_grace": "5s",
            "calls_per_source": "0",
            # Boards that fail so often as here are put aside for good reason.
            "flap_recoveries": "0",
            # Jobs that nobody can close end by their time; a pause shall last longer than a job.
            "job_timeout": f"{JOB:.0f}s" if pauses else "90s",
        }
        async with site(inner(folder), address, **settings) as farm:
            try:
                await crash_on(farm, cluster, book, chance, rounds, pauses=pauses)
            finally:
                for replica in farm.replicas:
                    await replica.yard.end()
                    await stop_doors(replica.yard.data)
                    await stop_relay(replica.yard.data)
    print(f"held through {rounds} rounds", flush=True)


async def crash_on(
    farm: Site, cluster: Cluster, book: Book, chance: random.Random, rounds: int, *, pauses: bool
) -> None:
    """Let people borrow, and crash one part after the other."""
    doors = [free_port() for _ in range(2)]
    for place, port in enumerate(doors):
        await farm.add(ssh_addr=f"{HOSTS[place]}:{port}")
    for name in BOARDS:
        await farm.board(name)
    crashes = Crashes(farm, cluster, doors, book)
    victims = crashes.pauses if pauses else crashes.kills
    order: list[str] = []
    async with borrowing([replica.farm for replica in farm.replicas], book, PEOPLE, chance):
        for number in range(rounds):
            # Each is its turn before any comes again.
            order = order or chance.sample(sorted(victims), len(victims))
            victim = order.pop()
            await asyncio.sleep(chance.uniform(0.0, 1.5))
            begun = time.monotonic()
            try:
                await victims[victim]()
                crashed = time.monotonic()
                await book.lends(2, SERVES_WITHIN)
            except (AssertionError, TimeoutError, BorutaError) as error:
                raise AssertionError(f"round {number}, {victim}: {error!r}") from error
            took, lent = crashed - begun, time.monotonic() - crashed
            print(f"round {number}: {victim}: {took:.1f} s, lends after {lent:.1f} s", flush=True)
    await idle(farm)
    for replica in farm.replicas:
        await check(replica.farm, book)
    held = {}
    for name, known_as in farm.known_as.items():
        with (farm.folder / "boards" / f"{name}.log").open() as log:
            held[known_as] = read_log(known_as, log)
    jobs = sum(map(len, held.values()))
    print(f"{jobs} jobs in the boards' logs, {len(book.used)} answers of their sessions")
    print(f"{len(book.filed)} requests acknowledged, {book.lent} boards used")
    print(f"troubles: {dict(book.troubles)}")
    assert jobs, "the boards were never lent"
    found = faults(held, book.used)
    assert not found, "\n".join(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--pauses", action="store_true")
    options = parser.parse_args()
    asyncio.run(main(options.folder, options.rounds, options.seed, pauses=options.pauses))

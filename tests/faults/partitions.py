"""Cut a farm of several servers to pieces, again and again; run inside a network namespace.

``python -m tests.faults.partitions FOLDER --rounds N --seed S``. Two servers, from the half of the
rounds on three, PostgreSQL and five boards have a machine each. Every round cuts or slows some
links under load, and heals them; whether any board was lent twice is judged by the boards' logs.
"""

import argparse
import asyncio
import random
import shutil
import sys
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from boruta_farm.access.cipher import KEY_FILE
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.demo.boards import DemoBoard
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.worker import WorkerState
from tests.e2e.stage import CAPS, Yard
from tests.faults.borrowing import Book, borrowing, check
from tests.faults.history import faults, read_log
from tests.faults.network import Machine, Network, network
from tests.store.postgres_server import (
    READY,
    Cluster,
    PostgresServer,
    new_folder,
    unprivileged,
)

BOARDS = 5
PEOPLE = 4
PORT = 8487
SETTLES_WITHIN = 150.0
"""Seconds within which all boards are in service again once all links are healed."""

SETTINGS = {
    "tunnel_ports": "23000-23099",
    "allow_anonymous": "true",
    "allow_plaintext": "true",
    "enrolment": "open",
    "job_timeout": "15s",
    "lost_grace": "5s",
    "keys_ready": "4",
    # Boards that fail so often as here are put aside for good reason.
    "flap_recoveries": "0",
    # All people call from one address.
    "calls_per_source": "0",
}


class Housed(Yard):
    """Processes that live on a machine of the network."""

    def __init__(self, folder: Path, machine: Machine, settings: Mapping[str, str]) -> None:
        super().__init__(folder, PORT, dict(settings))
        self.url = f"http://{machine.address}:{PORT}"
        self._machine = machine

    async def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> asyncio.Event:
        """Start a process there."""
        if name == "server":
            command = (sys.executable, "-m", *self.program, command[-1])
        python, flag, *module = command
        entering = [python, flag, "tests.e2e.entering", str(self._machine.holder), *module]
        return await super(Yard, self).start(name, entering, environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Tell what happens to a link for a round: cut, cut there, cut back, or stuttering."""

    one: Machine
    other: Machine
    kind: str

    def __str__(self) -> str:
        return f"{self.one.name}-{self.other.name} {self.kind}"


class Site:
    """Hold the farm: its machines, what runs on them, and how it is reached from here."""

    def __init__(self, folder: Path, net: Network, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.net = net
        self.farms: list[Farm] = []
        self.servers: list[Machine] = []
        self.boards: dict[str, Machine] = {}
        """By UUID."""
        self._stack = stack
        self._database: Machine | None = None
        self._address = ""

    @property
    def database(self) -> Machine:
        """Return the database's machine."""
        assert self._database is not None
        return self._database

    async def begin(self, servers: int) -> None:
        """Start the database, so many servers, and all boards; return when these are IDLE."""
        self._database = machine = await self.net.add("database")
        user = unprivileged()
        cluster = Cluster(
            new_folder(user), user, (f"listen_addresses={machine.address}",), machine.inside
        )
        self._stack.callback(shutil.rmtree, cluster.folder)
        self._stack.callback(cluster.stop)
        cluster.initialise()
        with (cluster.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.77.0.0/24 trust\n")
        await asyncio.to_thread(cluster.start, READY)
        PostgresServer(cluster.folder, user).database()
        self._address = f"postgresql://{user}@{machine.address}/farm_1"
        machines = [await self.net.add(f"server-{place}") for place in range(3)]
        for machine in machines[:servers]:
            await self.serve(machine)
        for number in range(BOARDS):
            await self._board(f"board-{number}", machines)
        await self.settled()

    async def serve(self, machine: Machine) -> None:
        """Start a server on a machine."""
        folder = self.folder / machine.name
        folder.mkdir()
        if self.servers:
            (folder / "server").mkdir(mode=0o700)
            first = self.folder / self.servers[0].name / "server" / KEY_FILE
            shutil.copy2(first, folder / "server")
        yard = Housed(
            folder,
            machine,
            SETTINGS
            | {
                "api_addr": f"{machine.address}:{PORT}",
                "public_address": machine.address,
                "database": self._address,
            },
        )
        self._stack.push_async_callback(yard.end)
        await yard.begin()
        self.servers.append(machine)
        farm = await self._stack.enter_async_context(connect(ClientConfig(server=yard.url)))
        self.farms.append(farm)

    async def _board(self, name: str, servers: Sequence[Machine]) -> None:
        machine = await self.net.add(name)
        urls = [f"http://{each.address}:{PORT}" for each in servers]
        (self.folder / name).mkdir()
        yard = Housed(self.folder / name, machine, {})
        self._stack.push_async_callback(yard.end)
        known_as = str(uuid.uuid4())
        board = DemoBoard(
            name="board",
            caps=CAPS,
            driver="sandbox",
            settings={"name": name, "other_servers": tuple(urls[1:])},
        )
        await yard.start_agent(board, urls[0], known_as)
        self.boards[known_as] = machine

    async def settled(self) -> None:
        """Return once every board is IDLE, by the word of each server."""
        for farm in self.farms:
            async with asyncio.timeout(SETTLES_WITHIN):
                while not await self._idle(farm):  # noqa: ASYNC110
                    # Events are what is on trial here; looking again does not rest on them.
                    await asyncio.sleep(0.3)

    async def _idle(self, farm: Farm) -> bool:
        try:
            workers = (await farm.workers.list_workers(farm.caller)).items
            for worker in workers:
                if worker.state is WorkerState.MAINTENANCE:
                    await farm.workers.set_state(farm.caller, worker.uuid, WorkerState.IDLE)
        except BorutaError:
            return False
        return sum(worker.state is WorkerState.IDLE for worker in workers) == BOARDS

    def links(self) -> list[tuple[Machine, Machine]]:
        """Return the links over which the farm's parts speak."""
        return [
            *((server, self.database) for server in self.servers),
            *((server, board) for server in self.servers for board in self.boards.values()),
        ]

    def judge(self, book: Book) -> list[str]:
        """Return what the boards' own logs and the borrowers' sessions show of double lending."""
        held = {}
        for known_as, machine in self.boards.items():
            with (self.folder / machine.name / "board.log").open() as log:
                held[known_as] = read_log(known_as, log)
        jobs = sum(map(len, held.values()))
        print(f"{jobs} jobs in the boards' logs, {len(book.used)} answers of their sessions")
        assert jobs, "the boards were never lent"
        return faults(held, book.used)


def draw(site: Site, chance: random.Random) -> list[Trouble]:
    """Choose what a round does: to one server altogether, or to some links."""
    kinds = ("cut", "cut there", "cut back", "stuttering")
    if chance.random() < 0.3:
        server = chance.choice(site.servers)
        kind = chance.choice(kinds)
        return [Trouble(one=a, other=b, kind=kind) for a, b in site.links() if a is server]
    links = site.links()
    to_database = [link for link in links if link[1] is site.database]
    chosen = {chance.choice(to_database), *chance.sample(links, 3)}
    return [Trouble(one=a, other=b, kind=chance.choice(kinds)) for a, b in sorted_links(chosen)]


def sorted_links(links: set[tuple[Machine, Machine]]) -> list[tuple[Machine, Machine]]:
    """Return links in an order that does not change from run to run."""
    return sorted(links, key=lambda link: (link[0].number, link[1].number))


async def suffer(net: Network, trouble: Trouble, seconds: float, chance: random.Random) -> None:
    """Have a link suffer for so long."""
    there, back = (trouble.one, trouble.other), (trouble.other, trouble.one)
    cuts = {"cut there": [there], "cut back": [back]}.get(trouble.kind, [there, back])
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        for sender, receiver in cuts:
            await net.cut(sender, receiver)
        if trouble.kind != "stuttering":
            await asyncio.sleep(left)
            return
        await asyncio.sleep(min(left, chance.uniform(0.05, 0.6)))
        for sender, receiver in cuts:
            await net.join(sender, receiver)
        await asyncio.sleep(min(max(0.0, until - time.monotonic()), chance.uniform(0.05, 0.4)))


async def trouble_for(site: Site, book: Book, chance: random.Random, number: int) -> None:
    """Cut, wait, heal, and see that boards are lent again."""
    troubles = draw(site, chance)
    seconds = chance.uniform(2.0, 7.0)
    slowed = chance.random() < 0.3 and await site.net.slow(site.database)
    words = ", ".join(map(str, troubles)) + (", the database is slow" if slowed else "")
    print(f"round {number}: {seconds:.1f} s: {words}", flush=True)
    async with asyncio.TaskGroup() as group:
        for trouble in troubles:
            seed = chance.getrandbits(64)
            group.create_task(suffer(site.net, trouble, seconds, random.Random(seed)))
    await site.net.heal((each.one, each.other) for each in troubles)
    if slowed:
        await site.net.quicken(site.database)
    await book.lends(2, SETTLES_WITHIN)


@asynccontextmanager
async def site_of(folder: Path, servers: int) -> AsyncIterator[Site]:
    """Hold a farm for the block."""
    async with network() as net, AsyncExitStack() as stack:
        made = Site(folder, net, stack)
        await made.begin(servers)
        yield made


async def main(folder: Path, rounds: int, seed: int) -> None:
    """Go through all rounds, then judge."""
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    book = Book()
    async with site_of(folder, 2) as site:
        for number in range(rounds):
            if number == rounds // 2:
                await site.serve(site.net.machines["server-2"])
                print("a third server", flush=True)
            async with borrowing(site.farms, book, PEOPLE, chance):
                await trouble_for(site, book, chance, number)
        await site.settled()
        for farm in site.farms:
            await check(farm, book)
        found = site.judge(book)
    print(f"{len(book.filed)} requests acknowledged, {book.lent} boards used")
    print(f"troubles: {dict(book.troubles)}")
    assert not found, "\n".join(found)
    print(f"held through {rounds} rounds", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    asyncio.run(main(options.folder, options.rounds, options.seed))

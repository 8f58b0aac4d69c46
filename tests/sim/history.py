"""A seed played from its beginning to its end: what happened, what it broke, what it amounts to."""

import asyncio
import logging
import secrets
import shutil
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from boruta_farm.clock import VirtualClock
from boruta_farm.farm.audit import FarmAudit
from boruta_farm.farm.engine import Engine
from boruta_farm.model.audit import Action, AuditEntry, AuditFilter, seal_of
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.worker import WorkerState
from boruta_farm.store.driver import DriverError
from boruta_farm.store.sqlite import SqliteStore
from tests.sim.processes import RUNS_IN, KilledError, SimulationLoop, SpinningError
from tests.sim.servers import SETTINGS
from tests.sim.steps import Step, draw
from tests.sim.watch import BrokenPromiseError, Watch, must, unserved
from tests.sim.world import World

STEPS = 110
HEALED_WITHIN = 150.0
CLOSED_WITHIN = 60.0
TAKEN_OUT = "UPDATE audit SET seal = NULL, actor = 'nobody' WHERE number = ?"
EXPECTED = (BorutaError, DriverError, sqlite3.Error, ZeroDivisionError, KilledError)
"""What faults of network, disk and boards are told as; anything else in a log is one of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Tell what came of a seed; ``broken`` is the promise that was broken, ``at`` which step."""

    seed: int
    steps: int
    faults: int
    checks: int
    virtual: float
    real: float
    digest: str
    lines: int
    requests: int
    verbs: dict[str, int]
    broken: str | None = None
    at: int = 0
    tail: tuple[str, ...] = ()


class Complaints(logging.Handler):
    """Gather errors in the logs that no fault from outside explains."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a record that carries an exception."""
        error = record.exc_info[1] if record.exc_info else None
        process = RUNS_IN.get()
        if error is None or (process is not None and process.dead) or expected(error):
            return
        self.found.append(f"{record.name}: {record.getMessage()}: {error!r}")


def expected(error: BaseException) -> bool:
    """Tell whether an error is what faults from outside are told as."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(expected, error.exceptions))
    return isinstance(error, EXPECTED) or type(error).__name__ == "_CommitDoubtError"


def play(seed: int, steps: Sequence[Step] | None = None, *, count: int = STEPS) -> Result:
    """Play a seed, or the steps that are left of it."""
    # Made before anything is drawn from the seed, or the first seed of a process would differ.
    empty = template()
    chosen = draw(seed, count) if steps is None else tuple(steps)
    with tempfile.TemporaryDirectory(prefix="sim-", dir=fast_folder()) as place, seeded(seed):
        folder = Path(place)
        history = History(seed, chosen, folder, empty)
        try:
            with asyncio.Runner(loop_factory=SimulationLoop) as runner:
                return runner.run(history.run())
        except SpinningError as error:
            return history.spun(error)


class History:
    """One run of one seed."""

    def __init__(self, seed: int, steps: tuple[Step, ...], folder: Path, empty: Path) -> None:
        self._seed = seed
        self._steps = steps
        self._folder = folder
        self._empty = empty
        self._at = 0

    async def run(self) -> Result:
        """Play all steps, heal, check, and tell."""
        began = time.process_time()
        world = World(self._seed, self._folder, self._empty)
        watch = Watch(world)
        for server in world.servers:
            server.told = partial(watch.heard, server)
        complaints = Complaints()
        logger = logging.getLogger("boruta_farm")
        logger.addHandler(complaints)
        broken = None
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: _unhandled(complaints, context))
        try:
            await world.start()
            for step in self._steps:
                self._at += 1
                await world.take(step)
                must(not complaints.found, "; ".join(complaints.found[:2]))
                watch.check()
            await self._heal(world, watch)
            must(not complaints.found, "; ".join(complaints.found[:2]))
        except BrokenPromiseError as error:
            broken = str(error)
        finally:
            logger.removeHandler(complaints)
            virtual, digest = loop.time(), world.trace.digest
            tail = tuple(world.trace.lines)
            await world.end()
            watch.close()
        return Result(
            seed=self._seed,
            steps=self._at,
            faults=sum(world.faults.values())
            + world.network.faults
            + sum(server.disk.faults for server in world.servers),
            checks=watch.checks,
            virtual=virtual,
            real=time.process_time() - began,
            digest=digest,
            lines=world.trace.count,
            requests=len(watch.requests),
            verbs={verb.name: number for verb, number in world.faults.items()},
            broken=broken,
            at=self._at,
            tail=tail,
        )

    def spun(self, error: SpinningError) -> Result:
        """Return what came of a run that never came to an end."""
        return Result(
            seed=self._seed, steps=self._at, faults=0, checks=0, virtual=0.0, real=0.0, digest="",
            lines=0, requests=0, verbs={}, broken=f"somebody spins: {error}", at=self._at,
        )  # fmt: skip

    async def _heal(self, world: World, watch: Watch) -> None:
        """Once all behaves, nothing stays in between; once all is closed, boards are free."""
        await world.heal()
        for agent in world.agents:
            if agent.alive:
                await agent.kill()
                await asyncio.sleep(1)
                agent.start()
        await asyncio.sleep(HEALED_WITHIN)
        watch.check()
        leader, _ = watch.able()
        must(leader is not None, "no server leads though all are well")
        assert leader is not None
        passing = (WorkerState.PREPARE, WorkerState.BUSY, WorkerState.FAILED)
        stuck = [w for w in watch.workers.values() if w.state in passing]
        must(not stuck, f"boards that behave are stuck: {stuck}")
        left = unserved(watch.requests.values(), watch.workers.values())
        now = leader.clock.now()
        left = [(r, w) for r, w in left if r.valid_after <= now]
        must(not left, f"waiting and idle: {left}")
        for filed in world.people.filed:
            if filed.id is None:
                # Filed all the same, perhaps, its answer lost: asked again, it is not filed twice.
                await world.people.ask(0, filed)
            await world.people.close(0, filed)
        await asyncio.sleep(CLOSED_WITHIN)
        watch.check()
        for machine in world.machines:
            worker = watch.workers.get(machine.uuid)
            if worker is not None:
                free = worker.state in (WorkerState.IDLE, WorkerState.MAINTENANCE)
                must(free, f"all is closed, and {worker}")
                must(not machine.leftovers, f"all is closed, and {machine.leftovers} are left")
        for server in world.servers:
            must(server.serving, f"{server.host} does not serve though all is well")
            for request_id, kept in watch.requests.items():
                shown = await server.store.get_request(request_id)
                must(shown == kept, f"{server.host} shows {shown} for {kept}")
        await self._audit(leader.farm.audit, world)

    async def _audit(self, audit: FarmAudit, world: World) -> None:
        """The chain is whole, is sealed, and shows what somebody took out of it."""
        found = await audit.verify(LOCAL_ADMIN)
        must(found.broken is None, f"the audit is broken at {found.broken}: {found.words}")
        must(found.unsealed == 0, f"{found.unsealed} entries of the audit have no seal")
        read = await audit.list_entries(
            LOCAL_ADMIN, AuditFilter(action=Action.KEY_READ, limit=1000)
        )
        subjects = {entry.subject for entry in read}
        for filed in world.people.filed:
            told = not filed.keys or f"request {filed.id}" in subjects
            must(told, f"the audit does not tell that the key of request {filed.id} was read")
        entries = await audit.list_entries(LOCAL_ADMIN, AuditFilter(limit=1000))
        if len(entries) < 4:
            return
        for change in (
            TAKEN_OUT,
            "UPDATE audit SET seal = NULL WHERE number = ?",
            "UPDATE audit SET actor = 'nobody' WHERE number = ?",
            "DELETE FROM audit WHERE number = ?",
        ):
            copy = self._folder / "tampered.db"
            with (
                closing(sqlite3.connect(world.database)) as source,
                closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
                target.execute(change, (entries[1].number,))
                if change is TAKEN_OUT:
                    _chain_anew(target, entries[0].seal or "", entries[2:])
                target.commit()
            store = SqliteStore(copy, VirtualClock(), SETTINGS, inline=True)
            await store.start()
            try:
                seen = await FarmAudit(Engine(store), store).verify(LOCAL_ADMIN)
            finally:
                await store.close()
            must(seen.broken is not None, f"nobody notices: {change}")


def _chain_anew(target: sqlite3.Connection, seal: str, entries: Sequence[AuditEntry]) -> None:
    """Seal what follows as if what was taken out had never been there."""
    for entry in entries:
        seal = seal_of(seal, entry)
        target.execute("UPDATE audit SET seal = ? WHERE number = ?", (seal, entry.number))


def _unhandled(complaints: Complaints, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if error is None or not expected(error):
        complaints.found.append(f"{context.get('message')}: {error!r}")


def begin() -> None:
    """Have logs of simulated faults told to nobody: they are judged, not shown."""
    logging.getLogger("boruta_farm").propagate = False
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)


def fast_folder() -> str | None:
    """Return where files lie in memory, where there is such a place."""
    place = Path("/dev/shm")
    return str(place) if place.is_dir() else None


_template: list[Path] = []


def template() -> Path:
    """Return an empty farm's database, made once in this process and the same in all."""
    if not _template:
        folder = Path(tempfile.mkdtemp(prefix="sim-template-", dir=fast_folder()))
        store = SqliteStore(folder / "empty.db", VirtualClock(), SETTINGS, inline=True)

        async def make() -> None:
            await store.start()
            await store.close()

        work = make()
        # No loop is wanted: an inline store waits for nothing.
        with seeded(0):
            try:
                while True:
                    work.send(None)
            except StopIteration:
                pass
        _template.append(folder / "empty.db")
    return _template[0]


def forget_template() -> None:
    """Remove what ``template`` has made."""
    while _template:
        shutil.rmtree(_template.pop().parent)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Have whatever draws at random draw from the seed."""
    chance = Random(seed * 7919 + 3)
    fixed: dict[str, Callable[..., Any]] = {
        "token_hex": lambda size=16: chance.randbytes(size).hex(),
        "token_urlsafe": lambda size=32: chance.randbytes(size).hex(),
        "token_bytes": chance.randbytes,
        "randbits": chance.getrandbits,
    }
    fixed_ids = patch.object(uuid, "uuid4", lambda: uuid.UUID(int=chance.getrandbits(128)))
    with ExitStack() as patches:
        for name, draws in fixed.items():
            patches.enter_context(patch.object(secrets, name, draws))
        patches.enter_context(fixed_ids)
        yield

"""A database that several servers share, in one process: what PostgreSQL gives, over SQLite.

The statements of records are SQLite's; those by which servers agree on who leads
(`store/tenure.py`) are answered as PostgreSQL answers them: a lock that lives as long as its
connection, and one clock.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from boruta_farm.clock import Clock
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store import durability, tenure
from boruta_farm.store.base import Decide, Transaction
from boruta_farm.store.batch import Batcher
from boruta_farm.store.committed import Committed
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.dialect import PostgresDialect, SqliteDialect
from boruta_farm.store.driver import DatabaseDriver, DriverError, Row, Value
from boruta_farm.store.postgres import PostgresStore
from boruta_farm.store.readers import explained
from boruta_farm.store.records import Records
from boruta_farm.store.sqlite_driver import SqliteDriver
from boruta_farm.store.statements import Statements
from boruta_farm.store.tenure import Tenure
from boruta_farm.store.upgrade import Backup, Upgrade
from boruta_farm.store.writer import InlineWriter
from tests.sim.network import Network
from tests.sim.processes import Process

Answer = TypeVar("Answer")

DATABASE = "database"
"""The database's host in the network."""

HEAR_EVERY, STRIVE_EVERY = 2.0, 1.0
"""Seconds between looks at the journal without a hint, and at the lock: less often than in earnest,
since a look costs as much here, where time is a thousand times as fast."""

LEFT = "SELECT name FROM counters ORDER BY name FOR UPDATE"


class SharedDatabase:
    """Be what all connections share besides the records: who has the lock, the last beat."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.holder: SharedDriver | None = None
        self.beat: float | None = None
        self.servers: dict[str, Process] = {}
        self.hints: dict[str, Callable[[], None]] = {}
        self.wrong: list[str] = []

    def locks(self, driver: "SharedDriver") -> bool:
        """Give a connection the lock, if it is free."""
        if self.holder is None or self.holder.gone:
            self.holder = driver
        return self.holder is driver


class SharedDriver:
    """Be one server's connection, which ends with its process and fails behind a cut network."""

    def __init__(
        self, inner: DatabaseDriver, database: SharedDatabase, process: Process, network: Network
    ) -> None:
        self._inner = inner
        self._database = database
        self._process = process
        self._network = network
        self._ended = False

    @property
    def gone(self) -> bool:
        """Tell whether the database has ended this connection."""
        return self._ended or self._process.dead

    def fetch(self, statement: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Run a statement. Raises DriverError."""
        self._reach()
        database, now = self._database, asyncio.get_running_loop().time()
        if statement in tenure.SETTINGS or statement.startswith("SELECT set_config"):
            return []
        match statement:
            case PostgresDialect.servers:
                others = [each for each in database.servers.values() if each is not self._process]
                return [(process.name,) for process in others if not process.dead]
            case durability.LOOK:
                return [("", 0)]
            case tenure.BEAT:
                database.beat = now
                return []
            case tenure.SILENT:
                return [] if database.beat is None else [(now - database.beat,)]
            case tenure.WAKE:
                if database.holder is not None:
                    database.holder.end()
                return []
        if statement.startswith("SELECT pg_try_advisory_lock"):
            return [(database.locks(self),)]
        if statement == LEFT:
            statement = LEFT.removesuffix(" FOR UPDATE")
        return self._inner.fetch(statement, parameters)

    def write(self, statement: str, rows: Sequence[Row]) -> list[Row]:
        """Run a statement over rows. Raises DriverError."""
        self._reach()
        return self._inner.write(statement, rows)

    def post(self, statement: str, parameters: Sequence[Value] = ()) -> None:
        """Run a statement at once. Raises DriverError."""
        self.fetch(statement, parameters)

    def put(self, statement: str, rows: Sequence[Row]) -> None:
        """Run a statement over rows at once. Raises DriverError."""
        self._reach()
        self._inner.put(statement, rows)

    def settle(self) -> None:
        """Have nothing to do."""

    def end(self) -> None:
        """End the connection from the database's side; its lock is free."""
        self._ended = True

    def read(self, statement: str, size: int) -> Iterator[list[Row]]:
        """Run a SELECT."""
        self._reach()
        return self._inner.read(statement, size)

    def begin(self, *, wait: bool = True) -> None:
        """Begin a transaction."""
        self._reach()
        self._inner.begin(wait=wait)

    def begin_reading(self) -> None:
        """Begin a transaction that reads."""
        self._reach()
        self._inner.begin_reading()

    def commit(self) -> None:
        """Commit, and tell the other servers, sooner or later."""
        self._reach()
        self._inner.commit()
        for name, hint in self._database.hints.items():
            if name != self._process.name:
                hint()

    def rollback(self) -> None:
        """Undo."""
        self._inner.rollback()

    def close(self) -> None:
        """Close the connection."""
        self.end()
        self._inner.close()

    def _reach(self) -> None:
        host = self._process.name
        cut = self._network.cut
        if self._ended or (host, DATABASE) in cut or (DATABASE, host) in cut:
            raise DriverError("the database is out of reach")


class _Once:
    """Let a thread's loop go round once."""

    def __init__(self) -> None:
        self._asked = False

    def wait(self, _seconds: float) -> bool:
        asked, self._asked = self._asked, True
        return asked


class InlineTenure(Tenure):
    """Look whenever it is told to, on the loop instead of in a thread."""

    def begin(self) -> None:
        """Lead at once if nobody does."""
        try:
            self._look()
        except BaseException:
            self._drop()
            raise

    @property
    def number(self) -> int:
        """Return the number under which this server led last."""
        return self._number

    def look(self) -> None:
        """Do what the thread does at each of its rounds."""
        self._closing = _Once()  # type: ignore[assignment]  # all that the loop asks of an event
        self._main()

    def close(self) -> None:
        """Give the lead up."""
        self._leads = False
        self._drop()


class SharedStore(PostgresStore):
    """Keep records in a database with other servers, without threads."""

    def __init__(
        self,
        database: SharedDatabase,
        clock: Clock,
        settings: FarmSettings,
        process: Process,
        network: Network,
        connector: Callable[[str], Any],
    ) -> None:
        DatabaseStore.__init__(self, Committed())
        self._database, self._process = database, process

        def open_driver() -> SharedDriver:
            inner = SqliteDriver(connector(database.path))
            for pragma in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"):
                inner.fetch(pragma)
            return SharedDriver(inner, database, process, network)

        self._open_driver = open_driver
        self._looking = None
        self._loop = None
        self._unseen = False
        self._statements = Statements(SqliteDialect())
        self._upgrade = Upgrade(
            where="the shared database",
            dialect=self._statements.dialect,
            backup=self._back_up,
        )
        self._inline_tenure = self._tenure = InlineTenure(open_driver, self._turned)
        self._batcher = Batcher(
            open_driver,
            self._statements,
            clock,
            settings,
            self._committed,
            guard=self._tenure,
            tell="SELECT 1",
        )
        self._inline = self._writer = InlineWriter(self._batcher, self._followers)
        self._reading: Records | None = None

    async def start(self) -> None:
        """Open, lead if nobody does, and look now and then what the others do."""
        self._loop = asyncio.get_running_loop()
        self._database.servers[self._process.name] = self._process
        self._prepare()
        await self._writer.start()
        self._process.spawn(self._strive())
        self._process.spawn(self._hear())

    async def close(self) -> None:
        """Close."""
        await self._writer.close()
        self._drop_reading()
        self._inline_tenure.close()

    async def _strive(self) -> None:
        while True:
            await asyncio.sleep(STRIVE_EVERY)
            self._inline_tenure.look()

    async def _hear(self) -> None:
        """Do what `store/hearing.py` does: look after each hint, and now and then without."""
        come = asyncio.Event()
        self._database.hints[self._process.name] = come.set
        while True:
            try:
                async with asyncio.timeout(HEAR_EVERY):
                    await come.wait()
                # As long as tidings take.
                await asyncio.sleep(0.003)
            except TimeoutError:
                pass
            come.clear()
            try:
                self._take_up(self._records().last_event())
            except DriverError:
                self._drop_reading()

    async def execute(self, decide: Decide[Answer], *, patient: bool = False) -> Answer:
        """Run a command, and see that nobody but the server that leads acts as the leader (I23)."""

        def watched(transaction: Transaction, now: datetime) -> Answer:
            lead, led = transaction.lead, False

            def leading() -> None:
                nonlocal led
                lead()
                led = True

            vars(transaction)["lead"] = leading
            answer = decide(transaction, now)
            number = self._inline_tenure.number
            if led and self._records().counters().get(tenure.COUNTER) != number:
                self._database.wrong.append(f"{self._process.name} acts as the leader it was (I23)")
            return answer

        return await super().execute(watched, patient=patient)

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        callback(*arguments)

    def _back_up(self, found: int) -> Backup:
        raise AssertionError("the database is new")

    def _records(self) -> Records:
        if self._reading is None:
            self._reading = Records(self._open_driver(), self._statements, self._committed)
        return self._reading

    def _drop_reading(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.driver.close()

    async def _far(self, read: Callable[[Records], Answer]) -> Answer:
        try:
            return read(self._records())
        except DriverError as failure:
            self._drop_reading()
            raise explained(failure) from failure

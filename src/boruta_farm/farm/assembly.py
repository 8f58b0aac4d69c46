"""A whole farm in one process, as far as it needs no socket, process or thread."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol

from boruta_farm.clock import FarmClock
from boruta_farm.contracts import Boards, Cipher
from boruta_farm.core import jobs
from boruta_farm.core.jobs import Grant
from boruta_farm.farm import chronicle
from boruta_farm.farm.accounts import FarmAccounts
from boruta_farm.farm.audit import Cutter, FarmAudit, Sealer
from boruta_farm.farm.consoles import FarmConsoles
from boruta_farm.farm.directory import Directory
from boruta_farm.farm.due import DueWork
from boruta_farm.farm.engine import Book, Engine
from boruta_farm.farm.history import HistoryCutter
from boruta_farm.farm.judging import Judging
from boruta_farm.farm.matcher import Matcher
from boruta_farm.farm.prolonging import Prolonging
from boruta_farm.farm.reports import FarmReports
from boruta_farm.farm.requests import FarmRequests
from boruta_farm.farm.sessions import Sessions
from boruta_farm.farm.superviser import FarmSuperviser
from boruta_farm.farm.ticker import Ticker
from boruta_farm.farm.timekeeper import Timekeeper
from boruta_farm.farm.tokens import FarmTokens
from boruta_farm.farm.waiting import Waiters
from boruta_farm.farm.workers import FarmWorkers
from boruta_farm.feed import Feed
from boruta_farm.fleet import Fleet
from boruta_farm.model.request import OwedEnd
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.spelling import alike
from boruta_farm.store.base import Store


class WayToBoards(Protocol):
    """The way of users to their boards, as far as lending depends on it."""

    def alive(self) -> str | None:
        """Return None while boards can be reached, else what is wrong."""
        ...

    def well_since(self) -> datetime | None:
        """Return since when boards can be reached, None while they cannot."""
        ...


class AlwaysOpen:
    """A way that nothing blocks: of farms whose boards are reached otherwise."""

    def alive(self) -> str | None:
        """Return None."""
        return None

    def well_since(self) -> datetime | None:
        """Return the beginning of all times."""
        return datetime.min.replace(tzinfo=UTC)


class AssembledFarm:
    """Put the contracts, the matcher and the ticker together over a started store.

    Whoever assembles a farm awaits ``timekeeper.begin()`` and ``directory.load()`` and runs
    ``timekeeper.keep_time()``, ``matcher.keep_matching()``, ``ticker.tick()``, ``run_owed()``,
    ``fleet.follow()``, ``directory.follow()``, ``judging.follow()``, ``sealer.keep_sealing()`` and
    ``cutter.keep_cutting()``.
    With ``users`` every call needs a token even before the first account is made. ``boot`` and
    ``trusted`` are the ``Timekeeper``'s.
    """

    def __init__(
        self,
        store: Store,
        settings: FarmSettings,
        clock: FarmClock,
        cipher: Cipher,
        boards: Boards,
        *,
        users: bool = False,
        boot: str = "",
        trusted: Callable[[], bool] = lambda: False,
    ) -> None:
        engine = Engine(store)
        due = DueWork(engine, lambda: self.relay.well_since())
        self.relay: WayToBoards = AlwaysOpen()
        """Nothing is granted while it says why, and no board fails for want of it."""
        self.reached_at: Callable[[str, int], str] = lambda _worker, _port: ""
        """Tells at which address a worker's port is reached; empty: at this server's own."""
        self._store = store
        self._engine = engine
        self._waiting = Waiters(store)
        self.feed = Feed(store)
        self.fleet = Fleet(self.feed, boards, clock)
        engine.unstored = self.fleet.end
        self.run_owed = engine.run_owed
        self.directory = Directory(
            store, clock, wanted=users, owner_limits=settings.policies.owner_limits
        )
        self.matcher = Matcher(
            self.feed,
            self._grant,
            due.orphan,
            due.adopt,
            clock,
            settings,
            self.directory.job_limits,
            lambda: self.relay.alive() or store.only_ends(),
            self.fleet,
            lambda: store.leading,
        )
        store.on_lead(self.matcher.look)
        self.ticker = Ticker(self.feed, due.act, settings, clock)
        self.requests = FarmRequests(
            engine,
            store,
            self._waiting,
            Prolonging(engine, boards, clock),
            cipher,
            self.matcher,
            Sessions(store, boards, self.directory.account),
            self.directory.group,
            clock,
            settings,
            lambda worker, port: self.reached_at(worker, port),
        )
        self.workers = FarmWorkers(engine, store, self.matcher, settings)
        self.superviser = FarmSuperviser(engine, store, clock, settings, self.directory.recognises)
        self.consoles = FarmConsoles(store, self.directory.group, clock)
        self.reports = FarmReports(engine, cipher, self.consoles, self.matcher)
        """What agents and relay tell, to any server."""
        self.stewards_reports = FarmReports(
            engine, cipher, self.consoles, self.matcher, leading=True
        )
        """What those who look after boards tell, for the server that leads."""
        self.accounts = FarmAccounts(engine, self.directory, cipher)
        self.tokens = FarmTokens(engine, self.directory)
        self.audit = FarmAudit(engine, store)
        self.sealer = Sealer(engine, store)
        self.cutter = Cutter(engine, store, settings)
        self.history_cutter = HistoryCutter(engine, store, settings)
        self.timekeeper = Timekeeper(engine, store, clock, boot=boot, trusted=trusted)
        self.judging = Judging(engine, store)
        store.listen(chronicle.follow)

    def keep_owed(self, book: Book, left: Iterable[OwedEnd]) -> None:
        """Keep ends that cannot be stored yet in a book, and take up what one start has left."""
        self._engine.book = book
        self._engine.owe(left)

    async def alike(self) -> list[tuple[str, ...]]:
        """Return ids and names that an earlier version took for different ones."""
        workers = (await self._store.snapshot(holding=True)).workers
        boards = alike(worker.uuid for worker in workers)
        return [*self.directory.alike(), *boards, *alike(worker.name for worker in workers)]

    async def _grant(self, proposal: Grant) -> None:
        await self._engine.decide(lambda world, now: jobs.grant(world, proposal, now), leading=True)

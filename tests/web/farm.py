"""The application in front of the real farm over SQLite, its boards played by the test."""

from pathlib import Path
from typing import NoReturn

from tests.web.fakes import KEY, FixedClock
from tests.web.people import people_in
from tests.web.serving import VERSION, FakeHub, QuietTime

from boruta_farm.contracts import BoardWatch, FencedDryad, Prepared
from boruta_farm.core import jobs
from boruta_farm.core.jobs import Grant
from boruta_farm.farm.engine import Engine
from boruta_farm.farm.prolonging import Prolonging
from boruta_farm.farm.reports import FarmReports
from boruta_farm.farm.requests import FarmRequests
from boruta_farm.farm.superviser import FarmSuperviser
from boruta_farm.farm.waiting import Waiting
from boruta_farm.farm.workers import FarmWorkers
from boruta_farm.feed import Feed
from boruta_farm.matching.index import Index
from boruta_farm.model.caller import Caller
from boruta_farm.model.explanation import Explanation
from boruta_farm.model.request import Request
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence, KeyPair, Registration, WorkerState
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.web.app import build_app
from boruta_farm.web.services import Services, WebOptions


class PlainCipher:
    """Bind to the context, hide nothing."""

    def seal(self, plain: bytes, context: str) -> bytes:
        return context.encode() + b"\0" + plain

    def open(self, sealed: bytes, context: str) -> bytes:
        bound, _, plain = sealed.partition(b"\0")
        assert bound == context.encode()
        return plain


class NoBoards:
    """No agent is connected: all boards are of the kind without a fence."""

    def fenced(self, uuid: str) -> FencedDryad | None:
        return None

    def contact(self, uuid: str) -> None:
        return None

    def watch(self) -> BoardWatch:
        raise NotImplementedError


class NoIndex:
    """Knows of no queue and no board; nothing asks for orphans here."""

    def capability_names(self) -> tuple[str, ...]:
        return ()

    def explain(self, request: Request, caller: Caller, *, brief: bool = False) -> Explanation:
        return Explanation(request_id=request.id, state=request.state.value)

    def count_orphans(self, uuid: str, groups: object = None, labels: object = None) -> NoReturn:
        raise NotImplementedError


class FarmWorld:
    """Hold a farm; ``settle`` does what matcher and boards would do in the background."""

    def __init__(self, folder: Path, options: WebOptions) -> None:
        clock = FixedClock()
        self.clock = clock
        self.store = SqliteStore(folder / "farm.sqlite", clock, FarmSettings(), inline=True)
        self.engine = Engine(self.store)
        cipher = self._cipher = PlainCipher()
        self.reports = FarmReports(self.engine, cipher)
        self.superviser = FarmSuperviser(self.engine, self.store, self.clock, FarmSettings())
        self.waiting = Waiting(self.store)
        self.workers = FarmWorkers(self.engine, self.store, NoIndex())
        services = Services(
            requests=FarmRequests(
                self.engine,
                self.store,
                self.waiting,
                Prolonging(self.engine, NoBoards(), clock),
                cipher,
                NoIndex(),
                lambda _name: None,
            ),
            workers=self.workers,
            hub=FakeHub(),
            feed=Feed(self.store),
            events=self.store.events,
            clock=clock,
            health=lambda: None,
            time=QuietTime(),
            people=people_in(self.store),
            version=VERSION,
        )
        self.app = build_app(services, options)

    async def start(self) -> None:
        await self.store.start()

    async def close(self) -> None:
        self.waiting.close()
        await self.store.close()

    async def register(self, uuid: str, name: str, caps: dict[str, str]) -> None:
        await self.superviser.register(
            Registration(
                caps={"UUID": uuid, **caps},
                name=name,
                dryad_address="192.0.2.9:7175",
                ssh_address="192.0.2.9:22",
                fence=Fence.NONE,
            )
        )

    async def settle(self) -> None:
        """Prepare and clean boards, then grant what can be granted."""
        snapshot = await self.store.snapshot()
        for worker in snapshot.workers:
            if worker.state is WorkerState.PREPARE:
                pair = KeyPair(public="ssh-rsa AAAA", private=KEY)
                prepared = Prepared(username="boruta-user")
                await self.reports.prepared(worker.uuid, worker.epoch, pair, prepared)
            elif worker.state is WorkerState.BUSY:
                await self.reports.cleaned(worker.uuid, worker.epoch)
        await self.grant_all()

    async def grant_all(self) -> None:
        """Grant what can be granted."""
        index = Index()
        snapshot = await self.store.snapshot()
        for request in snapshot.requests:
            index.put_request(request)
        for worker in snapshot.workers:
            index.put_worker(worker)
        for proposal in index.proposals(self.clock.now(), 10):
            await self.grant(proposal)

    async def grant(self, proposal: Grant) -> None:
        await self.engine.run(lambda world, now: jobs.grant(world, proposal, now))

"""A hub and agents joined in memory, for tests under virtual time."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from boruta_farm.clock import VirtualClock
from boruta_farm.contracts import (
    CleanReport,
    FencedDryad,
    Prepared,
    Registered,
)
from boruta_farm.link.agent import AgentLink, FarmEnd
from boruta_farm.link.server import Hub
from boruta_farm.link.socket import Socket
from boruta_farm.model.console import ConsoleChunk
from boruta_farm.model.errors import BorutaError, UnavailableError
from boruta_farm.model.readiness import Readiness
from boruta_farm.model.worker import Fence, KeyPair, Registration
from boruta_farm.testing.sockets import MemorySocket, socket_pair

UUID = "11111111-2222-4333-8444-555555555555"
FARM = "farm-1"


class FakeFarm:
    """Superviser and Reports that only take notes; ``refuse`` is raised by the next calls."""

    def __init__(self) -> None:
        self.registrations: list[Registration] = []
        self.failures: list[tuple[str, str]] = []
        self.ends: list[tuple[str, int]] = []
        self.facts: list[tuple[str, dict[str, str]]] = []
        self.consoles: list[tuple[str, int, ConsoleChunk]] = []
        self.disputes: list[tuple[str, str, str]] = []
        self.readiness: list[tuple[object, ...]] = []
        self.refuse: BorutaError | None = None
        self.epoch = 0
        self.renew_at: datetime | None = None
        self.renewals: list[tuple[str, str, str]] = []

    async def register(self, registration: Registration) -> Registered:
        if self.refuse is not None:
            raise self.refuse
        self.registrations.append(registration)
        epoch = max(self.epoch, registration.epoch)
        return Registered(
            uuid=registration.caps["UUID"], farm_id=FARM, epoch=epoch, renew_at=self.renew_at
        )

    async def recognise(self, registration: Registration) -> bool:
        if self.refuse is not None:
            raise self.refuse
        return registration in self.registrations

    async def renew(self, uuid: str, present: str, coming: str) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.renewals.append((uuid, present, coming))
        self.renew_at = None

    async def set_fail(self, uuid: str, reason: str) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.failures.append((uuid, reason))

    async def used(self, uuid: str, epoch: int, at: datetime) -> None:
        raise NotImplementedError

    async def warn_idle(self, uuid: str, epoch: int) -> None:
        raise NotImplementedError

    async def end_idle(self, uuid: str, epoch: int, *, wanted: bool) -> None:
        raise NotImplementedError

    async def ended(self, uuid: str, epoch: int) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.ends.append((uuid, epoch))

    async def prepared(self, uuid: str, epoch: int, key: KeyPair, prepared: Prepared) -> None:
        raise NotImplementedError

    async def cleaned(self, uuid: str, epoch: int) -> None:
        raise NotImplementedError

    async def failed(self, uuid: str, epoch: int, reason: str) -> None:
        raise NotImplementedError

    async def recovered(self, uuid: str, epoch: int) -> None:
        raise NotImplementedError

    async def recheck(self, uuid: str, epoch: int) -> None:
        raise NotImplementedError

    async def described(self, uuid: str, facts: Mapping[str, str]) -> None:
        self.facts.append((uuid, dict(facts)))

    async def lost(self, uuid: str) -> None:
        raise NotImplementedError

    async def back(self, uuid: str) -> None:
        raise NotImplementedError

    async def confirmed(self, uuid: str, epoch: int) -> None:
        raise NotImplementedError

    async def unconfirmed(self, uuid: str, epoch: int, reason: str, *, used: bool) -> None:
        raise NotImplementedError

    async def progressed(self, uuid: str, epoch: int, words: str) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.readiness.append((uuid, epoch, words))

    async def readied(self, uuid: str, epoch: int) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.readiness.append((uuid, epoch))

    async def unready(
        self, uuid: str, epoch: int, reason: str, lines: tuple[str, ...] = ()
    ) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.readiness.append((uuid, epoch, reason, lines))

    async def opened(self, uuid: str, epoch: int, began: datetime | None = None) -> None:
        raise NotImplementedError

    async def key_refused(self, uuid: str, epoch: int, reason: str) -> None:
        raise AssertionError("an agent cannot report this")

    async def opening_failed(self, uuid: str, epoch: int, reason: str) -> None:
        raise NotImplementedError

    async def keyed(self, uuid: str, epoch: int, sequence: int) -> None:
        raise NotImplementedError

    async def prolonged(self, uuid: str, epoch: int, sequence: int) -> None:
        raise NotImplementedError

    async def console(self, uuid: str, epoch: int, chunk: ConsoleChunk) -> None:
        self.consoles.append((uuid, epoch, chunk))

    async def disputed(self, uuid: str, reason: str, source: str) -> None:
        self.disputes.append((uuid, reason, source))

    async def port_taken(self, uuid: str, port: int) -> None:
        raise NotImplementedError


class FakeBoard:
    """A FencedDryad that takes notes; ends are kept as moments of the loop's time."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.fail: BorutaError | None = None
        self.session = Prepared(username="user", host_key="ssh-ed25519 HOST")
        self.ends: list[float] = []

    def _note(self, *call: object) -> None:
        self.calls.append(call)
        if self.fail is not None:
            raise self.fail

    async def put_in_maintenance(self, message: str) -> None:
        self._note("put_in_maintenance", message)

    async def prepare(self, key: str, *, epoch: int) -> Prepared:
        self._note("prepare", key, epoch)
        return self.session

    async def healthcheck(self) -> None:
        self._note("healthcheck")

    async def clean(self, epoch: int) -> CleanReport:
        self._note("clean", epoch)
        return CleanReport(epoch=epoch, found=("a\0file", "x" * 1000))

    async def recycle(self, key: str, *, epoch: int) -> tuple[CleanReport, Prepared]:
        return await self.clean(epoch), await self.prepare(key, epoch=epoch)

    async def ready(self, epoch: int, wanted: Readiness, within: float) -> None:
        self._note("ready", epoch, wanted, within)

    async def grant(self, epoch: int, remaining: float, key: str | None) -> None:
        self._note("grant", epoch, key)
        self.ends.append(asyncio.get_running_loop().time() + remaining)

    async def extend(self, epoch: int, sequence: int, remaining: float) -> None:
        self._note("extend", epoch, sequence)
        self.ends.append(asyncio.get_running_loop().time() + remaining)

    async def set_keys(
        self, epoch: int, sequence: int, keys: tuple[str, ...], staying: tuple[str, ...] = ()
    ) -> None:
        self._note("set_keys", epoch, sequence, keys, staying)

    async def sessions(self, epoch: int) -> dict[str, int]:
        self._note("sessions", epoch)
        return {"ssh-ed25519 OWN": 2, "": 1}

    async def certify(self, epoch: int, certificate: str) -> None:
        self._note("certify", epoch, certificate)

    async def end(self, epoch: int) -> None:
        self._note("end", epoch)


class FakeStreams:
    """Note the streams that were asked for; ``fail`` is raised by the next calls."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str, int]] = []
        self.fail: BorutaError | None = None

    async def open_stream(self, epoch: int, token: str, port: int) -> None:
        self.asked.append((epoch, token, port))
        if self.fail is not None:
            raise self.fail


@dataclass(slots=True)
class FakeUser:
    """The agent behind the link; ``adopting`` holds it back before it is ready."""

    uuid: str = UUID
    board: FakeBoard = field(default_factory=FakeBoard)
    streams: FakeStreams = field(default_factory=FakeStreams)
    answers: list[Registered] = field(default_factory=list)
    reports: list[Callable[[FarmEnd], object]] = field(default_factory=list)
    adopting: asyncio.Event = field(default_factory=asyncio.Event)
    farm: FarmEnd | None = None
    facts: dict[str, str] = field(default_factory=lambda: {"Load": "0.1"})
    join_token: str | None = None
    credential: str = "secret"
    coming: str = "c" * 64

    async def registration(self) -> Registration:
        return Registration(
            caps={"UUID": self.uuid},
            dryad_address=":7175",
            ssh_address=":22",
            fence=Fence.AGENT,
            name="pi",
            epoch=3,
            boot_id="boot",
            join_token=self.join_token,
            facts=self.facts,
        )

    async def registered(self, answer: Registered, farm: FarmEnd) -> None:
        self.answers.append(answer)
        await self.adopting.wait()

    async def report(self, farm: FarmEnd) -> None:
        self.farm = farm
        await asyncio.get_running_loop().create_future()

    async def renew(self, farm: FarmEnd, presented: str) -> None:
        await farm.renew(self.uuid, self.credential, self.coming)
        self.credential = "fresh"


class Wires:
    """A hub, and sockets to it; a test may cut them or make dialling fail."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.farm = FakeFarm()
        self.hub = Hub(self.clock)
        self.hub.attach(self.farm, self.farm)
        self.sockets: list[MemorySocket] = []
        self.dials: list[float] = []
        self.down = False
        self.tasks: list[asyncio.Future[object]] = []

    async def dial(self, credential: str | None = "secret", *, local: bool = False) -> Socket:
        self.dials.append(asyncio.get_running_loop().time())
        if self.down:
            raise UnavailableError("nobody listens")
        ours, theirs = socket_pair()
        self.sockets.append(ours)
        self.spawn(self.hub.serve(theirs, "10.0.0.7", credential, local=local))
        return ours

    def spawn(self, work: object) -> None:
        assert asyncio.iscoroutine(work)
        self.tasks.append(asyncio.ensure_future(work))

    def agent(self, user: FakeUser) -> None:
        """Start an agent that is ready at once, without jitter."""
        user.adopting.set()
        link = AgentLink(lambda: self.dial(user.credential), user, self.clock, draw=lambda: 1.0)
        self.spawn(link.stay_connected())

    async def ready(self, uuid: str = UUID) -> FencedDryad:
        """Return the board once it can be called."""
        watch = self.hub.watch()
        while (board := self.hub.fenced(uuid)) is None:
            await watch.next()
        watch.close()
        return board

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

"""Agents with credentials in files against a whole farm: let in, refused, renewed, revoked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from boruta_farm.boards.revocation import Revocation
from boruta_farm.dryad.credential import Credential, digest_of
from boruta_farm.farm.assembly import AssembledFarm
from boruta_farm.link.agent import AgentLink
from boruta_farm.link.agent import FarmEnd as LinkFarm
from boruta_farm.link.server import Hub
from boruta_farm.model.audit import AuditFilter
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import WorkerNotFoundError
from boruta_farm.model.permission import Scope
from boruta_farm.model.settings import Enrolment, FarmSettings
from boruta_farm.model.token import NewToken, TokenKind
from boruta_farm.model.worker import Worker
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.testing.loop import run_virtual
from boruta_farm.testing.simulation import PlainCipher
from boruta_farm.testing.sockets import socket_pair
from tests.link.links import UUID, FakeUser, Wires

MINUTE = 60.0


class FiledUser(FakeUser):
    """An agent whose credential lies in a file, as dryad's does."""

    def keep_in(self, path: Path) -> "FiledUser":
        self.file = Credential(path)
        self.crash_after = ""
        return self

    async def renew(self, farm: LinkFarm, presented: str) -> None:
        coming = self.file.draft()
        self._crash("drafted")
        await farm.renew(self.uuid, digest_of(self.file.present()), coming)
        self._crash("announced")
        self.file.adopt()
        self._crash("adopted")

    def _crash(self, moment: str) -> None:
        if moment == self.crash_after:
            raise asyncio.CancelledError


class Yard:
    """A farm whose agents come from elsewhere."""

    def __init__(self, folder: Path, enrolment: Enrolment) -> None:
        self.wires = Wires()
        self.folder = folder
        clock = self.wires.clock
        settings = FarmSettings(enrolment=enrolment, credential_life=timedelta(minutes=10))
        self.store = SqliteStore(folder / "farm.sqlite", clock, settings, inline=True)
        self.hub = Hub(clock)
        self.farm = AssembledFarm(self.store, settings, clock, PlainCipher(), self.hub)
        self.hub.attach(self.farm.superviser, self.farm.reports)

    def start(self, user: FiledUser) -> asyncio.Task[object]:
        """Start an agent; the task stands for its process."""
        user.adopting.set()

        async def dial() -> object:
            ours, theirs = socket_pair()
            self.wires.spawn(self.hub.serve(theirs, "192.0.2.9", user.file.present()))
            return ours

        link = AgentLink(dial, user, self.wires.clock, draw=lambda: 1.0)  # type: ignore[arg-type]  # the socket is one
        return asyncio.ensure_future(link.stay_connected())

    def user(self, name: str = "board", token: str | None = None) -> FiledUser:
        return FiledUser(join_token=token).keep_in(self.folder / name)

    async def invite(self, **wishes: Any) -> str:
        new = NewToken(account="admin", kind=TokenKind.JOIN, scope=Scope.READ, **wishes)
        return (await self.farm.tokens.issue(LOCAL_ADMIN, new)).secret

    async def worker(self) -> Worker:
        return await self.farm.workers.get_worker_info(LOCAL_ADMIN, UUID)

    async def audited(self) -> list[str]:
        entries = await self.farm.audit.list_entries(LOCAL_ADMIN, AuditFilter())
        return [entry.action for entry in entries if entry.action.startswith("agent.")]

    async def connected(self) -> None:
        watch = self.hub.watch()
        while self.hub.fenced(UUID) is None:
            await watch.next()
        watch.close()


@asynccontextmanager
async def yard(folder: Path, enrolment: Enrolment) -> AsyncIterator[Yard]:
    one = Yard(folder, enrolment)
    await one.store.start()
    fleet = one.farm.fleet
    parts = [fleet.follow(), Revocation(fleet, one.hub).follow()]
    running = [asyncio.ensure_future(part) for part in parts]
    try:
        yield one
    finally:
        for part in running:
            part.cancel()
        await one.wires.close()
        await one.store.close()


def play(
    folder: Path,
    scene: Callable[[Yard], Coroutine[Any, Any, None]],
    enrolment: Enrolment = Enrolment.INVITED,
) -> None:
    async def main() -> None:
        async with yard(folder, enrolment) as one:
            await scene(one)

    run_virtual(main())


def test_an_invited_agent_is_let_in_and_a_thief_is_not(tmp_path: Path) -> None:
    async def scene(one: Yard) -> None:
        agent = one.start(one.user(token=await one.invite(uses=1)))
        await one.connected()
        thief = one.start(one.user("stolen"))
        await asyncio.sleep(600)
        worker = await one.worker()
        assert worker.credential == digest_of(Credential(tmp_path / "board").present())
        assert one.hub.fenced(UUID) is not None
        assert await one.audited() == ["agent.enrolled", *["agent.refused"] * 4]
        agent.cancel()
        thief.cancel()

    play(tmp_path, scene)


def test_a_stranger_is_refused_and_told_in_the_audit(tmp_path: Path) -> None:
    async def scene(one: Yard) -> None:
        agent = one.start(one.user())
        await asyncio.sleep(10)
        with pytest.raises(WorkerNotFoundError):
            await one.worker()
        assert await one.audited() == ["agent.refused"]
        agent.cancel()

    play(tmp_path, scene)


def test_a_credential_is_renewed_when_it_is_old(tmp_path: Path) -> None:
    async def scene(one: Yard) -> None:
        user = one.user()
        agent = one.start(user)
        await one.connected()
        first = (await one.worker()).credential
        await asyncio.sleep(9 * MINUTE)
        assert (await one.worker()).credential == first
        await asyncio.sleep(2 * MINUTE)
        worker = await one.worker()
        assert worker.credential == digest_of(user.file.present()) != first
        assert worker.next_credential is None
        assert one.hub.fenced(UUID) is not None
        agent.cancel()

    play(tmp_path, scene, Enrolment.OPEN)


@pytest.mark.parametrize("moment", ["drafted", "announced", "adopted"])
def test_an_agent_that_dies_while_renewing_comes_back(moment: str, tmp_path: Path) -> None:
    async def scene(one: Yard) -> None:
        user = one.user()
        user.crash_after = moment
        agent = one.start(user)
        await one.connected()
        first = (await one.worker()).credential
        await asyncio.gather(asyncio.sleep(11 * MINUTE), return_exceptions=True)
        agent.cancel()
        await asyncio.sleep(1)
        restarted = one.user()
        again = one.start(restarted)
        await one.connected()
        await asyncio.sleep(60)
        worker = await one.worker()
        assert worker.credential == digest_of(restarted.file.present()) != first
        assert worker.next_credential is None
        assert "agent.refused" not in await one.audited()
        again.cancel()

    play(tmp_path, scene, Enrolment.OPEN)


def test_a_revoked_agent_is_out_within_a_second(tmp_path: Path) -> None:
    async def scene(one: Yard) -> None:
        agent = one.start(one.user())
        await one.connected()
        await one.farm.workers.revoke_agent(LOCAL_ADMIN, UUID)
        await asyncio.sleep(1)
        assert one.hub.fenced(UUID) is None
        await asyncio.sleep(600)
        assert one.hub.fenced(UUID) is None
        assert "agent.revoked" in await one.audited()
        agent.cancel()
        invited = one.start(one.user("fresh", await one.invite(worker=UUID)))
        await one.connected()
        invited.cancel()

    play(tmp_path, scene, Enrolment.OPEN)

"""What is told of requests, to whom, and when."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from boruta_farm.model.account import Account
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.permission import Role
from boruta_farm.model.request import MoreTime, NewRequest
from boruta_farm.notify.delivery import WebhookTarget
from boruta_farm.notify.notice import Notice
from boruta_farm.notify.notices import Notices
from boruta_farm.testing.loop import run_virtual
from tests.client.virtual import HOUR, Virtual, virtual
from tests.store.making import START

OWN = Account(
    id=LOCAL_ADMIN.id, name="ann", role=Role.USER, created=START, notify="https://own.example/"
)
FARM = ("https://farm.example/", b"farm")


class Told:
    """Keep what is to be delivered."""

    def __init__(self) -> None:
        self.all: list[tuple[WebhookTarget, Notice]] = []

    def put(self, destination: WebhookTarget, message: Notice) -> None:
        self.all.append((destination, message))

    def kinds(self, url: str = FARM[0]) -> list[str]:
        return [message.kind.value for to, message in self.all if to.url == url]


@asynccontextmanager
async def noticing(
    scene: Virtual, told: Told, account: Account | None = OWN
) -> AsyncIterator[None]:
    farm = scene.lab.farm
    notices = Notices(
        farm.feed,
        told,  # type: ignore[arg-type]  # of deliveries only put is called
        scene.lab.simulated.clock,
        lambda _: account,
        lambda uuid: f"name of {uuid[-1]}",
        lambda owner: f"secret of {owner}".encode(),
        FARM,
    )
    task = asyncio.create_task(notices.follow())
    await asyncio.sleep(1)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def play(work: Coroutine[Any, Any, None]) -> None:
    run_virtual(work)


def test_granted_asked_about_near_its_end_and_lost() -> None:
    told = Told()

    async def work() -> None:
        async with virtual(length=HOUR) as scene, noticing(scene, told):
            requests = scene.lab.farm.requests
            await requests.nudge(LOCAL_ADMIN, scene.request.id)
            await asyncio.sleep(3200)
            assert told.kinds() == ["request.nudged"]
            await asyncio.sleep(200)
            assert told.kinds() == ["request.nudged", "request.ending"]
            await requests.prolong_access(LOCAL_ADMIN, scene.request.id, MoreTime(length=HOUR))
            await asyncio.sleep(3550)
            assert told.kinds()[2:] == ["request.ending"], "the end that it has now"
            await scene.lab.farm.superviser.set_fail(scene.board.uuid, "fan")
            await asyncio.sleep(1)
            assert told.kinds()[3:] == ["request.failed"]

    play(work())
    assert told.kinds(OWN.notify) == told.kinds(FARM[0])
    mine = [(to, message) for to, message in told.all if to.url == OWN.notify]
    assert {(to.owner, to.secret) for to, _ in mine} == {(OWN.id, f"secret of {OWN.id}".encode())}
    assert len({message.name for _, message in mine}) == 4
    lost = mine[-1][1].data
    assert lost["Worker"] == "name of 1"
    assert "fan" in str(lost["Reason"])


def test_granted_is_told_at_once() -> None:
    told = Told()

    async def work() -> None:
        async with virtual() as scene, noticing(scene, told):
            requests = scene.lab.farm.requests
            await requests.close_request(LOCAL_ADMIN, scene.request.id)

            await requests.new_request(LOCAL_ADMIN, NewRequest(caps={}, priority=8))
            await scene.lab.settled()
            await asyncio.sleep(1)

    play(work())
    assert told.kinds() == ["request.granted"], "an end that was wished for is no news"
    assert told.all[0][1].data["Request"] == 2


def test_who_named_no_webhook_or_is_disabled_is_not_told() -> None:
    for account in (None, replace(OWN, notify=""), replace(OWN, disabled=True)):
        told = Told()

        async def work(told: Told = told, account: Account | None = account) -> None:
            async with virtual() as scene, noticing(scene, told, account):
                await scene.lab.farm.requests.nudge(LOCAL_ADMIN, scene.request.id)
                await asyncio.sleep(1)

        play(work())
        assert told.kinds(OWN.notify) == []
        assert told.kinds() == ["request.nudged"]


def test_a_job_shorter_than_the_warning_is_not_warned_of() -> None:
    told = Told()

    async def work() -> None:
        async with virtual(length=timedelta(minutes=4)) as scene, noticing(scene, told):
            await asyncio.sleep(300)

    play(work())
    assert told.kinds() == []


def test_who_prolongs_ever_again_has_one_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boruta_farm.notify.notices.SPARE", 2)
    told = Told()

    async def work() -> None:
        async with virtual(length=HOUR) as scene, noticing(scene, told):
            requests = scene.lab.farm.requests
            for _ in range(10):
                await requests.prolong_access(
                    LOCAL_ADMIN, scene.request.id, MoreTime(length=timedelta(minutes=10))
                )
                await asyncio.sleep(1)
            await asyncio.sleep(9200)
            assert told.kinds() == []
            await asyncio.sleep(200)

    play(work())
    assert told.kinds() == ["request.ending"]


def test_who_does_not_use_his_board_is_told_until_when_he_has_it() -> None:
    told = Told()

    async def work() -> None:
        async with virtual(idle_end=timedelta(minutes=10)) as scene, noticing(scene, told):
            await asyncio.sleep(600)
            epoch = scene.lab.farm.fleet.workers[scene.board.uuid].epoch
            await scene.lab.farm.stewards_reports.warn_idle(scene.board.uuid, epoch)
            await asyncio.sleep(1)
            assert told.kinds() == ["request.idle"]
            ends = told.all[-1][1].data["Ends"]
            assert isinstance(ends, str)
            assert ends.endswith("Z")

    play(work())

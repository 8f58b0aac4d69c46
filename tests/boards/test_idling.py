"""Boards that nobody uses are taken for who waits, in a farm under virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from boruta_farm.boards.idling import Idling, Uses
from boruta_farm.core import idling
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.events import EventKind
from boruta_farm.model.request import NewRequest, Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.testing.boards import SimulatedBoard
from boruta_farm.testing.loop import run_virtual
from tests.client.serving import Lab, uuid_of

UUID = uuid_of(1)
SETTINGS = FarmSettings(idle_end=timedelta(minutes=20))
PLAIN = NewRequest(caps={}, priority=8)


class Scene:
    """A farm with one board, lent for the first request; time passes by asking for it."""

    def __init__(self, lab: Lab, uses: Uses) -> None:
        self.lab = lab
        self.uses = uses

    async def pass_by(self, minutes: float, *, used: bool = False) -> Request:
        """Let minutes pass, in each of which the board is used or not; return the request."""
        for _ in range(round(minutes)):
            await asyncio.sleep(60)
            if used:
                self.uses.hear(UUID, self.lab.farm.fleet.workers[UUID].epoch)
        await asyncio.sleep(1)
        return await self.lab.farm.requests.get_request_info(LOCAL_ADMIN, 1)

    async def file(self) -> int:
        return (await self.lab.farm.requests.new_request(LOCAL_ADMIN, PLAIN)).id


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    lab = Lab(SETTINGS)
    await lab.start()
    farm, clock = lab.farm, lab.simulated.clock
    uses = Uses(
        farm.fleet,
        farm.reports,
        clock,
        lambda request, now: idling.to_be_noted(request, SETTINGS, now),
    )
    watching = Idling(
        farm.fleet,
        farm.stewards_reports,
        clock,
        lambda request, now: idling.is_idle(request, SETTINGS, now),
        farm.matcher.wanted,
    )
    tasks = [asyncio.create_task(uses.note()), asyncio.create_task(watching.watch())]
    try:
        await lab.board(SimulatedBoard(UUID, {}, "lab"))
        played = Scene(lab, uses)
        await played.file()
        await lab.settled()
        yield played
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await lab.end()


def test_an_unused_board_is_taken_for_who_waits_after_a_warning() -> None:
    async def work() -> None:
        async with scene() as lent:
            second = await lent.file()
            assert (await lent.pass_by(19)).idle_ends is None
            warned = await lent.pass_by(2)
            assert warned.idle_ends is not None
            assert warned.state is RequestState.IN_PROGRESS
            done = await lent.pass_by(6)
            assert done.state is RequestState.DONE
            assert "not used" in (done.reason or "")
            await lent.lab.settled()
            following = await lent.lab.farm.requests.get_request_info(LOCAL_ADMIN, second)
            assert following.state is RequestState.IN_PROGRESS

    run_virtual(work())


def test_nobody_is_disturbed_while_nobody_waits() -> None:
    async def work() -> None:
        async with scene() as lent:
            kept = await lent.pass_by(50)
            assert (kept.state, kept.idle_ends) == (RequestState.IN_PROGRESS, None)
            await lent.file()
            assert (await lent.pass_by(1)).idle_ends is not None

    run_virtual(work())


def test_who_uses_his_board_keeps_it_however_many_wait() -> None:
    async def work() -> None:
        async with scene() as lent:
            await lent.file()
            kept = await lent.pass_by(50, used=True)
            assert (kept.state, kept.idle_ends) == (RequestState.IN_PROGRESS, None)
            events = await lent.lab.simulated.store.events(0, 1000)
            noted = [event for event in events if event.kind is EventKind.REQUEST_USED]
            assert 1 < len(noted) < 12

    run_virtual(work())


def test_use_after_the_warning_keeps_it() -> None:
    async def work() -> None:
        async with scene() as lent:
            await lent.file()
            assert (await lent.pass_by(21)).idle_ends is not None
            kept = await lent.pass_by(1, used=True)
            assert kept.idle_ends is None
            assert (await lent.pass_by(10)).state is RequestState.IN_PROGRESS

    run_virtual(work())

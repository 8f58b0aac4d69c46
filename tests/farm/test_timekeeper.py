"""The machine's clock is set while a farm runs, sleeps or is down; all under virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from boruta_farm.feed import Subscription
from boruta_farm.model.audit import AuditFilter
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.events import EventKind
from boruta_farm.model.request import NewRequest, Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.boards import SimulatedBoard
from boruta_farm.testing.loop import run_virtual
from boruta_farm.testing.simulation import SimulatedFarm

DAY = timedelta(days=1)
SOON = 4.0
"""Seconds within which a clock that was set is taken over."""

JOB = timedelta(minutes=10)
UUID = "00000000-0000-4000-8000-000000000001"


class Lab:
    """A farm with one board, which is lent, and what is known of both."""

    def __init__(self, folder: Path, wrong_by: timedelta = timedelta()) -> None:
        settings = FarmSettings(job_timeout=JOB, job_limit=3 * JOB)
        self.farm = SimulatedFarm(folder / "farm.db", settings)
        self.farm.clock.wall_ahead = wrong_by
        self.board = SimulatedBoard(uuid=UUID, caps={"arch": "arm"}, name="board-1")
        self.number = 0
        self.ends = 0.0

    async def begin(self) -> None:
        """Start the server and lend the board."""
        await self.farm.start()
        await self.farm.connect(self.board)
        await self.farm.farm.workers.set_state(LOCAL_ADMIN, UUID, WorkerState.IDLE)
        await self.farm.settle(1)
        self.number = (await self.file()).id
        await self.farm.settle(1)
        self.ends = self.board.ends
        assert (await self.request()).state is RequestState.IN_PROGRESS

    async def file(self, **times: datetime) -> Request:
        """File a request for the board."""
        new = NewRequest(caps={"arch": "arm"}, priority=8, **times)  # type: ignore[arg-type]  # a test names them
        return await self.request((await self.farm.farm.requests.new_request(LOCAL_ADMIN, new)).id)

    async def request(self, number: int | None = None) -> Request:
        """Return what is stored of a request, by default of the one that has the board."""
        found = await self.farm.store.get_request(number or self.number)
        assert found is not None
        return found

    def set_clock(self, by: timedelta) -> None:
        """Set the machine's clock."""
        self.farm.clock.wall_ahead += by

    async def restart(self, boot: str = "boot-1", by: timedelta = timedelta()) -> None:
        """Kill the server and start it again, the machine's clock set meanwhile."""
        await self.farm.crash()
        self.set_clock(by)
        self.farm.boot = boot
        await self.farm.start()
        await self.farm.settle(1)

    def assert_right(self) -> None:
        """Check that the farm's time is the machine's."""
        assert abs(self.farm.clock.drift()) < timedelta(seconds=2)

    async def assert_kept(self, within: float = 0.01) -> None:
        """Check that the job ends when its agent was told first, by the farm's time as well."""
        job = (await self.request()).live_job
        assert job is not None
        now = asyncio.get_running_loop().time()
        assert self.board.ends == pytest.approx(self.ends, abs=within)
        left = (job.timeout - self.farm.clock.now()).total_seconds()
        assert left == pytest.approx(self.ends - now, abs=within)
        await self.farm.settle(self.ends - now - 1)
        assert (await self.request()).state is RequestState.IN_PROGRESS
        await self.farm.settle(8)
        assert (await self.request()).state is RequestState.DONE


Scene = Callable[[Lab], Awaitable[None]]


def play(folder: Path, scene: Scene, wrong_by: timedelta = timedelta()) -> None:
    async def whole() -> None:
        lab = Lab(folder, wrong_by)
        await lab.begin()
        try:
            await scene(lab)
        finally:
            await lab.farm.crash()

    run_virtual(whole())


@pytest.mark.parametrize("by", [DAY, timedelta(seconds=30), 400 * DAY])
def test_a_clock_set_forward_is_followed(tmp_path: Path, by: timedelta) -> None:
    async def scene(lab: Lab) -> None:
        lab.set_clock(by)
        await lab.farm.settle(SOON)
        lab.assert_right()
        await lab.assert_kept()

    play(tmp_path, scene, -by)


@pytest.mark.parametrize("by", [DAY, timedelta(seconds=30)])
def test_a_clock_set_back_is_followed_once_somebody_vouches_for_it(
    tmp_path: Path, by: timedelta
) -> None:
    async def scene(lab: Lab) -> None:
        before = lab.farm.clock.now()
        lab.set_clock(-by)
        await lab.farm.settle(60)
        assert lab.farm.clock.now() >= before
        words = lab.farm.farm.timekeeper.words()
        assert words is not None
        assert "boruta clock adopt" in words
        lab.farm.synchronised = True
        await lab.farm.settle(SOON)
        lab.assert_right()
        assert "was set by -" in (lab.farm.farm.timekeeper.words() or "")
        await lab.assert_kept()

    play(tmp_path, scene, by)


def test_a_database_elsewhere_vouches_for_a_clock_that_agrees_with_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(lab: Lab) -> None:
        clock, there = lab.farm.clock, -DAY - timedelta(seconds=3)

        async def foreign_time() -> datetime:
            return clock.now() + there

        monkeypatch.setattr(lab.farm.store, "foreign_time", foreign_time)
        lab.set_clock(-DAY)
        await lab.farm.settle(60)
        assert clock.drift() == -DAY, "the two disagree"
        there += timedelta(seconds=2)
        await lab.farm.settle(SOON)
        lab.assert_right()
        await lab.assert_kept()

    play(tmp_path, scene, DAY)


def test_an_admins_word_is_enough(tmp_path: Path) -> None:
    async def scene(lab: Lab) -> None:
        lab.set_clock(-DAY)
        reading = await lab.farm.farm.timekeeper.adopt(LOCAL_ADMIN)
        assert reading.time == reading.machine
        lab.assert_right()
        (entry,) = await lab.farm.store.audit(AuditFilter(action="clock.stepped"))
        assert (entry.actor, entry.detail["by"]) == ("admin", "-86400.000 s")
        await lab.assert_kept()

    play(tmp_path, scene, DAY)


@pytest.mark.parametrize("by", [DAY, -DAY])
def test_a_clock_set_while_the_server_was_down_ends_no_job(tmp_path: Path, by: timedelta) -> None:
    async def scene(lab: Lab) -> None:
        lab.farm.synchronised = True
        await lab.restart(by=by)
        await lab.farm.settle(SOON)
        lab.assert_right()
        await lab.restart()
        lab.assert_right()
        await lab.assert_kept()

    play(tmp_path, scene, -by)


def test_a_machine_that_boots_with_an_old_clock_goes_on_from_the_farms_time(
    tmp_path: Path,
) -> None:
    async def scene(lab: Lab) -> None:
        before = lab.farm.clock.now()
        await lab.restart("boot-2", -DAY)
        assert lab.farm.clock.now() >= before
        lab.set_clock(DAY)
        await lab.farm.settle(SOON)
        lab.assert_right()
        # How long it was off is not known; the last commit is.
        await lab.assert_kept(within=3)

    play(tmp_path, scene)


def test_what_people_named_is_a_moment_on_their_clocks(tmp_path: Path) -> None:
    async def scene(lab: Lab) -> None:
        now = lab.farm.clock.now()
        late = await lab.file(deadline=now + DAY / 2)
        early = await lab.file(valid_after=now + DAY / 2, deadline=now + 2 * DAY)
        lab.set_clock(DAY)
        await lab.farm.settle(SOON)
        assert (await lab.request(late.id)).state is RequestState.TIMEOUT
        assert (await lab.request(early.id)).deadline == early.deadline
        await lab.farm.farm.requests.close_request(LOCAL_ADMIN, lab.number)
        await lab.farm.settle(2)
        assert (await lab.request(early.id)).state is RequestState.IN_PROGRESS

    play(tmp_path, scene, -DAY)


def test_what_became_valid_too_early_waits_again(tmp_path: Path) -> None:
    async def scene(lab: Lab) -> None:
        now = lab.farm.clock.now()
        waiting = await lab.file(valid_after=now - DAY / 2, deadline=now + DAY)
        lab.farm.synchronised = True
        lab.set_clock(-DAY)
        await lab.farm.settle(SOON)
        await lab.farm.farm.requests.close_request(LOCAL_ADMIN, lab.number)
        await lab.farm.settle(60)
        assert (await lab.request(waiting.id)).state is RequestState.WAITING
        await lab.farm.settle(DAY.total_seconds() / 2)
        assert (await lab.request(waiting.id)).state is not RequestState.WAITING

    play(tmp_path, scene, DAY)


def test_a_step_is_journalled_once_and_small_drift_is_left_alone(tmp_path: Path) -> None:
    async def scene(lab: Lab) -> None:
        follower: Subscription = lab.farm.farm.feed.subscribe()
        lab.set_clock(timedelta(seconds=1.5))
        await lab.farm.settle(30)
        assert lab.farm.clock.drift() == timedelta(seconds=1.5)
        lab.set_clock(DAY)
        await lab.farm.settle(30)
        kinds = [change.event.kind for change in await follower.next() or ()]
        assert kinds.count(EventKind.CLOCK_STEPPED) == 1
        (entry,) = await lab.farm.store.audit(AuditFilter(action="clock.stepped"))
        assert (entry.actor, entry.subject, entry.detail["jobs"]) == ("farm", "clock", "1")

    play(tmp_path, scene)


def test_setting_the_clock_loses_no_agent(tmp_path: Path) -> None:
    async def scene(lab: Lab) -> None:
        lab.farm.disconnect(UUID)
        lab.set_clock(DAY)
        await lab.farm.settle(SOON)
        worker = await lab.farm.store.get_worker(UUID)
        assert worker is not None
        assert worker.unreachable_since is None
        await lab.farm.settle(35)
        worker = await lab.farm.store.get_worker(UUID)
        assert worker is not None
        assert worker.unreachable_since is not None

    play(tmp_path, scene)

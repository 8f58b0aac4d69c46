"""The runner does one thing at a time for each board, as the policy of its kind says."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable
from dataclasses import replace
from typing import cast

import pytest

from boruta_farm.boards.runner import RETRY_AFTER, Runner
from boruta_farm.clock import VirtualClock
from boruta_farm.contracts import Reports
from boruta_farm.feed import Feed
from boruta_farm.fleet import Fleet
from boruta_farm.model.errors import (
    AgentUnreachableError,
    BoardError,
    BorutaError,
    OutcomeUnknownError,
    OverloadedError,
    StaleEpochError,
)
from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.model.worker import Fence, Worker, WorkerState
from boruta_farm.store.base import Snapshot
from boruta_farm.testing.boards import SimulatedBoards
from boruta_farm.testing.loop import run_virtual
from tests.matching.naive import START, make_worker

PREPARING = make_worker("a", state=WorkerState.PREPARE)
TAKES = 2.0


class NotedPolicy:
    """Note when what was begun and ended; raise what was asked for, once each."""

    def __init__(self, stage: "Staged", name: str) -> None:
        self.stage = stage
        self.name = name
        self.errors: list[BorutaError] = []
        self.wait = 0.0

    def step(self, worker: Worker) -> Hashable | None:
        return (worker.epoch, worker.state) if worker.state is WorkerState.PREPARE else None

    def rest(self, uuid: str) -> float:
        return self.wait

    async def check(self, worker: Worker) -> None:
        raise AssertionError("no opening fails here")

    async def carry_out(self, worker: Worker) -> None:
        now = asyncio.get_running_loop().time()
        self.stage.begun.append((now, self.name, worker.uuid, worker.epoch))
        self.stage.at_once += 1
        self.stage.most = max(self.stage.most, self.stage.at_once)
        await asyncio.sleep(TAKES)
        self.stage.at_once -= 1
        if self.errors:
            raise self.errors.pop(0)


class NotedReports:
    """Note who failed."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, str]] = []

    async def failed(self, uuid: str, epoch: int, reason: str) -> None:
        self.told.append((uuid, epoch, reason))


class DoubtfulFeed:
    """Count how often it was not known what had been committed."""

    def __init__(self) -> None:
        self.doubts = 0


class Staged:
    """A fleet, a runner, and policies for boards with and without a fence."""

    def __init__(self, kinds: Collection[Fence]) -> None:
        clock = VirtualClock(START)
        self.feed = DoubtfulFeed()
        self.fleet = Fleet(cast("Feed", self.feed), SimulatedBoards(clock), clock)
        self.begun: list[tuple[float, str, str, int]] = []
        self.at_once = self.most = 0
        self.fenced, self.unfenced = NotedPolicy(self, "fenced"), NotedPolicy(self, "unfenced")
        self.reports = NotedReports()
        both = {Fence.AGENT: self.fenced, Fence.NONE: self.unfenced}
        policies = {kind: both[kind] for kind in kinds}
        self.runner = Runner(self.fleet, cast("Reports", self.reports), policies)

    def begin(self, *workers: Worker) -> None:
        """Read the farm anew."""
        snapshot = Snapshot(number=1, requests=(), workers=workers)
        self.fleet.begin(snapshot, self.feed.doubts)

    def change(self, worker: Worker) -> None:
        """Commit a change."""
        event = Event(number=1, at=START, kind=EventKind.WORKER_STATE)
        self.fleet.fold((Change(event=event, worker=worker),))

    def names(self) -> list[str]:
        """Return whose policies were asked, in order."""
        return [name for _, name, _, _ in self.begun]


def play(
    script: Callable[[Staged], Awaitable[None]], kinds: Collection[Fence] = tuple(Fence)
) -> None:
    async def main() -> None:
        staged = Staged(kinds)
        running = asyncio.create_task(staged.runner.attend())
        staged.begin(PREPARING)
        try:
            await script(staged)
            assert not running.done()
        finally:
            running.cancel()

    run_virtual(main())


def test_a_board_s_kind_decides_and_one_thing_is_done_at_a_time() -> None:
    async def script(staged: Staged) -> None:
        await asyncio.sleep(TAKES / 2)
        assert staged.names() == ["fenced"]
        staged.change(replace(PREPARING, fence=Fence.NONE, epoch=PREPARING.epoch + 1))
        await asyncio.sleep(2 * TAKES)
        assert staged.names() == ["fenced", "unfenced"]
        assert staged.most == 1

    play(script)


def test_boards_of_a_kind_without_a_policy_are_left_alone() -> None:
    async def script(staged: Staged) -> None:
        staged.change(make_worker("b", state=WorkerState.PREPARE, fence=Fence.NONE))
        await asyncio.sleep(2 * TAKES)
        assert [uuid for _, _, uuid, _ in staged.begun] == ["a"]

    play(script, [Fence.AGENT])


def test_what_was_done_is_not_done_again_though_the_farm_is_read_anew() -> None:
    async def script(staged: Staged) -> None:
        await asyncio.sleep(1.5 * TAKES)
        staged.begin(PREPARING)
        staged.change(PREPARING)
        await asyncio.sleep(2 * TAKES)
        assert len(staged.begun) == 1
        staged.change(replace(PREPARING, epoch=PREPARING.epoch + 1))
        await asyncio.sleep(2 * TAKES)
        assert len(staged.begun) == 2

    play(script)


@pytest.mark.parametrize("error", [OutcomeUnknownError(), StaleEpochError()])
def test_what_may_have_been_done_waits_for_what_the_feed_tells(error: BorutaError) -> None:
    async def script(staged: Staged) -> None:
        staged.fenced.errors = [error]
        staged.feed.doubts += 1
        await asyncio.sleep(1.5 * TAKES)
        staged.change(PREPARING)
        await asyncio.sleep(2 * TAKES)
        assert len(staged.begun) == 1
        staged.begin(PREPARING)
        await asyncio.sleep(2 * TAKES)
        assert len(staged.begun) == 1 + isinstance(error, OutcomeUnknownError)

    play(script)


def test_who_hears_of_a_doubt_after_the_feed_has_told_does_not_wait_for_it_again() -> None:
    async def script(staged: Staged) -> None:
        staged.fenced.errors = [OutcomeUnknownError()]
        await asyncio.sleep(TAKES / 2)
        staged.feed.doubts += 1
        staged.begin(PREPARING)
        await asyncio.sleep(TAKES)
        assert len(staged.begun) == 2

    play(script)


def test_what_the_farm_could_not_take_is_done_again_after_a_moment() -> None:
    async def script(staged: Staged) -> None:
        staged.fenced.errors = [OverloadedError()]
        await asyncio.sleep(3 * TAKES)
        first, second = (when for when, _, _, _ in staged.begun)
        assert second - first == TAKES + RETRY_AFTER.total_seconds()

    play(script)


def test_an_agent_that_went_away_is_asked_again_when_it_comes() -> None:
    async def script(staged: Staged) -> None:
        staged.fenced.errors = [AgentUnreachableError()]
        await asyncio.sleep(3 * TAKES)
        assert len(staged.begun) == 1
        staged.change(PREPARING)
        await asyncio.sleep(2 * TAKES)
        assert len(staged.begun) == 2

    play(script)


def test_a_board_that_fails_is_reported_once_with_its_words() -> None:
    async def script(staged: Staged) -> None:
        staged.fenced.errors = [BoardError("no room")]
        await asyncio.sleep(1.5 * TAKES)
        staged.change(PREPARING)
        await asyncio.sleep(2 * TAKES)
        assert staged.reports.told == [("a", PREPARING.epoch, "no room")]
        assert len(staged.begun) == 1

    play(script)


def test_a_board_at_rest_is_looked_at_again_before_it_is_called() -> None:
    async def script(staged: Staged) -> None:
        staged.unfenced.wait = 60.0
        resting = make_worker("b", state=WorkerState.PREPARE, fence=Fence.NONE)
        staged.change(resting)
        await asyncio.sleep(30)
        staged.change(replace(resting, state=WorkerState.FAILED))
        await asyncio.sleep(40)
        assert staged.names() == ["fenced"]

    play(script)

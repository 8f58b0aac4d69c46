"""The matcher submits what the index proposes, and lives with refusals."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from boruta_farm.core.demands import demand_key
from boruta_farm.core.jobs import Grant
from boruta_farm.farm.matcher import MOST_IN_FLIGHT, Matcher
from boruta_farm.matching.learning import demand_name
from boruta_farm.model.caller import LOCAL_ADMIN, Caller, Role
from boruta_farm.model.errors import (
    BorutaError,
    OverloadedError,
    StaleProposalError,
    StartingError,
    UnavailableError,
)
from boruta_farm.model.explanation import Cause
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.summary import Summary
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.loop import run_virtual
from tests.farm.following import Journal, at, during
from tests.matching.naive import START, make_request, make_worker

HOUR = timedelta(hours=1)
ARM = {"arch": "arm"}


def make_job(request: Request, worker: str, granted: datetime = START) -> Job:
    """Return a running job of one hour."""
    return Job(
        request_id=request.id,
        worker=worker,
        epoch=3,
        phase=JobPhase.LIVE,
        granted=granted,
        timeout=granted + HOUR,
        limit=granted + 24 * HOUR,
    )


class Bench:
    """A matcher over a journal, with a writer that accepts or raises what the test wants."""

    def __init__(self, settings: FarmSettings | None = None) -> None:
        self.journal = Journal()
        self.clock = self.journal.clock
        self.asked: list[tuple[float, int, str]] = []
        self.faults: list[BorutaError] = []
        self.orphaned: list[tuple[int, ...]] = []
        self.adopted: list[tuple[int, ...]] = []
        self.mark_faults: list[BorutaError] = []
        self.open = asyncio.Event()
        self.open.set()
        self.most_at_once = self.at_once = 0
        self.limits: dict[str, int] = {}
        self.trouble: str | None = None
        self.matcher = Matcher(
            self.journal.feed,
            self.grant,
            self.orphan,
            self.adopt,
            self.clock,
            settings or FarmSettings(),
            lambda: dict(self.limits),
            lambda: self.trouble,
        )

    async def grant(self, grant: Grant) -> None:
        self.asked.append((self.clock.monotonic(), grant.request_id, grant.worker))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.open.wait()
        self.at_once -= 1
        if self.faults:
            raise self.faults.pop(0)
        request = self.journal.requests[grant.request_id]
        worker = self.journal.workers[grant.worker]
        if (request.revision, worker.revision) != (grant.request_revision, grant.worker_revision):
            raise StaleProposalError
        job = make_job(request, worker.uuid, self.clock.now())
        state = RequestState.IN_PROGRESS
        self.journal.commit(
            replace(request, state=state, job=job, revision=request.revision + 1),
            replace(worker, state=WorkerState.RUNNING, revision=worker.revision + 1),
        )

    async def orphan(self, ids: tuple[int, ...]) -> None:
        self._mark(self.orphaned, ids)
        for number in ids:
            request = self.journal.requests[number]
            marked = replace(request, orphaned_since=self.clock.now())
            self.journal.commit(replace(marked, revision=request.revision + 1))

    async def adopt(self, ids: tuple[int, ...]) -> None:
        self._mark(self.adopted, ids)

    def _mark(self, told: list[tuple[int, ...]], ids: tuple[int, ...]) -> None:
        if self.mark_faults:
            raise self.mark_faults.pop(0)
        told.append(ids)

    def served(self) -> list[int]:
        """Return who was granted something."""
        return [r.id for r in self.journal.requests.values() if r.state is RequestState.IN_PROGRESS]


def run(script: Callable[[Bench], Awaitable[None]], settings: FarmSettings | None = None) -> None:
    """Run a script against a running matcher under virtual time."""

    async def main() -> None:
        bench = Bench(settings)
        await during(bench.matcher.keep_matching, lambda: script(bench))

    run_virtual(main())


def test_what_was_there_before_the_start_is_matched() -> None:
    async def script(bench: Bench) -> None:
        bench.journal.commit(make_request(1, ARM), make_worker("01", ARM), silent=True)
        await asyncio.sleep(1)
        assert bench.served() == [1]

    run(script)


def test_contention_is_won_by_order_and_release_hands_the_board_on() -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(1)
        bench.journal.commit(make_request(2, ARM), make_request(1, ARM), make_worker("01", ARM))
        await asyncio.sleep(1)
        assert bench.served() == [1]
        done = replace(bench.journal.requests[1], state=RequestState.DONE, job=None)
        running = bench.journal.workers["01"]
        bench.journal.commit(
            done, replace(running, state=WorkerState.IDLE, revision=running.revision + 1)
        )
        await asyncio.sleep(1)
        assert bench.served() == [2]

    run(script)


def test_an_account_s_limit_of_jobs_holds_and_counts_anew_when_it_changes() -> None:
    async def script(bench: Bench) -> None:
        bench.limits["ann"] = 1
        await asyncio.sleep(1)
        bench.journal.commit(
            make_request(1, ARM, owner="ann"),
            make_request(2, ARM, owner="ann"),
            make_request(3, ARM, owner="bob"),
            *(make_worker(number, ARM) for number in ("01", "02", "03")),
        )
        await asyncio.sleep(1)
        assert sorted(bench.served()) == [1, 3]
        bench.limits["ann"] = 2
        bench.journal.commit(make_worker("04"))
        await asyncio.sleep(1)
        assert sorted(bench.served()) == [1, 2, 3]

    run(script)


def test_a_request_is_granted_when_it_becomes_valid() -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(1)
        bench.journal.commit(make_worker("01"), make_request(1, valid_after=at(500)))
        await asyncio.sleep(600)
        ((when, request_id, _),) = bench.asked
        assert request_id == 1
        assert 500 <= when < 500.01

    run(script)


def test_a_refused_proposal_goes_back_and_another_board_may_serve() -> None:
    async def script(bench: Bench) -> None:
        bench.faults.append(StaleProposalError())
        await asyncio.sleep(1)
        bench.journal.commit(make_worker("01"), make_request(1))
        await asyncio.sleep(0.5)
        assert bench.served() == [1]
        assert len(bench.asked) == 2

    run(script)


def test_who_is_to_have_a_board_that_is_being_prepared_is_proposed_once() -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(1)
        preparing = make_worker("01", state=WorkerState.PREPARE)
        bench.journal.commit(preparing, make_request(1), make_request(2))
        assert bench.matcher.claim("01") is None, "the queue's news come first"
        await asyncio.sleep(1)
        claim = bench.matcher.claim("01")
        assert claim is not None
        assert (claim.grant.request_id, claim.grant.worker) == (1, "01")
        bench.journal.commit(make_worker("02"))
        await asyncio.sleep(1)
        assert bench.served() == [2], "who was proposed is not proposed again"
        bench.matcher.settle(claim, granted=False)
        bench.journal.commit(make_worker("03"))
        await asyncio.sleep(1)
        assert bench.served() == [1, 2]
        assert bench.matcher.claim("01") is None

    run(script)


def test_nobody_is_proposed_while_nothing_may_be_granted() -> None:
    async def script(bench: Bench) -> None:
        bench.journal.commit(make_worker("01", state=WorkerState.PREPARE), make_request(1))
        await asyncio.sleep(1)
        bench.trouble = "the disk is full"
        assert bench.matcher.claim("01") is None
        bench.trouble = None
        assert bench.matcher.claim("01") is not None

    run(script)


def test_a_proposal_refused_again_and_again_does_not_keep_the_writer_busy() -> None:
    async def script(bench: Bench) -> None:
        bench.faults.extend(StaleProposalError() for _ in range(20))
        await asyncio.sleep(1)
        bench.journal.commit(make_worker("01"), make_request(1))
        await asyncio.sleep(5)
        assert 4 <= len(bench.asked) <= 12

    run(script)


def test_an_overloaded_writer_is_asked_again_after_a_second() -> None:
    async def script(bench: Bench) -> None:
        bench.faults.append(OverloadedError())
        await asyncio.sleep(1)
        bench.journal.commit(make_worker("01"), make_request(1))
        await asyncio.sleep(3)
        first, second = (when for when, _, _ in bench.asked)
        assert 1 <= second - first < 1.1
        assert bench.served() == [1]

    run(script)


def test_an_unexpected_failure_ends_the_matcher() -> None:
    async def script(bench: Bench) -> None:
        bench.faults.append(BorutaError("broken"))
        bench.journal.commit(make_worker("01"), make_request(1))
        await asyncio.sleep(10)

    with pytest.raises(ExceptionGroup) as caught:
        run(script)
    assert caught.value.subgroup(lambda fault: str(fault) == "broken")


def test_grants_in_flight_are_many_but_bounded() -> None:
    async def script(bench: Bench) -> None:
        bench.open.clear()
        count = MOST_IN_FLIGHT + 300
        bench.journal.commit(*(make_worker(f"{n:04}", ARM) for n in range(count)))
        bench.journal.commit(*(make_request(n + 1, ARM) for n in range(count)))
        await asyncio.sleep(1)
        assert bench.at_once == MOST_IN_FLIGHT
        bench.open.set()
        await asyncio.sleep(1)
        assert len(bench.served()) == count
        assert bench.most_at_once == MOST_IN_FLIGHT

    run(script)


def test_a_doubtful_feed_is_read_anew() -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(1)
        bench.journal.faults.append(UnavailableError())
        bench.journal.commit(make_worker("01"), make_request(1), silent=True)
        await asyncio.sleep(5)
        assert bench.served() == []
        bench.journal.doubt()
        await asyncio.sleep(5)
        assert bench.served() == [1]

    run(script)


def test_orphans_are_marked_in_batches_until_the_writer_takes_them() -> None:
    async def script(bench: Bench) -> None:
        bench.journal.commit(make_worker("01", ARM, state=WorkerState.FAILED))
        bench.journal.commit(*(make_request(n, ARM) for n in range(1, 301)))
        await asyncio.sleep(1)
        bench.mark_faults.append(UnavailableError())
        bench.journal.deregister("01")
        await asyncio.sleep(5)
        assert [len(ids) for ids in bench.orphaned] == [256, 44]
        bench.journal.commit(make_worker("02", ARM, state=WorkerState.FAILED))
        await asyncio.sleep(5)
        assert sorted(i for ids in bench.adopted for i in ids) == list(range(1, 301))

    run(script)


def test_a_board_lost_while_the_feed_was_in_doubt_leaves_orphans() -> None:
    async def script(bench: Bench) -> None:
        bench.journal.commit(make_worker("01", state=WorkerState.FAILED), make_request(1))
        await asyncio.sleep(1)
        bench.journal.deregister("01", silent=True)
        bench.journal.doubt()
        await asyncio.sleep(1)
        assert bench.orphaned == [(1,)]

    run(script)


def test_it_explains_and_counts_once_its_index_is_built() -> None:
    async def script(bench: Bench) -> None:
        request = make_request(1, {"hdmi": "yes"})
        assert bench.matcher.explain(request, LOCAL_ADMIN).cause is Cause.STARTING
        with pytest.raises(StartingError):
            bench.matcher.count_orphans("01")
        worker = make_worker("01", ARM, state=WorkerState.FAILED)
        bench.journal.commit(request, worker, make_request(2, ARM))
        await asyncio.sleep(1)
        explanation = bench.matcher.explain(request, LOCAL_ADMIN)
        assert explanation.cause is Cause.NO_BOARD
        assert explanation.unknown == ("hdmi=yes",)
        assert explanation.near_miss is not None
        assert explanation.position == 1
        assert bench.matcher.count_orphans("01") == 1

    run(script)


@pytest.mark.parametrize(
    ("caller", "shown", "owner"),
    [
        (LOCAL_ADMIN, False, "eve"),
        (replace(LOCAL_ADMIN, id="ann", role=Role.USER), False, None),
        (replace(LOCAL_ADMIN, id="eve", role=Role.USER), False, "eve"),
        (replace(LOCAL_ADMIN, id="ann", role=Role.USER), True, "eve"),
    ],
)
def test_owners_are_named_to_those_who_may_know(
    caller: Caller, shown: bool, owner: str | None
) -> None:
    async def script(bench: Bench) -> None:
        held = make_request(1, ARM, owner="eve", groups=[])
        bench.journal.commit(make_worker("01", ARM), held)
        await asyncio.sleep(1)
        job = make_job(held, "01")
        started = replace(held, job=job, state=RequestState.IN_PROGRESS, revision=2)
        running = replace(make_worker("01", ARM, state=WorkerState.RUNNING), revision=2)
        waiting = make_request(2, ARM, owner="ann")
        bench.journal.commit(running, started, waiting)
        await asyncio.sleep(1)
        found = bench.matcher.explain(waiting, caller)
        assert [holder.owner for holder in found.holders] == [owner]

    run(script, FarmSettings(show_owners=shown))


def test_what_jobs_took_is_known_after_a_new_start() -> None:
    async def script(bench: Bench) -> None:
        bench.journal.summaries = (
            Summary(
                subject=f"length/{demand_name(demand_key(make_request(1, ARM)))}/",
                values=(600.0,),
                updated=START,
            ),
        )
        bench.journal.doubt()
        waiting = make_request(2, ARM)
        held = make_request(1, ARM)
        started = replace(held, job=make_job(held, "01"), state=RequestState.IN_PROGRESS)
        bench.journal.commit(make_worker("01", ARM, state=WorkerState.RUNNING), started, waiting)
        await asyncio.sleep(1)
        forecast = bench.matcher.explain(waiting, LOCAL_ADMIN).forecast
        assert forecast is not None
        assert forecast.earliest == START + timedelta(minutes=10)

    run(script)


def test_it_tells_what_stands_still() -> None:
    async def main() -> None:
        bench = Bench()
        assert bench.matcher.alive(START) == "the matcher does not run"

        async def script() -> None:
            bench.open.clear()
            bench.journal.commit(make_worker("01"), make_request(1))
            await asyncio.sleep(5)
            assert bench.matcher.alive(bench.clock.now()) is None
            await asyncio.sleep(60)
            assert "unanswered" in (bench.matcher.alive(bench.clock.now()) or "")

        await during(bench.matcher.keep_matching, script)
        assert bench.matcher.alive(bench.clock.now()) == "the matcher does not run"

    run_virtual(main())


def test_who_may_grant_nothing_rests_though_a_request_has_become_valid() -> None:
    asked = 0

    def held() -> str:
        nonlocal asked
        asked += 1
        return "there is no relay"

    async def main() -> None:
        journal = Journal()

        async def nothing(_what: object) -> None:
            raise AssertionError("nothing is granted")

        matcher = Matcher(
            journal.feed, nothing, nothing, nothing, journal.clock, FarmSettings(), held=held
        )

        async def script() -> None:
            journal.commit(make_request(1, ARM, valid_after=START + timedelta(seconds=5)))
            journal.commit(make_worker("01", ARM))
            await asyncio.sleep(65)

        await during(matcher.keep_matching, script)

    run_virtual(main())
    assert asked < 200, "about two times a second"

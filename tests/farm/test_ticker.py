"""Deadlines act on time, and again while nothing settles them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from boruta_farm.core.deadlines import Due, DueKind
from boruta_farm.farm.ticker import Ticker
from boruta_farm.model.errors import BorutaError, UnavailableError
from boruta_farm.model.request import RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.loop import run_virtual
from tests.farm.following import Journal, at, during
from tests.matching.naive import START, make_request, make_worker


class Bench:
    """A ticker over a journal; acting settles requests unless the test says otherwise."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.clock = self.journal.clock
        self.acted: list[tuple[float, tuple[Due, ...]]] = []
        self.faults: list[BorutaError] = []
        self.settles = True
        self.ticker = Ticker(self.journal.feed, self.act, FarmSettings(), self.clock)

    async def act(self, items: tuple[Due, ...]) -> None:
        self.acted.append((self.clock.monotonic(), items))
        await asyncio.sleep(0)
        if self.faults:
            raise self.faults.pop(0)
        for item in items if self.settles else ():
            if item.request_id is not None:
                request = self.journal.requests[item.request_id]
                self.journal.commit(replace(request, state=RequestState.TIMEOUT))

    def times(self) -> list[float]:
        """Return when it acted, to a hundredth of a second."""
        return [round(when, 2) for when, _ in self.acted]


def run(script: Callable[[Bench], Awaitable[None]]) -> None:
    """Run a script against a running ticker under virtual time."""

    async def main() -> None:
        bench = Bench()
        await during(bench.ticker.tick, lambda: script(bench))

    run_virtual(main())


def test_a_deadline_acts_on_time_and_once() -> None:
    async def script(bench: Bench) -> None:
        bench.journal.commit(make_request(1, deadline=at(100)), silent=True)
        await asyncio.sleep(50)
        bench.journal.commit(make_request(2, deadline=at(70.5)))
        await asyncio.sleep(3600)
        assert bench.times() == [70.5, 100]
        assert [items[0].request_id for _, items in bench.acted] == [2, 1]
        assert bench.acted[0][1][0].kind is DueKind.REQUEST_DEADLINE

    run(script)


def test_a_deadline_in_the_far_future_is_not_missed() -> None:
    async def script(bench: Bench) -> None:
        bench.journal.commit(make_request(1, deadline=at(86_400)))
        await asyncio.sleep(90_000)
        assert bench.times() == [86_400]

    run(script)


def test_a_deadline_moved_forward_acts_then() -> None:
    async def script(bench: Bench) -> None:
        bench.journal.commit(make_request(1, deadline=at(1000)))
        await asyncio.sleep(10)
        bench.journal.commit(make_request(1, deadline=at(20)))
        await asyncio.sleep(3600)
        assert bench.times() == [20]

    run(script)


def test_what_nothing_settles_is_acted_on_every_second() -> None:
    async def script(bench: Bench) -> None:
        bench.settles = False
        bench.journal.commit(make_worker("01", state=WorkerState.PREPARE))
        await asyncio.sleep(303.5)
        assert bench.times() == [300, 301, 302, 303]
        assert bench.acted[0][1][0].worker == "01"

    run(script)


def test_an_unavailable_writer_is_asked_again_after_a_second() -> None:
    async def script(bench: Bench) -> None:
        bench.faults.append(UnavailableError())
        bench.journal.commit(make_request(1, deadline=at(5)))
        await asyncio.sleep(60)
        assert bench.times() == [5, 6]

    run(script)


def test_many_deadlines_at_once_come_in_bounded_batches_within_a_second() -> None:
    async def script(bench: Bench) -> None:
        bench.journal.commit(*(make_request(n, deadline=at(5)) for n in range(1, 2001)))
        await asyncio.sleep(6)
        assert max(len(items) for _, items in bench.acted) == 256
        assert all(r.state is RequestState.TIMEOUT for r in bench.journal.requests.values())

    run(script)


def test_a_doubtful_feed_is_read_anew() -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(1)
        bench.journal.faults.append(UnavailableError())
        bench.journal.commit(make_request(1, deadline=at(5)), silent=True)
        bench.journal.doubt()
        await asyncio.sleep(60)
        assert bench.times() == [5]

    run(script)


def test_an_unexpected_failure_ends_the_ticker() -> None:
    async def script(bench: Bench) -> None:
        bench.faults.append(BorutaError("broken"))
        bench.journal.commit(make_request(1, deadline=at(5)))
        await asyncio.sleep(60)

    with pytest.raises(ExceptionGroup) as caught:
        run(script)
    assert caught.value.subgroup(lambda fault: str(fault) == "broken")


def test_it_tells_what_stands_still() -> None:
    async def main() -> None:
        bench = Bench()
        assert bench.ticker.alive(START) == "the ticker does not run"

        async def script() -> None:
            await asyncio.sleep(5)
            assert bench.ticker.alive(bench.clock.now()) is None

        await during(bench.ticker.tick, script)
        assert bench.ticker.alive(bench.clock.now()) == "the ticker does not run"

    run_virtual(main())

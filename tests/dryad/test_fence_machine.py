"""The fence under random calls, faults, crashes and reboots: nobody is on a board wrongly."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from boruta_farm.dryad.state import OPEN, Phase
from boruta_farm.model.errors import BorutaError
from boruta_farm.testing.loop import VirtualLoop
from tests.dryad.boards import NEW, OLD, Lab, Mood

ANSWER_WITHIN = 60.0
SETTLED = 700.0
"""Seconds after which an operation that hung and the longest retry pause are over."""

NEAR = st.integers(-1, 1)
KEYS = st.sampled_from([OLD, NEW])
LEFT = st.sampled_from([-1.0, 5.0, 100.0, 4000.0])


class FenceMachine(RuleBasedStateMachine):
    """Play a farm that repeats itself and forgets, on a board that fails."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.lab = Lab()
        self.highest = 0
        self.longest = 0.0
        self.logins = 0
        self.do(self.lab.start())

    def teardown(self) -> None:
        self.lab.driver.mood = Mood.WELL
        self.do(self.lab.kill())
        self.runner.close()

    def do(self, work: Coroutine[Any, Any, object]) -> object:
        return self.runner.run(work)

    def call(self, work: Awaitable[object]) -> bool:
        """Make a call as the farm does; False when it failed or no answer came in time."""

        async def calling() -> bool:
            try:
                async with asyncio.timeout(ANSWER_WITHIN):
                    await work
            except (BorutaError, TimeoutError):
                return False
            return True

        return bool(self.do(calling()))

    @property
    def epoch(self) -> int:
        return self.lab.fence.state.epoch

    @property
    def phase(self) -> Phase:
        return self.lab.fence.state.phase

    @rule(above=NEAR)
    def clean(self, above: int) -> None:
        epoch = max(self.epoch + above, 0)
        done = self.call(self.lab.fence.clean(epoch))
        if done:
            assert epoch == self.epoch
            assert self.phase in OPEN or (self.lab.board.key is None)
            if self.phase is Phase.CLEAN:
                assert not self.lab.board.leftovers

    @rule(above=NEAR, key=KEYS)
    def prepare(self, above: int, key: str) -> None:
        epoch = max(self.epoch + above, 0)
        if self.call(self.lab.fence.prepare(key, epoch=epoch)):
            assert epoch == self.epoch
            assert self.lab.board.key == key
            assert not self.lab.board.leftovers or self.lab.board.session

    @rule(above=NEAR, remaining=LEFT, key=KEYS | st.none())
    def grant(self, above: int, remaining: float, key: str | None) -> None:
        epoch = max(self.epoch + above, 0)
        if self.call(self.lab.fence.grant(epoch, remaining, key)):
            assert epoch == self.epoch

    @rule(above=NEAR, sequence=st.integers(0, 4), remaining=LEFT)
    def extend(self, above: int, sequence: int, remaining: float) -> None:
        epoch = max(self.epoch + above, 0)
        before = self.lab.fence.state
        if self.call(self.lab.fence.extend(epoch, sequence, remaining)):
            assert epoch == self.epoch
            after = self.lab.store.state
            assert after is not None
            if before.phase is Phase.GRANTED and after.phase is Phase.GRANTED:
                assert after.end is not None
                assert before.end is not None
                assert after.end >= before.end

    @rule(above=NEAR)
    def end(self, above: int) -> None:
        epoch = max(self.epoch + above, 0)
        if self.call(self.lab.fence.end(epoch)):
            assert epoch == self.epoch
            assert self.phase not in OPEN

    @rule()
    def look(self) -> None:
        before = self.lab.fence.state
        self.call(self.lab.fence.healthcheck())
        if self.lab.driver.mood is Mood.WELL and before.phase is Phase.PREPARED:
            assert self.lab.fence.state == before

    @rule()
    def maintain(self) -> None:
        key = self.lab.board.key
        if self.call(self.lab.fence.put_in_maintenance("repair")):
            assert key is None or self.phase not in OPEN

    @rule(farm=st.sampled_from(["one", "two"]))
    def adopt(self, farm: str) -> None:
        other = self.lab.fence.state.farm_id not in (None, farm)
        if self.call(self.lab.fence.adopt(farm, self.epoch)) and other:
            assert self.lab.board.key is None

    @precondition(lambda self: self.lab.board.key is not None)
    @rule()
    def log_in(self) -> None:
        self.logins += 1
        self.lab.board.log_in(f"file {self.logins}")

    @rule(mood=st.sampled_from(Mood))
    def turn(self, mood: Mood) -> None:
        self.lab.driver.mood = mood

    @rule()
    def recover(self) -> None:
        """A board that works again gets every overdue ending done."""
        self.lab.driver.mood = Mood.WELL
        self.lab.store.full = False
        self.do(asyncio.sleep(SETTLED))
        assert self.phase is not Phase.ENDING
        self.closed_unless_open()

    @rule(seconds=st.sampled_from([0.005, 1.0, 6.0, 90.0, 5000.0]))
    def wait(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    @rule()
    def fill_disk(self) -> None:
        self.lab.store.full = not self.lab.store.full

    @rule(mood=st.sampled_from([Mood.WELL, Mood.FAILS]))
    def crash(self, mood: Mood) -> None:
        self.do(self.lab.kill())
        self.do(self.lab.start(mood))
        self.started(mood)

    @rule(mood=st.sampled_from([Mood.WELL, Mood.BREAKS]))
    def reboot(self, mood: Mood) -> None:
        self.do(self.lab.reboot())
        self.do(self.lab.start(mood))
        assert self.phase not in OPEN, "a session must not survive a reboot"
        self.started(mood)

    @rule()
    def restart(self) -> None:
        self.do(self.lab.fence.close())
        self.do(self.lab.start())
        self.started(Mood.WELL)

    def started(self, mood: Mood) -> None:
        if mood is Mood.WELL and not self.lab.store.full:
            self.closed_unless_open()

    def closed_unless_open(self) -> None:
        state = self.lab.fence.state
        if state.phase not in OPEN:
            assert self.lab.board.key is None or state.phase in (Phase.CLEANING, Phase.PREPARING)
        else:
            assert self.lab.board.key in (state.key, state.wanted_key)

    @invariant()
    def epochs_only_rise(self) -> None:
        assert self.epoch >= self.highest
        stored = self.lab.store.state
        assert stored is None or stored.epoch <= self.epoch
        # Any step may have given a call its turn that was given up long ago.
        self.highest = self.epoch

    @invariant()
    def jobs_end_in_time(self) -> None:
        """The end of a job is at most the time its ending takes in the past."""
        state = self.lab.fence.state
        if self.lab.driver.mood is Mood.WELL and not self.lab.driver.busy:
            late = self.runner.get_loop().time() - (state.end or 0.0)
            if state.phase is Phase.GRANTED and state.end is not None:
                assert late <= 0.1


TestFence = FenceMachine.TestCase
TestFence.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


@pytest.mark.prove
def test_nobody_is_on_a_board_wrongly_in_hundreds_of_histories() -> None:
    long = settings(max_examples=300, stateful_step_count=60, derandomize=False, deadline=None)
    run_state_machine_as_test(FenceMachine, settings=long)

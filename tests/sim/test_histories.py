"""The simulation's short form: some seeds through all faults, and that a seed is the same again."""

import logging
from collections.abc import Iterator

import pytest

from tests.sim.history import forget_template, play
from tests.sim.shrinking import shrink
from tests.sim.steps import draw
from tests.sim.watch import Watch, must

SHORT = 24
"""Steps of a short history."""


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("boruta_farm")
    logger.propagate, before = False, logger.propagate
    yield
    logger.propagate = before
    forget_template()


@pytest.mark.parametrize("seed", range(1, 5))
def test_every_promise_holds_through_faults(seed: int) -> None:
    result = play(seed, count=SHORT)
    assert result.broken is None, f"./run sim --seed {seed}: {result.broken}"
    assert result.faults >= SHORT // 3


def test_a_seed_runs_the_same_again() -> None:
    first, second = play(3, count=8), play(3, count=8)
    assert (first.digest, first.lines) == (second.digest, second.lines)
    assert first.digest != play(4, count=2).digest


def test_a_history_that_fails_is_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(watch: Watch) -> None:
        must(not watch._world.faults, "something went wrong")

    monkeypatch.setattr(Watch, "check", check)
    steps = draw(2, 5)
    broken = play(2, steps).broken
    assert broken == "something went wrong"
    left = shrink(steps, broken, lambda fewer: play(2, fewer))
    assert len(left) == 1


@pytest.mark.prove
@pytest.mark.parametrize("first", [1001, 1011])
def test_every_promise_holds_in_long_histories(first: int) -> None:
    for seed in range(first, first + 5):
        result = play(seed)
        assert result.broken is None, f"./run sim --seed {seed}: {result.broken}"

"""Several demands get boards of their own, in the one order of the farm."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.pytest_plugin.choosing import choose
from tests.store.making import make_worker


def board(number: int, state: WorkerState = WorkerState.IDLE) -> Worker:
    return make_worker(number, state=state)


def test_boards_are_taken_in_the_order_of_their_uuids_whatever_they_are_called() -> None:
    one, two = board(1), board(2)
    assert choose({"a": [two], "b": [one]}) == (("b", one), ("a", two))


def test_who_fits_only_one_gets_it() -> None:
    one, two = board(1), board(2)
    assert choose({"any": [one, two], "only": [one]}) == (("only", one), ("any", two))


def test_free_boards_are_preferred_but_not_waited_for() -> None:
    busy, free = board(1, WorkerState.RUNNING), board(2)
    assert choose({"a": [busy, free]}) == (("a", free),)
    assert choose({"a": [busy, free], "b": [busy, free]}) is not None


def test_too_few_are_none() -> None:
    assert choose({"a": [board(1)], "b": [board(1)]}) is None
    assert choose({"a": []}) is None


@given(st.lists(st.sets(st.integers(0, 4)), min_size=1, max_size=4))
def test_there_is_a_choice_exactly_when_there_can_be_one(wants: list[set[int]]) -> None:
    candidates = {str(n): [board(one) for one in sorted(want)] for n, want in enumerate(wants)}
    chosen = choose(candidates)
    possible = any(len(set(each)) == len(wants) for each in itertools.product(*wants))
    assert (chosen is not None) == possible
    if chosen is not None:
        uuids = [each.uuid for _, each in chosen]
        assert uuids == sorted(set(uuids))
        assert all(each in candidates[name] for name, each in chosen)

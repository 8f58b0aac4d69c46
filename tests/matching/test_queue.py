"""Who may be proposed when, and how much room a million of them take."""

import tracemalloc
from dataclasses import replace
from datetime import timedelta

import pytest

from boruta_farm.matching.index import Index
from boruta_farm.model.request import Request, RequestState
from tests.matching.naive import START, make_request, make_worker

SECOND = timedelta(seconds=1)


def index_of(*requests: Request) -> Index:
    """Return an index with one idle board and these requests."""
    index = Index()
    index.put_worker(make_worker("01", {"a": "1"}))
    for request in requests:
        index.put_request(request)
    return index


def cancelled(request: Request) -> Request:
    """Return the request as its owner's close leaves it."""
    return replace(request, state=RequestState.CANCELLED, revision=request.revision + 1)


def served(index: Index, after: timedelta = timedelta(0)) -> list[int]:
    """Return who is proposed at a time after the start."""
    return [grant.request_id for grant in index.proposals(START + after)]


def test_a_request_is_proposed_from_its_valid_after_on() -> None:
    index = index_of(make_request(1, valid_after=START + 10 * SECOND))
    assert served(index, 10 * SECOND - timedelta(microseconds=1)) == []
    assert index.next_valid() == START + 10 * SECOND
    assert served(index, 10 * SECOND) == [1]
    assert index.next_valid() is None


def test_a_request_is_not_proposed_at_its_deadline() -> None:
    early, late = timedelta(seconds=10) - timedelta(microseconds=1), timedelta(seconds=10)
    request = make_request(1, deadline=START + 10 * SECOND)
    assert served(index_of(request), early) == [1]
    assert served(index_of(request), late) == []


def test_an_expired_request_lets_the_next_one_pass() -> None:
    index = index_of(make_request(1, deadline=START + SECOND), make_request(2))
    assert served(index, 2 * SECOND) == [2]


def test_a_cancelled_request_never_becomes_valid() -> None:
    """Cancelling what is not yet valid leaves nothing behind."""
    request = make_request(1, valid_after=START + 10 * SECOND)
    index = index_of(request, make_request(2, valid_after=START + 20 * SECOND))
    index.proposals(START)
    index.put_request(cancelled(request))
    assert index.next_valid() == START + 20 * SECOND
    assert served(index, 10 * SECOND) == []
    assert served(index, 20 * SECOND) == [2]


def test_priority_comes_before_id() -> None:
    index = index_of(make_request(1, priority=9), make_request(3, priority=1))
    index.put_request(make_request(2, priority=1))
    index.put_worker(make_worker("02"))
    index.put_worker(make_worker("03"))
    assert served(index) == [2, 3, 1]


def test_a_change_of_valid_after_moves_a_request_both_ways() -> None:
    request = make_request(1)
    index = index_of()
    index.put_request(replace(request, valid_after=START + 9 * SECOND))
    index.put_request(replace(request, valid_after=START + 5 * SECOND, revision=2))
    assert index.next_valid() == START + 5 * SECOND
    assert served(index, 5 * SECOND) == [1]


def test_a_proposal_is_made_once_until_refused() -> None:
    index = index_of(make_request(1))
    (grant,) = index.proposals(START)
    index.put_request(make_request(2))
    assert index.proposals(START) == ()
    index.refused(grant)
    assert index.proposals(START) == (grant,)


def test_a_refusal_after_a_change_is_ignored() -> None:
    """The change settled its side; the other side is free again."""
    request = make_request(1)
    index = index_of(request)
    (grant,) = index.proposals(START)
    index.put_request(cancelled(request))
    index.put_request(make_request(2))
    index.refused(grant)
    assert served(index) == [2]


@pytest.mark.parametrize("demands", [1, 1000])
def test_a_waiting_request_takes_at_most_400_bytes(demands: int) -> None:
    count = 20_000
    index = index_of()
    caps = [{"type": str(n)} for n in range(demands)]
    for demand in range(demands):
        index.put_request(make_request(demand + 1, caps[demand]))
    tracemalloc.start()
    try:
        for number in range(demands + 1, demands + count + 1):
            valid_after = START if number % 2 else START + SECOND
            caps_of = caps[number % demands]
            index.put_request(make_request(number, caps_of, valid_after=valid_after))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / count <= 400

"""Losses are told in bounded batches, once."""

from dataclasses import replace
from datetime import timedelta

from boruta_farm.matching.index import Index
from boruta_farm.model.request import RequestState
from tests.matching.naive import START, make_request, make_worker

ARM = {"arch": "arm"}


def index_of(requests: int) -> Index:
    """Return an index with one board and requests for it, every third not yet valid."""
    index = Index()
    index.put_worker(make_worker("01", ARM))
    index.proposals(START)
    for number in range(1, requests + 1):
        later = START + timedelta(hours=number % 3 == 0)
        index.put_request(make_request(number, ARM, valid_after=later))
    return index


def test_everybody_who_had_a_worker_is_told_in_batches_of_256() -> None:
    index = index_of(1000)
    index.remove_worker("01")
    index.put_request(make_request(1001, ARM))
    told: list[int] = []
    while ids := index.orphaned():
        assert len(ids) <= 256
        told += ids
    assert sorted(told) == list(range(1, 1001))


def test_requests_that_move_or_finish_between_batches_are_neither_lost_nor_told_in_vain() -> None:
    index = index_of(600)
    index.remove_worker("01")
    told = list(index.orphaned())
    # Behind the cursor now, whatever it was: the most important key there is.
    left = [number for number in range(1, 601) if number not in told]
    index.put_request(make_request(left[0], ARM, priority=1))
    index.put_request(replace(make_request(left[1], ARM), state=RequestState.CANCELLED))
    index.proposals(START + timedelta(hours=2))
    while ids := index.orphaned():
        told += ids
    assert sorted(set(told)) == [n for n in range(1, 601) if n != left[1]]


def test_a_worker_in_time_calls_the_rest_off_and_adopts_the_marked() -> None:
    index = index_of(600)
    index.remove_worker("01")
    marked = index.orphaned()
    for number in marked:
        index.put_request(replace(make_request(number, ARM), orphaned_since=START, revision=2))
    index.put_worker(make_worker("02", ARM))
    assert index.orphaned() == ()
    assert index.adopted() == tuple(sorted(marked))
    assert index.adopted() == ()


def test_a_mark_that_comes_too_late_is_taken_back() -> None:
    index = index_of(1)
    index.put_request(replace(make_request(1, ARM), orphaned_since=START, revision=2))
    assert index.adopted() == (1,)


def test_a_request_that_never_had_a_worker_is_not_an_orphan() -> None:
    index = Index()
    index.put_request(make_request(1, ARM))
    index.put_worker(make_worker("01"))
    index.remove_worker("01")
    assert index.orphaned() == ()


def test_a_loss_while_the_index_was_behind_is_not_forgotten() -> None:
    before = index_of(2)
    index = Index()
    for number in (1, 2, 3):
        index.put_request(make_request(number, ARM))
    index.inherit(before.served())
    assert index.orphaned() == (1, 2)

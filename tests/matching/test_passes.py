"""One pass makes the best use of the workers it meets."""

import random
from itertools import permutations

import pytest

from boruta_farm.core.jobs import Grant
from boruta_farm.matching.index import Index
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker
from tests.matching.naive import START, best_use, make_request, make_worker, most_servable

SEED = 20261124


def propose(requests: list[Request], workers: list[Worker]) -> list[Grant]:
    """Return what a fresh index proposes in one pass."""
    index = Index()
    for request in requests:
        index.put_request(request)
    for worker in workers:
        index.put_worker(worker)
    return list(index.proposals(START))


def random_case(source: random.Random, size: int) -> tuple[list[Request], list[Worker]]:
    """Return requests and workers of which some fit together."""
    names = "abcd"
    workers = [
        make_worker(f"{n:02}", {c: "1" for c in names if source.random() < 0.5})
        for n in range(size)
    ]
    requests = [
        make_request(
            n,
            {c: "1" for c in names if source.random() < 0.35},
            priority=source.randint(1, 3),
        )
        for n in range(1, size + 1)
    ]
    return requests, workers


def test_no_random_case_falls_short() -> None:
    """3,000 cases of 6 requests and 6 workers: each serves as many as can be served."""
    source = random.Random(SEED)
    short = 0
    for _ in range(3000):
        requests, workers = random_case(source, 6)
        short += len(propose(requests, workers)) < most_servable(requests, workers)
    assert short == 0, f"seed {SEED}"


def test_random_cases_follow_the_rules_to_the_letter() -> None:
    """Who is served, and by whom, is what the naive rules say."""
    source = random.Random(SEED + 1)
    for _ in range(600):
        requests, workers = random_case(source, 7)
        assert propose(requests, workers) == best_use(requests, workers), f"seed {SEED}"


def test_arrival_in_two_batches_follows_the_rules() -> None:
    """A pass over what stood still and what came is a pass over all of it."""
    source = random.Random(SEED + 2)
    for _ in range(600):
        requests, workers = random_case(source, 8)
        index = Index()
        for request in requests[:4]:
            index.put_request(request)
        for worker in workers[:4]:
            index.put_worker(worker)
        first = index.proposals(START)
        for worker in workers[4:]:
            index.put_worker(worker)
        for request in requests[4:]:
            index.put_request(request)
        gone = {g.request_id for g in first}, {g.worker for g in first}
        expected = best_use(
            [r for r in requests if r.id not in gone[0]],
            [w for w in workers if w.uuid not in gone[1]],
        )
        assert list(index.proposals(START)) == expected, f"seed {SEED}"


def test_input_order_does_not_matter() -> None:
    """Records may arrive in any order."""
    requests, workers = random_case(random.Random(SEED), 4)
    expected = propose(requests, workers)
    assert expected
    for shuffled in permutations(requests):
        assert propose(list(shuffled), workers) == expected
        assert propose(requests, workers[::-1]) == expected
    for mixed in permutations(workers):
        assert propose(requests, list(mixed)) == expected


def test_a_flexible_request_leaves_the_scarce_board_to_the_specific_one() -> None:
    flexible = make_request(1, {"arch": "arm"})
    specific = make_request(2, {"arch": "arm", "hdmi": "yes"})
    # The scarce board is the less capable one, so the flexible request would prefer it.
    scarce = make_worker("01", {"arch": "arm", "hdmi": "yes"})
    common = make_worker("02", {"arch": "arm", "usb": "yes", "can": "yes"})
    grants = propose([flexible, specific], [scarce, common])
    assert [(g.request_id, g.worker) for g in grants] == [(1, "02"), (2, "01")]


def test_the_important_request_wins_even_if_fewer_could_be_had_otherwise() -> None:
    """No less important request is served in place of a more important one."""
    low = make_request(1, {"a": "1"}, priority=9)
    high = make_request(2, {"a": "1"}, priority=2)
    assert [g.request_id for g in propose([low, high], [make_worker("01", {"a": "1"})])] == [2]


def test_the_least_capable_worker_is_taken_then_the_lowest_uuid() -> None:
    rich = make_worker("01", {"a": "1", "b": "1"})
    grouped = make_worker("02", {"a": "1"}, groups=("lab",))
    poor = make_worker("04", {"a": "1"})
    other = make_worker("03", {"a": "1"})
    requests = [make_request(n, {"a": "1"}) for n in (1, 2, 3, 4)]
    grants = propose(requests, [rich, grouped, poor, other])
    assert [g.worker for g in grants] == ["03", "04", "01", "02"]


@pytest.mark.parametrize("limit", [1, 7, 64])
def test_a_limited_pass_serves_the_first_and_the_next_call_goes_on(limit: int) -> None:
    index = Index()
    requests, workers = random_case(random.Random(SEED), 60)
    for request in requests:
        index.put_request(request)
    for worker in workers:
        index.put_worker(worker)
    served: list[int] = []
    while grants := index.proposals(START, limit):
        assert len(grants) <= limit
        served += [g.request_id for g in grants]
    assert len(served) == len(set(served)) > 20
    assert served[:limit] == [g.request_id for g in propose(requests, workers)][:limit]

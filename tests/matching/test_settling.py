"""When requests had to move, the earliest still gets the least capable worker it can have."""

from boruta_farm.matching.index import Index
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker
from tests.matching.naive import START, make_request, make_worker


def propose(requests: list[Request], workers: list[Worker]) -> list[tuple[int, str]]:
    """Return who gets what in one pass."""
    index = Index()
    for request in requests:
        index.put_request(request)
    for worker in workers:
        index.put_worker(worker)
    return [(grant.request_id, grant.worker) for grant in index.proposals(START)]


def test_a_chain_of_moves_ends_with_the_least_capable_for_each() -> None:
    """1 takes X from 2, 2 takes Y from 3: all three are served only after two moves."""
    workers = [
        make_worker("x", {"p": "1", "q": "1"}),
        make_worker("y", {"p": "1", "r": "1", "u": "1"}),
        make_worker("z", {"r": "1", "s": "1", "u": "1", "v": "1"}),
    ]
    requests = [
        make_request(1, {"p": "1"}),
        make_request(2, {"r": "1"}),
        make_request(3, {"q": "1"}),
    ]
    assert propose(requests, workers) == [(1, "y"), (2, "z"), (3, "x")]


def test_those_who_need_not_move_keep_the_least_capable() -> None:
    workers = [
        make_worker("a", {"p": "1"}),
        make_worker("b", {"p": "1", "q": "1"}),
        make_worker("c", {"p": "1", "r": "1", "s": "1"}),
    ]
    requests = [
        make_request(1, {"p": "1"}),
        make_request(2, {"p": "1"}),
        make_request(3, {"q": "1"}),
    ]
    assert propose(requests, workers) == [(1, "a"), (2, "c"), (3, "b")]

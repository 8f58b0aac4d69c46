"""A queue told in brief leads to the same index as its records, one by one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.core.moments import micros
from boruta_farm.matching import loading
from boruta_farm.matching.index import Index
from boruta_farm.matching.policies.order import Order
from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.model.request import Request
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.waiting import Asked, Waiting
from tests.matching.naive import START, make_request, make_worker

MINUTE = timedelta(minutes=1)
AGEING = timedelta(hours=4)
POLICIES = st.sampled_from(
    [
        Policies(),
        Policies(ageing=AGEING),
        Policies(ageing=AGEING, fair_share=FairShare.BOTH),
        Policies(owner_limit=1),
    ]
)
MOMENTS = st.sampled_from([START - 9 * AGEING, START, START + MINUTE, START + 2 * MINUTE])
REQUESTS = st.builds(
    make_request,
    st.just(0),
    st.sampled_from([None, {"a": "1"}, {"a": "2", "b": "1"}]),
    priority=st.integers(7, 8),
    groups=st.sampled_from([None, (), ("lab",)]),
    valid_after=MOMENTS,
    deadline=MOMENTS,
    owner=st.sampled_from(["ann", "bob"]),
    created=MOMENTS,
    selector=st.sampled_from([None, "b", "a in (1, 2)"]),
    ssh_key=st.sampled_from([None, "ecdsa-sha2-nistp256 A"]),
)
WORKERS = st.lists(st.sampled_from([{"a": "1"}, {"a": "2", "b": "1"}, {}]), max_size=3)


def told_in_brief(requests: list[Request]) -> list[Waiting]:
    """Return requests as a store tells them: those that ask alike share what they ask for."""
    asked: dict[tuple[object, ...], Asked] = {}
    told = []
    for request in requests:
        wanted = tuple(sorted(request.required.items())), request.caps is None, request.selector
        alike = (request.owner, request.owner_groups, request.ssh_key, *wanted)
        asked.setdefault(
            alike,
            Asked(
                owner=request.owner,
                owner_groups=request.owner_groups,
                caps=request.caps,
                selector=request.selector,
                ssh_key=request.ssh_key,
            ),
        )
        orphaned = request.orphaned_since
        told.append(
            Waiting(
                id=request.id,
                asked=asked[alike],
                priority=request.priority,
                created=micros(request.created),
                valid_after=micros(request.valid_after),
                deadline=micros(request.deadline),
                revision=request.revision,
                orphaned_since=None if orphaned is None else micros(orphaned),
            )
        )
    return told


def drained(hand_out: Callable[[], tuple[int, ...]]) -> list[int]:
    """Return all ids handed out; those of which demand come first is nobody's business."""
    found: list[int] = []
    while ids := hand_out():
        found.extend(ids)
    return sorted(found)


def answers(index: Index, requests: list[Request], caps: list[dict[str, str]]) -> list[object]:
    """Return all that an index says while boards come and time goes by."""
    found: list[object] = [index.next_valid(), index.served()]
    for number, has in enumerate(caps):
        index.put_worker(make_worker(f"0{number}", has, groups=("lab",) if number == 1 else ()))
    found.append(drained(index.adopted))
    for now in (START, START + MINUTE, START + 2 * MINUTE):
        while grants := index.proposals(now):
            found.append(grants)
        found.extend(index.explain(request, now) for request in requests)
        found.append(index.next_valid())
    for number in range(len(caps)):
        index.remove_worker(f"0{number}")
    return [*found, drained(index.orphaned)]


@given(st.lists(st.tuples(REQUESTS, st.booleans()), max_size=8), WORKERS, POLICIES)
def test_an_index_that_is_told_in_brief_says_the_same(
    drawn: list[tuple[Request, bool]], caps: list[dict[str, str]], policies: Policies
) -> None:
    settings = FarmSettings(policies=policies)
    requests = [
        replace(request, id=number, revision=number, orphaned_since=START if orphaned else None)
        for number, (request, orphaned) in enumerate(drawn, 1)
    ]
    one_by_one, in_brief = Index(START, settings), Index(START, settings)
    for request in requests:
        one_by_one.put_request(request)
    with patch.object(loading, "DEMANDS_KEPT", 2):
        taken = in_brief.loading()
        for waiting in told_in_brief(requests):
            taken.put(waiting)
    assert answers(in_brief, requests, caps) == answers(one_by_one, requests, caps)


@given(st.lists(REQUESTS, min_size=1, max_size=4), POLICIES)
def test_a_request_told_in_brief_has_the_same_place(
    requests: list[Request], policies: Policies
) -> None:
    order = Order(policies)
    assert [order.key_of(waiting) for waiting in told_in_brief(requests)] == [
        order.key(request) for request in requests
    ]


def test_a_loaded_request_can_be_changed_and_closed() -> None:
    index = Index(START)
    request = make_request(1, {"a": "1"})
    loaded = index.loading()
    for waiting in told_in_brief([request, make_request(2, {"a": "1"})]):
        loaded.put(waiting)
    index.put_request(replace(request, priority=9, revision=2))
    index.put_worker(make_worker("01", {"a": "1"}))
    (grant,) = index.proposals(START)
    assert (grant.request_id, grant.request_revision) == (2, 1)

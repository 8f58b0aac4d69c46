"""Accounts are charged at once, corrected when more is known, and settled in the end."""

from dataclasses import replace
from datetime import timedelta

from boruta_farm.matching.index import Index
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.summary import Summary
from tests.matching.naive import START, make_request, make_worker

HOUR = timedelta(hours=1)


def index_of(policies: Policies, *requests: Request, workers: int = 0) -> Index:
    """Return an index with these requests and idle workers."""
    index = Index(START, FarmSettings(policies=policies))
    for request in requests:
        index.put_request(request)
    for number in range(workers):
        index.put_worker(make_worker(f"{number:02}"))
    return index


def served(index: Index, after: timedelta = timedelta(0)) -> list[int]:
    """Return who is proposed at a time after the start."""
    return [grant.request_id for grant in index.proposals(START + after)]


def holding(request: Request, worker: str) -> Request:
    """Return the request with a LIVE job of one hour."""
    job = Job(
        request_id=request.id,
        worker=worker,
        epoch=3,
        phase=JobPhase.LIVE,
        granted=START,
        timeout=START + HOUR,
        limit=START + 24 * HOUR,
    )
    return replace(request, state=RequestState.IN_PROGRESS, job=job, revision=2)


def ended(request: Request, after: timedelta) -> Request:
    """Return the request with its job over."""
    assert request.job is not None
    job = replace(request.job, phase=JobPhase.ENDED, ended=START + after)
    return replace(request, state=RequestState.DONE, job=job, revision=3)


def test_within_one_pass_owners_take_turns() -> None:
    anns = [make_request(number) for number in (1, 2, 3)]
    bobs = [make_request(number, owner="bob") for number in (4, 5)]
    shared = index_of(Policies(fair_share=FairShare.OWNERS), *anns, *bobs, workers=4)
    assert served(shared) == [1, 4, 2, 5]
    assert served(index_of(Policies(), *anns, *bobs, workers=4)) == [1, 2, 3, 4]


def test_who_used_more_lately_comes_after_who_used_less_but_priority_goes_first() -> None:
    index = index_of(
        Policies(fair_share=FairShare.OWNERS),
        make_request(1, owner="ann"),
        make_request(2, owner="bob"),
        make_request(3, owner="ann", priority=7),
        workers=2,
    )
    index.begin([Summary(subject="use/owner/ann", values=(60.0,), updated=START)])
    assert served(index) == [3, 2]


def test_a_job_that_ends_early_is_charged_what_it_took() -> None:
    one, two = make_request(1, owner="ann"), make_request(2, owner="bob")
    index = index_of(Policies(fair_share=FairShare.OWNERS), one, two)
    index.put_request(ended(holding(one, "x"), timedelta(minutes=1)))
    index.put_request(ended(holding(two, "y"), timedelta(minutes=2)))
    index.put_request(make_request(3, owner="bob"))
    index.put_request(make_request(4, owner="ann"))
    index.put_worker(make_worker("01"))
    assert served(index, HOUR) == [4]


def test_a_group_counts_for_all_its_owners_and_the_least_used_group_counts() -> None:
    index = index_of(
        Policies(fair_share=FairShare.GROUPS),
        make_request(1, owner="ann", groups=["busy"]),
        make_request(2, owner="bob", groups=["busy", "calm"]),
        make_request(3, owner="eve", groups=["busy"]),
        workers=1,
    )
    index.begin([Summary(subject="use/group/busy", values=(900.0,), updated=START)])
    assert served(index) == [2]


def test_at_its_limit_an_owner_waits_until_one_of_his_jobs_ends() -> None:
    first, second, third = (make_request(number) for number in (1, 2, 3))
    other = make_request(4, owner="bob")
    index = index_of(Policies(owner_limit=2), first, second, third, other, workers=4)
    assert served(index) == [1, 2, 4]
    index.put_request(holding(first, "00"))
    assert served(index) == []
    index.put_request(ended(holding(first, "00"), timedelta(minutes=1)))
    assert served(index) == [3]


def test_a_refused_proposal_gives_its_place_back() -> None:
    index = index_of(Policies(owner_limit=1), make_request(1), make_request(2), workers=1)
    (grant,) = index.proposals(START)
    assert served(index) == []
    index.refused(grant)
    assert served(index) == [1]


def test_limits_of_single_names_replace_the_general_one() -> None:
    policies = Policies(owner_limit=1, owner_limits={"ci": 3}, group_limits={"lab": 1})
    requests = [make_request(number, owner="ci") for number in (1, 2, 3, 4)]
    requests += [make_request(number, owner=f"o{number}", groups=["lab"]) for number in (5, 6)]
    assert served(index_of(policies, *requests, workers=9)) == [1, 2, 3, 5]

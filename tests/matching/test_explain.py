"""People read why they wait."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from boruta_farm.core.demands import demand_key
from boruta_farm.matching import misses
from boruta_farm.matching.index import Index
from boruta_farm.matching.learning import demand_name
from boruta_farm.model.explanation import Cause, Explanation, Guess
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.summary import Summary
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.selectors import hints
from boruta_farm.words.explanation import changes, line, nearest
from boruta_farm.words.times import Times
from tests.matching.naive import START, make_request, make_worker

HOUR = timedelta(hours=1)
ARM = {"arch": "arm"}


def holding(request: Request, worker: str, end: timedelta) -> Request:
    """Return the request with a LIVE job on a worker."""
    job = Job(
        request_id=request.id,
        worker=worker,
        epoch=3,
        phase=JobPhase.LIVE,
        granted=START,
        timeout=START + end,
        limit=START + 24 * HOUR,
    )
    return replace(request, state=RequestState.IN_PROGRESS, job=job)


TIMES = Times(now=START)


def said(finding: Explanation) -> str:
    """Return the one text of a finding."""
    return line(finding, TIMES)


def find(
    request: Request,
    *records: Request | Worker,
    policies: Policies | None = None,
    summaries: tuple[Summary, ...] = (),
    visible: bool = True,
) -> Explanation:
    """Explain a request in a farm of these records."""
    index = Index(START, FarmSettings(policies=policies or Policies()))
    index.begin(summaries)
    for record in (request, *records):
        if isinstance(record, Request):
            index.put_request(record)
        else:
            index.put_worker(record)
    return index.explain(request, START, lambda _: visible)


def test_boards_by_state_the_first_to_be_free_and_the_position() -> None:
    finding = find(
        make_request(9, ARM),
        make_worker("01", ARM, state=WorkerState.RUNNING),
        make_worker("02", ARM, state=WorkerState.MAINTENANCE),
        holding(make_request(1, ARM, groups=[]), "01", HOUR),
        make_request(2, ARM),
        make_request(3, {}),
    )
    assert said(finding) == (
        "position 3 (order of filing); 2 boards match: 1 running (lab-01, held by ann until 13:00 "
        "UTC), 1 in maintenance; expected start between now and 15:03 UTC"
    )
    assert finding.position == 3
    assert finding.matching == {"RUNNING": 1, "MAINTENANCE": 1}
    (holder,) = finding.holders
    assert (holder.worker, holder.name, holder.request_id) == ("01", "lab-01", 1)
    assert (holder.owner, holder.until) == ("ann", START + HOUR)


def test_of_several_running_boards_the_earliest_is_named_and_ten_are_listed() -> None:
    records: list[Request | Worker] = []
    for number in range(12):
        uuid = f"{number:02}"
        records.append(make_worker(uuid, ARM, state=WorkerState.RUNNING))
        end = timedelta(hours=30 - number)
        records.append(holding(make_request(number + 1, ARM), uuid, end))
    finding = find(make_request(99, ARM), *records)
    assert "12 running (first lab-11, held by request 12 until 2026-01-02 07:00 UTC)" in said(
        finding
    )
    assert [holder.worker for holder in finding.holders] == [f"{n:02}" for n in range(11, 1, -1)]


@pytest.mark.parametrize(
    ("caps", "groups", "text"),
    [
        (
            {"hdmi": "yes"},
            None,
            "no registered board has hdmi=yes; nearest miss: lab-01 has no hdmi",
        ),
        (
            {"arch": "mips"},
            None,
            "no registered board has arch=mips; "
            "nearest miss: lab-01 has arch=arm instead of arch=mips",
        ),
        (
            {"arch": "arm", "usb": "3"},
            None,
            "no registered board has all of arch=arm, usb=3: 1 lacks arch=arm, 1 lacks usb=3; "
            "nearest miss: lab-02 has no arch",
        ),
        (
            {"usb": "3"},
            ["ci", "qa"],
            "1 board has what is asked for, but none serves the owner's groups (ci, qa)",
        ),
        (
            {"usb": "3"},
            [],
            "1 board has what is asked for, but none serves the owner's groups (none)",
        ),
    ],
)
def test_what_is_missing_is_named(
    caps: dict[str, str], groups: list[str] | None, text: str
) -> None:
    finding = find(
        make_request(1, caps, groups=groups),
        make_worker("01", ARM),
        make_worker("02", {"usb": "3"}, groups=("lab",)),
    )
    assert said(finding) == text
    assert finding.matching == {}
    assert finding.position == 1


def test_an_empty_farm_says_so() -> None:
    assert said(find(make_request(1))) == "no board is registered"


def test_a_request_that_is_not_yet_valid_tells_from_when_on_it_is() -> None:
    request = make_request(2, ARM, valid_after=START + HOUR)
    finding = find(request, make_worker("01", ARM, state=WorkerState.FAILED), make_request(1, ARM))
    assert said(finding) == "not before 13:00 UTC; position 2; 1 board matches: 1 failed"


def test_those_not_yet_valid_are_not_counted_before_others() -> None:
    request = make_request(2, ARM)
    finding = find(request, make_worker("01", ARM), make_request(1, ARM, valid_after=START + HOUR))
    assert finding.position == 1


def test_those_who_compete_for_no_common_board_are_not_counted() -> None:
    finding = find(
        make_request(3, ARM),
        make_worker("01", ARM),
        make_worker("02", {"usb": "3"}),
        make_request(1, {"usb": "3"}),
        make_request(2, {"none": "such"}),
    )
    assert finding.position == 1


def test_running_opening_and_finished_requests_have_words_of_their_own() -> None:
    worker = make_worker("01", ARM, state=WorkerState.RUNNING)
    held = holding(make_request(1, ARM), "01", HOUR)
    assert said(find(held, worker)) == "it has lab-01 until 13:00 UTC"
    assert held.job is not None
    opening = replace(
        held, state=RequestState.WAITING, job=replace(held.job, phase=JobPhase.OPENING)
    )
    assert said(find(opening, worker)) == "lab-01 is being opened for it"
    ended = replace(held.job, phase=JobPhase.ENDED)
    done = replace(held, state=RequestState.FAILED, job=ended, reason="the board failed")
    assert said(find(done, worker)) == "it is FAILED: the board failed"
    assert find(done, worker).position is None


def test_of_the_others_it_is_counted_on_what_they_fail_and_what_would_help() -> None:
    finding = find(
        make_request(1, {"arch": "arm", "hdmi": "yes"}, groups=["ci"]),
        make_worker("01", {"arch": "arm", "hdmi": "yes"}, state=WorkerState.MAINTENANCE),
        make_worker("02", {"arch": "arm", "hdmi": "no"}),
        make_worker("03", {"arch": "arm"}),
        make_worker("04", {"arch": "x86"}),
        make_worker("05", {"arch": "arm", "hdmi": "yes"}, groups=("lab",)),
    )
    assert finding.cause is Cause.OUT_OF_SERVICE
    assert finding.matching == {"MAINTENANCE": 1}
    assert finding.lacking == {"arch=arm": 1, "hdmi=yes": 3}
    assert finding.other_groups == 1
    assert finding.near_miss is not None
    assert nearest(finding.near_miss) == "lab-02 has hdmi=no instead of hdmi=yes"
    assert changes(finding, TIMES) == (
        "lab-01 returns to service (in maintenance)",
        "without hdmi=yes: 2 more boards would match",
    )


def test_boards_out_of_service_are_named_with_their_reason() -> None:
    lost = replace(make_worker("03", ARM), unreachable_since=START)
    finding = find(
        make_request(1, ARM),
        replace(make_worker("02", ARM, state=WorkerState.MAINTENANCE), reason="fan"),
        lost,
    )
    assert finding.cause is Cause.OUT_OF_SERVICE
    assert [(a.name, a.state, a.reason) for a in finding.absent] == [
        ("lab-02", "MAINTENANCE", "fan"),
        ("lab-03", "IDLE", "its agent is out of reach"),
    ]
    assert "1 in maintenance (lab-02: fan)" in said(finding)
    assert "1 idle (lab-03: unreachable since 12:00 UTC)" in said(finding)


def test_nobody_reads_names_that_he_may_not_see() -> None:
    finding = find(
        make_request(9, ARM),
        make_worker("01", ARM, state=WorkerState.RUNNING),
        holding(make_request(1, ARM, owner="eve", groups=[]), "01", HOUR),
        visible=False,
    )
    assert finding.holders[0].owner is None
    assert "eve" not in repr(finding)
    assert "1 board matches: 1 running (lab-01, held by request 1 until 13:00 UTC)" in said(finding)


def test_the_limit_that_holds_a_request_back_is_named() -> None:
    records = (
        make_worker("01", ARM),
        make_worker("02", ARM, state=WorkerState.RUNNING),
        holding(make_request(1, ARM), "02", HOUR),
    )
    mine = make_request(2, ARM, groups=[])
    finding = find(mine, *records, policies=Policies(owner_limit=1))
    assert finding.cause is Cause.LIMIT
    assert finding.decided == "limit of jobs per owner"
    assert "owner ann has 1 of 1 job allowed at once" in said(finding)
    assert changes(finding, TIMES) == ("a job of owner ann ends",)
    userless = find(make_request(2, ARM), *records, policies=Policies(owner_limit=1))
    assert "everybody together has 1 of 1 job allowed at once" in said(userless)
    assert "ann" not in repr(userless)


@pytest.mark.parametrize(
    ("policies", "first", "decided"),
    [
        (Policies(), {}, "order of filing"),
        (Policies(), {"priority": 3}, "priority"),
        (Policies(ageing=HOUR), {"created": START - 2 * HOUR, "priority": 9}, "ageing"),
        (Policies(fair_share=FairShare.OWNERS), {"owner": "bob"}, "fair share between owners"),
        (Policies(fair_share=FairShare.GROUPS), {"groups": ["qa"]}, "fair share between groups"),
    ],
)
def test_the_rule_is_named_by_which_another_comes_first(
    policies: Policies, first: dict[str, Any], decided: str
) -> None:
    used = (
        Summary(subject="use/owner/ann", values=(60.0,), updated=START),
        Summary(subject="use/group/ci", values=(60.0,), updated=START),
    )
    before = make_request(1, ARM, **{"groups": ["ci"], "valid_after": START - 2 * HOUR, **first})
    finding = find(
        make_request(2, ARM, groups=["ci"]),
        before,
        make_worker("01", ARM, state=WorkerState.RUNNING),
        policies=policies,
        summaries=used,
    )
    assert (finding.cause, finding.position) == (Cause.QUEUE, 2)
    assert finding.decided == decided
    assert f"position 2 ({decided})" in said(finding)


def test_the_expected_start_comes_from_running_jobs_and_what_jobs_like_them_took() -> None:
    name = demand_name(demand_key(make_request(1, ARM)))
    lengths = (600.0, 700.0, 800.0)
    learnt = (Summary(subject=f"length/{name}/", values=lengths, updated=START),)
    records = (
        make_worker("01", ARM, state=WorkerState.RUNNING),
        holding(make_request(1, ARM), "01", HOUR),
    )
    finding = find(make_request(2, ARM), *records, summaries=learnt)
    assert finding.forecast is not None
    assert finding.forecast.earliest == START + timedelta(minutes=10)
    assert finding.forecast.latest == START + timedelta(minutes=15)
    assert "expected start between 12:10 and 12:15 UTC" in said(finding)
    behind = find(make_request(3, ARM), *records, make_request(2, ARM), summaries=learnt)
    assert behind.forecast is not None
    assert behind.forecast.earliest >= START + timedelta(seconds=1200)


def test_the_order_is_told_in_words() -> None:
    policies = Policies(ageing=4 * HOUR, fair_share=FairShare.BOTH)
    assert find(make_request(1, ARM)).policy == "priority, then order of filing"
    assert find(make_request(1, ARM), policies=policies).policy == (
        "priority, one better for every 4h of waiting, then least recent use by the owner's "
        "groups, then least recent use by the owner, then order of filing"
    )


def test_a_short_answer_leaves_the_position_out_among_very_many_rivals() -> None:
    index = Index(START)
    index.put_worker(make_worker("01", {"arch": "arm", **{f"c{n}": "1" for n in range(70)}}))
    for number in range(70):
        index.put_request(make_request(number + 1, {f"c{number}": "1"}))
    request = make_request(99, ARM)
    assert index.explain(request, START, brief=True).position is None
    assert index.explain(request, START).position == 71


def test_a_name_that_no_board_knows_is_guessed() -> None:
    finding = find(make_request(1, {}, selector="rma >= 2"), make_worker("01", {"ram": "4"}))
    assert said(finding) == (
        "no registered board has rma >= 2; no board has a capability 'rma', did you mean ram? "
        "nearest miss: lab-01 has no rma"
    )


def test_a_value_that_no_board_has_is_guessed() -> None:
    finding = find(
        make_request(1, {"board": "rpi44"}),
        make_worker("01", {"board": "rpi4"}),
        make_worker("02", {"board": "muxpi"}),
    )
    assert finding.unknown == ("board=rpi44",)
    assert finding.guesses == (Guess(given="rpi44", meant=("rpi4",), capability="board"),)
    assert "no registered board has board=rpi44; for board, did you mean rpi4?" in said(finding)


def test_at_most_so_many_names_and_values_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """256 capabilities that no board has took 3 s of the loop on a farm with 300 others."""
    compared = 0

    def near(given: str, known: Iterable[str]) -> list[str]:
        nonlocal compared
        names = list(known)
        compared += len(names)
        return hints.near(given, names[:1])

    monkeypatch.setattr(misses, "near", near)
    boards = [
        make_worker(f"{n:04}", {"serial": f"SN-{n}", **{f"cap-{n}-{k}": "1" for k in range(10)}})
        for n in range(30)
    ]
    wishes = {f"cap_{n}": "1" for n in range(100)}
    find(make_request(1, {**wishes, "serial": "SN-x"}), *boards)
    assert misses.MOST_COMPARED / 2 < compared <= misses.MOST_COMPARED


def test_a_request_that_is_being_granted_is_never_told_that_it_waits_for_itself() -> None:
    """It was read as WAITING a moment before the index heard of the grant."""
    index, request = Index(START), make_request(1, ARM)
    index.put_worker(make_worker("01", ARM, state=WorkerState.RUNNING))
    index.put_request(holding(request, "01", HOUR))
    finding = index.explain(request, START)
    assert (finding.state, finding.cause) == ("WAITING", Cause.OPENING)
    assert said(finding) == "lab-01 is being opened for it"


def test_those_whom_no_board_serves_are_told_the_same_but_for_their_places() -> None:
    index = Index(START, FarmSettings())
    first, second = make_request(1, ARM), make_request(2, ARM, priority=1)
    for request in (first, second):
        index.put_request(request)
    found = [index.explain(request, START, brief=True) for request in (first, second, first)]
    assert [one.request_id for one in found] == [1, 2, 1]
    assert [one.position for one in found] == [2, 1, 2]
    assert [one.decided for one in found] == ["priority", None, "priority"]
    assert {one.cause for one in found} == {Cause.NO_BOARD}
    assert len({said(one) for one in found}) == 1


def test_what_nobody_could_serve_is_told_anew_when_boards_change() -> None:
    index, request = Index(START, FarmSettings()), make_request(1, {"hdmi": "yes"})
    index.put_request(request)

    def told() -> tuple[Cause, str]:
        found = index.explain(request, START, brief=True)
        return found.cause, said(found)

    assert told() == (Cause.NO_BOARD, "no registered board has hdmi=yes")
    index.put_worker(make_worker("01", ARM))
    assert told() == (
        Cause.NO_BOARD,
        "no registered board has hdmi=yes; nearest miss: lab-01 has no hdmi",
    )
    index.put_worker(make_worker("02", {"hdmi": "yes"}))
    assert told()[0] is Cause.NOW
    index.remove_worker("02")
    assert told()[0] is Cause.NO_BOARD


def test_what_is_kept_of_boards_is_what_one_finds_who_looks_anew() -> None:
    index, request = Index(START, FarmSettings()), make_request(9, ARM)
    running = WorkerState.RUNNING
    first, second = make_worker("01", ARM), make_worker("02", ARM)
    records: dict[str | int, Request | Worker] = {}
    changes: tuple[Request | Worker, ...] = (
        request,
        first,
        second,
        replace(first, state=running, revision=2),
        holding(make_request(1, ARM), "01", HOUR),
        replace(second, state=WorkerState.MAINTENANCE, reason="a fan", revision=2),
        replace(second, state=running, revision=3),
        holding(make_request(2, ARM), "02", HOUR / 2),
        holding(make_request(1, ARM), "01", HOUR / 4),
        replace(make_request(2, ARM), state=RequestState.DONE),
        replace(second, state=WorkerState.IDLE, revision=4),
        replace(second, caps={"arch": "x86"}, revision=5),
        replace(first, state=WorkerState.FAILED, reason="gone", revision=3),
    )
    for change in changes:
        key = change.id if isinstance(change, Request) else change.uuid
        records[key] = change
        if isinstance(change, Request):
            index.put_request(change)
        else:
            index.put_worker(change)
        told = index.explain(request, START)
        others = [record for record in records.values() if record is not request]
        assert told == find(request, *others)


def test_the_expected_start_comes_from_the_lengths_that_were_named() -> None:
    name = demand_name(demand_key(make_request(1, ARM)))
    learnt = (
        Summary(subject=f"length/{name}/", values=(60.0,), updated=START),
        Summary(subject="share/", values=(0.5,), updated=START),
    )
    records = (
        make_worker("01", ARM, state=WorkerState.RUNNING),
        holding(make_request(1, ARM, length=2 * HOUR), "01", 2 * HOUR),
    )
    next_one = find(make_request(3, ARM), *records, summaries=learnt).forecast
    assert next_one is not None
    assert next_one.earliest == START + HOUR, "half of what it named, as others used"
    queued = (*records, make_request(2, ARM, length=4 * HOUR))
    behind = find(make_request(3, ARM), *queued, summaries=learnt).forecast
    assert behind is not None
    assert behind.earliest == START + 3 * HOUR
    newcomer = find(make_request(3, ARM), *queued).forecast
    assert newcomer is not None
    latest = START + 6 * HOUR + timedelta(minutes=2)
    assert newcomer.latest == latest, "nothing learnt: both may use it all"


def test_what_names_a_length_no_more_or_waits_no_more_is_forgotten() -> None:
    index = Index(START, FarmSettings())
    index.begin(())
    index.put_worker(make_worker("01", ARM, state=WorkerState.RUNNING))
    index.put_request(holding(make_request(1, ARM), "01", HOUR))
    last = make_request(9, ARM)
    index.put_request(last)

    def latest(request: Request) -> timedelta:
        index.put_request(request)
        found = index.explain(last, START).forecast
        assert found is not None
        return (found.latest - START) // HOUR * HOUR

    named = make_request(2, ARM, length=4 * HOUR)
    assert latest(named) == 5 * HOUR
    assert latest(replace(named, length=6 * HOUR, revision=2)) == 7 * HOUR
    assert latest(replace(named, length=None, revision=3)) == 2 * HOUR
    assert latest(replace(named, revision=4)) == 5 * HOUR
    assert latest(replace(named, state=RequestState.CANCELLED, revision=5)) == HOUR


def test_a_short_answer_knows_of_a_moment_ago_when_boards_become_free() -> None:
    index = Index(START, FarmSettings())
    index.begin(())
    index.put_worker(make_worker("01", ARM, state=WorkerState.RUNNING))
    index.put_request(holding(make_request(1, ARM), "01", HOUR))
    index.put_request(make_request(2, ARM))
    request = make_request(3, ARM)
    index.put_request(request)

    def latest(after: float, *, brief: bool) -> timedelta:
        found = index.explain(request, START + timedelta(seconds=after), brief=brief)
        assert found.forecast is not None
        return found.forecast.latest - START

    before = latest(0, brief=True)
    index.put_request(holding(replace(make_request(1, ARM), revision=2), "01", 5 * HOUR))
    minute = timedelta(minutes=1)
    assert latest(0.9, brief=True) - before <= minute
    assert latest(0.9, brief=False) - before >= 4 * HOUR - minute
    assert latest(1.0, brief=True) - before >= 4 * HOUR - minute


@pytest.mark.parametrize(
    ("asked", "lacks"),
    [
        ("tool.image=yes", "leave to fetch images (image_urls of its storage)"),
        ("tool.image.card=yes", "leave to fetch images for card (image_urls of its storage)"),
        ("tool.boot=yes", "power and console to boot it by"),
        ("tool.power=yes", "tool.power=yes"),
    ],
)
def test_what_an_image_takes_of_a_board_is_told_in_words(asked: str, lacks: str) -> None:
    finding = find(make_request(1, {}, selector=asked), make_worker("01", {"ram": "4"}))
    assert said(finding).startswith(f"no registered board has {lacks}; ")
    assert said(finding).endswith(f"nearest miss: lab-01 has no {lacks.removesuffix('=yes')}")


def test_a_free_board_is_not_waited_for() -> None:
    assert said(find(make_request(1, {}), make_worker("01", {}))) == (
        "a free board is being prepared for it"
    )

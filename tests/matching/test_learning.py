"""Ended jobs teach how long jobs last and who used boards."""

from dataclasses import replace
from datetime import timedelta

import pytest

from boruta_farm.core.demands import demand_key
from boruta_farm.matching.learning import (
    LENGTHS_KEPT,
    SUMMARIES_KEPT,
    Memory,
    demand_name,
    learnt,
    lengths_of,
)
from boruta_farm.matching.policies.shares import Use
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from tests.matching.naive import START, make_request

ARM = {"arch": "arm"}
SETTINGS = FarmSettings()


def name_of(caps: dict[str, str]) -> str:
    """Return the name of what a request with these capabilities demands."""
    return demand_name(demand_key(make_request(1, caps)))


def ended(
    number: int,
    seconds: float,
    *,
    caps: dict[str, str] | None = None,
    owner: str = "ann",
    state: RequestState = RequestState.DONE,
    length: timedelta | None = None,
) -> Request:
    """Return a finished request whose job took so many seconds."""
    job = Job(
        request_id=number,
        worker="01",
        epoch=3,
        phase=JobPhase.ENDED,
        granted=START,
        timeout=START + timedelta(hours=1),
        limit=START + timedelta(hours=24),
        ended=START + timedelta(seconds=seconds),
    )
    request = make_request(number, ARM if caps is None else caps, owner=owner, groups=["ci"])
    return replace(request, state=state, job=job, length=length)


def test_lengths_are_those_of_demand_and_owner_else_of_the_demand_else_of_the_owner() -> None:
    memory = Memory(SETTINGS)
    memory.note(ended(1, 60))
    memory.note(ended(2, 90, owner="bob"))
    memory.note(ended(3, 30, caps={"arch": "mips"}))
    arm, mips = (
        name_of(ARM),
        name_of({"arch": "mips"}),
    )
    assert memory.lengths(arm, "ann") == (60.0,)
    assert memory.lengths(arm, "eve") == (60.0, 90.0)
    assert memory.lengths(mips, "bob") == (30.0,)
    assert memory.lengths("other", "ann") == (60.0, 30.0)
    assert memory.lengths("other", "eve") == ()


def test_a_named_length_teaches_which_share_of_it_is_used_and_nothing_of_others() -> None:
    memory = Memory(SETTINGS)
    memory.note(ended(1, 900, length=timedelta(hours=1)))
    memory.note(ended(2, 3600, length=timedelta(hours=2), owner="bob"))
    assert memory.lengths(name_of(ARM), "ann") == ()
    assert memory.named_lengths("ann", 7200) == (1800.0,)
    assert memory.named_lengths("eve", 7200) == (1800.0, 3600.0)


def test_only_the_last_lengths_are_kept() -> None:
    memory = Memory(SETTINGS)
    for number in range(LENGTHS_KEPT + 5):
        memory.note(ended(number + 1, number + 1))
    seen = memory.lengths(name_of(ARM), "ann")
    assert seen == tuple(float(length) for length in range(6, LENGTHS_KEPT + 6))


def test_a_job_cut_off_by_a_failure_is_used_time_but_no_length() -> None:
    memory = Memory(SETTINGS)
    memory.note(ended(1, 60, state=RequestState.FAILED))
    assert memory.lengths(name_of(ARM), "ann") == ()
    uses = memory.uses()
    assert uses["owner", "ann"].seconds == uses["group", "ci"].seconds == 60.0


@pytest.mark.parametrize("state", [RequestState.WAITING, RequestState.IN_PROGRESS])
def test_what_is_not_finished_teaches_nothing(state: RequestState) -> None:
    assert learnt(lambda _: None, ended(1, 60, state=state), SETTINGS) == ()
    never = replace(make_request(1), state=RequestState.CANCELLED)
    assert learnt(lambda _: None, never, SETTINGS) == ()


def test_what_is_saved_is_what_a_memory_begins_with() -> None:
    memory, later = Memory(SETTINGS), Memory(SETTINGS)
    memory.note(ended(1, 60))
    later.begin(memory.summaries())
    later.note(ended(2, 120))
    assert later.lengths(name_of(ARM), "ann") == (60.0, 120.0)
    assert later.uses()["owner", "ann"] == Use(seconds=180.0, at=later.uses()["group", "ci"].at)


def test_the_order_of_capabilities_does_not_matter_and_the_memory_is_bounded() -> None:
    one, two = make_request(1, {"a": "1", "b": "2"}), make_request(2, {"b": "2", "a": "1"})
    other = make_request(3, {"a": "2", "b": "2"})
    assert demand_name(demand_key(one)) == demand_name(demand_key(two))
    assert demand_name(demand_key(one)) != demand_name(demand_key(other))
    memory = Memory(SETTINGS)
    for number in range(SUMMARIES_KEPT // 2 + 10):
        memory.note(ended(number + 1, 5, caps={"serial": str(number)}))
    assert len(memory.summaries()) == SUMMARIES_KEPT
    subjects = {summary.subject for summary in memory.summaries()}
    assert lengths_of(name_of({"serial": "0"}), "") not in subjects
    assert "use/owner/ann" in subjects

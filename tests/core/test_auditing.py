"""What the audit says is read off a decision's steps."""

from dataclasses import replace

import pytest

from boruta_farm.core.auditing import FARM, ROUTINE, notes_of
from boruta_farm.core.plan import IdentitySaved, JobSaved, RequestSaved, Step, WorkerSaved
from boruta_farm.model.account import Account, Group, Limits
from boruta_farm.model.audit import Action
from boruta_farm.model.caller import Caller
from boruta_farm.model.events import EventKind
from boruta_farm.model.permission import Role
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import WorkerState
from tests.core.people import ANN, ROOT
from tests.core.world import NOW
from tests.store.making import make_job, make_request, make_worker

WORKER = make_worker(state=WorkerState.FAILED, reason="no answer", groups=("kernel",))
WAITING = make_request(7, owner="id-ann", owner_name="ann")
RUNNING = make_request(
    7, owner="id-ann", owner_name="ann", state=RequestState.IN_PROGRESS, job=make_job(7, WORKER)
)
DONE = replace(RUNNING, state=RequestState.DONE, reason="closed")


def told(step: Step, caller: Caller | None = None) -> tuple[str, str, str] | None:
    notes = list(notes_of(step, caller))
    assert len(notes) <= 1
    return (notes[0].actor, notes[0].action.value, notes[0].subject) if notes else None


@pytest.mark.parametrize(
    ("step", "caller", "expected"),
    [
        (RequestSaved(request=RUNNING, kind=EventKind.REQUEST_STARTED), None, (FARM, "grant")),
        (RequestSaved(request=DONE, kind=EventKind.REQUEST_FINISHED), None, (FARM, "release")),
        (RequestSaved(request=DONE, kind=EventKind.REQUEST_FINISHED), ANN, ("ann", "release")),
        (
            RequestSaved(request=WAITING, kind=EventKind.REQUEST_FINISHED),
            ROOT,
            ("root", "request.closed"),
        ),
        (
            RequestSaved(request=WAITING, kind=EventKind.REQUEST_UPDATED),
            ROOT,
            ("root", "request.changed"),
        ),
        (RequestSaved(request=WAITING, kind=EventKind.REQUEST_UPDATED), ANN, None),
        (RequestSaved(request=WAITING, kind=EventKind.REQUEST_CREATED), ANN, None),
        (RequestSaved(request=WAITING, kind=EventKind.REQUEST_FINISHED), ANN, None),
        (JobSaved(job=make_job(7, WORKER)), None, None),
    ],
)
def test_requests(step: Step, caller: Caller | None, expected: tuple[str, str] | None) -> None:
    assert told(step, caller) == (None if expected is None else (*expected, "request 7"))


@pytest.mark.parametrize(
    ("kind", "caller", "expected"),
    [
        (EventKind.WORKER_REGISTERED, None, (f"agent {WORKER.uuid}", "worker.registered")),
        (EventKind.WORKER_LOST, None, (FARM, "worker.lost")),
        (EventKind.WORKER_BACK, None, (FARM, "worker.back")),
        (EventKind.WORKER_CHANGED, ROOT, ("root", "worker.changed")),
        (EventKind.WORKER_DEREGISTERED, ROOT, ("root", "worker.deregistered")),
        (EventKind.WORKER_STATE, None, (FARM, "worker.failed")),
    ],
)
def test_workers(kind: EventKind, caller: Caller | None, expected: tuple[str, str]) -> None:
    step = WorkerSaved(worker=WORKER, kind=kind)
    assert told(step, caller) == (*expected, f"worker {WORKER.uuid}")


def test_a_worker_s_state_is_entered_when_somebody_wanted_it() -> None:
    idle = WorkerSaved(worker=make_worker(), kind=EventKind.WORKER_STATE)
    assert told(idle) is None
    assert told(idle, ROOT) == ("root", "worker.state", f"worker {make_worker().uuid}")


def test_every_private_event_is_entered_with_what_it_was_about() -> None:
    account = Account(id="id-ann", name="ann", role=Role.USER, created=NOW, ssh_keys=("key",))
    (note,) = notes_of(IdentitySaved(record=account, kind=EventKind.ACCOUNT_CHANGED), ROOT)
    assert (note.action, note.source) == (Action.ACCOUNT_CHANGED, ROOT.source)
    assert note.detail == {"id": "id-ann", "role": "user", "ssh_keys": "1"}
    group = Group(name="kernel", created=NOW, limits=Limits(jobs=2), keys_for_admins=True)
    (note,) = notes_of(IdentitySaved(record=group, kind=EventKind.GROUP_REMOVED), ROOT)
    assert note.detail == {"limits": "jobs=2", "keys_for_admins": "yes"}
    for kind in EventKind:
        if kind.private:
            noted = list(notes_of(IdentitySaved(record=group, kind=kind), None))
            assert bool(noted) is (kind not in ROUTINE)


def test_what_admins_tell_of_a_worker_is_entered_where_they_change_it() -> None:
    told = replace(WORKER, labels={"a": "1", "rack": "b"}, notes="loud", photo="https://x/b.jpg")
    changed, moved = (
        next(notes_of(WorkerSaved(worker=told, kind=kind), ROOT)).detail
        for kind in (EventKind.WORKER_CHANGED, EventKind.WORKER_STATE)
    )
    told_of = {"labels": "a=1, rack=b", "notes": "loud", "photo": "https://x/b.jpg"}
    assert changed == {**moved, **told_of}
    assert told_of.keys().isdisjoint(moved)


def test_who_acts_for_somebody_is_told_beside_him() -> None:
    step = RequestSaved(request=DONE, kind=EventKind.REQUEST_FINISHED)
    (note,) = notes_of(step, replace(ANN, agent="bringup"))
    assert (note.actor, note.detail["agent"]) == ("ann", "bringup")
    (note,) = notes_of(step, ANN)
    assert "agent" not in note.detail
    (note,) = notes_of(step, None)
    assert (note.actor, "agent" in note.detail) == (FARM, False)

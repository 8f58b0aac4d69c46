"""Workers: set aside, prepared, failed, lost, removed, and the tables of transitions."""

from dataclasses import replace

import pytest

from boruta_farm.core import confirmation, enrolment, jobs, presence, workers
from boruta_farm.core.plan import Noted, WorkerNoted, WorkerSaved
from boruta_farm.core.transitions import WORKER_TRANSITIONS, move_request, move_worker
from boruta_farm.model.errors import (
    FailInMaintenanceError,
    ForbiddenStateError,
    InvalidError,
    LimitError,
    NotDeregisterableError,
    PortsExhaustedError,
    StaleEpochError,
    TransitionError,
    WorkerDescriptionError,
    WorkerNotFoundError,
    WorkerTransitionError,
)
from boruta_farm.model.events import EventKind
from boruta_farm.model.request import RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import WorkerChange, WorkerState
from tests.core.conftest import Stage
from tests.core.test_jobs import OWN_KEY, run
from tests.core.world import NOW, DictWorld

MAINTENANCE, IDLE = WorkerState.MAINTENANCE, WorkerState.IDLE


@pytest.mark.parametrize("start", WorkerState)
@pytest.mark.parametrize("to", WorkerState)
def test_only_the_tables_transitions_happen(
    world: DictWorld, stage: Stage, start: WorkerState, to: WorkerState
) -> None:
    worker = replace(world.workers[stage.idle()], state=start)
    if to not in WORKER_TRANSITIONS[start]:
        with pytest.raises(TransitionError):
            move_worker(worker, to, NOW)
        return
    rises = to in (WorkerState.PREPARE, WorkerState.BUSY)
    assert move_worker(worker, to, NOW).epoch == worker.epoch + rises


def test_finished_requests_never_move(world: DictWorld, stage: Stage) -> None:
    request = world.requests[stage.waiting()]
    for state in RequestState:
        if state.finished:
            for to in RequestState:
                with pytest.raises(TransitionError):
                    move_request(replace(request, state=state), to, NOW)


def test_maintenance_fails_the_job_and_goes_through_busy(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    world.apply(workers.set_state(world, uuid, MAINTENANCE, NOW, "fan"))
    worker, request = world.workers[uuid], world.requests[request_id]
    assert (worker.state, worker.reason) == (WorkerState.BUSY, "fan")
    assert request.state is RequestState.FAILED
    assert "fan" in (request.reason or "")
    with pytest.raises(StaleEpochError):
        workers.cleaned(world, uuid, worker.epoch - 1, NOW)
    world.apply(workers.cleaned(world, uuid, worker.epoch, NOW))
    assert (world.workers[uuid].state, world.workers[uuid].reason) == (MAINTENANCE, "fan")


def test_idle_is_granted_twice_while_a_worker_is_prepared(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    world.workers[uuid] = replace(world.workers[uuid], state=WorkerState.PREPARE)
    assert workers.set_state(world, uuid, IDLE, NOW).steps == ()


def test_maintenance_of_an_opening_job_keeps_the_request_waiting(
    world: DictWorld, stage: Stage
) -> None:
    uuid, request_id = run(world, stage, OWN_KEY)
    world.apply(workers.set_state(world, uuid, MAINTENANCE, NOW))
    assert world.requests[request_id].state is RequestState.WAITING
    assert world.workers[uuid].state is WorkerState.BUSY


def test_maintenance_after_the_job(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    world.apply(workers.set_state(world, uuid, MAINTENANCE, NOW, "fan", after_job=True))
    assert world.workers[uuid].state is WorkerState.RUNNING
    world.apply(jobs.end_due(world, request_id, NOW.replace(year=2027)))
    assert (world.workers[uuid].state, world.workers[uuid].reason) == (WorkerState.BUSY, "fan")


def test_maintenance_after_the_job_is_taken_back(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    with pytest.raises(WorkerTransitionError):
        workers.set_state(world, uuid, IDLE, NOW)
    world.apply(workers.set_state(world, uuid, MAINTENANCE, NOW, "fan", after_job=True))
    before = world.workers[uuid].revision
    world.apply(workers.set_state(world, uuid, IDLE, NOW))
    worker = world.workers[uuid]
    assert (worker.state, worker.after_job, worker.reason) == (WorkerState.RUNNING, False, None)
    assert worker.revision == before + 1
    world.apply(jobs.end_due(world, request_id, NOW.replace(year=2027)))
    assert world.workers[uuid].state is WorkerState.PREPARE


def test_wishes_that_are_refused(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    with pytest.raises(WorkerTransitionError):
        workers.set_state(world, uuid, IDLE, NOW)
    with pytest.raises(ForbiddenStateError):
        workers.set_state(world, uuid, WorkerState.RUNNING, NOW)
    with pytest.raises(WorkerNotFoundError):
        workers.set_state(world, "nobody", IDLE, NOW)
    with pytest.raises(NotDeregisterableError):
        workers.deregister(world, uuid)


def test_maintenance_twice_moves_nothing(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    world.apply(workers.set_state(world, uuid, MAINTENANCE, NOW))
    assert workers.set_state(world, uuid, MAINTENANCE, NOW).steps == ()
    world.apply(workers.cleaned(world, uuid, world.workers[uuid].epoch, NOW))
    before = world.workers[uuid]
    world.apply(workers.set_state(world, uuid, MAINTENANCE, NOW, "fan"))
    after = world.workers[uuid]
    assert (after.state, after.epoch, after.since) == (before.state, before.epoch, before.since)
    assert after.reason == "fan"


def test_failure_fails_the_job(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    world.apply(confirmation.confirmed(world, uuid, world.workers[uuid].epoch))
    world.apply(workers.set_fail(world, uuid, "smoke", NOW))
    assert world.workers[uuid].state is WorkerState.FAILED
    assert world.requests[request_id].state is RequestState.FAILED
    assert workers.set_fail(world, uuid, "again", NOW).steps == ()
    with pytest.raises(StaleEpochError):
        workers.failed(world, uuid, world.workers[uuid].epoch, NOW, "late")


def test_failure_is_barred_in_maintenance(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    world.apply(workers.set_state(world, uuid, MAINTENANCE, NOW))
    with pytest.raises(FailInMaintenanceError):
        workers.set_fail(world, uuid, "smoke", NOW)


def test_lost_idle_board_fails_and_recovers_by_a_new_preparation(
    world: DictWorld, stage: Stage
) -> None:
    uuid = stage.idle()
    epoch = world.workers[uuid].epoch
    world.apply(presence.lost(world, uuid, NOW))
    assert presence.lost(world, uuid, NOW).steps == ()
    assert world.workers[uuid].state is WorkerState.FAILED
    assert (uuid, epoch) not in world.keys
    world.apply(presence.back(world, uuid))
    assert presence.back(world, uuid).steps == ()
    world.apply(workers.recovered(world, uuid, epoch, NOW))
    assert (world.workers[uuid].state, world.workers[uuid].epoch) == (
        WorkerState.PREPARE,
        epoch + 1,
    )


def test_passing_states_time_out(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    world.apply(workers.set_state(world, uuid, MAINTENANCE, NOW))
    limit = world.settings.prepare_timeout
    assert not workers.expire_preparation(world, uuid, NOW + limit / 2, NOW).answer
    later = NOW + limit / 2
    assert not workers.expire_preparation(world, uuid, NOW + limit, later).answer, "no relay before"
    assert world.apply(workers.expire_preparation(world, uuid, NOW + limit, NOW))
    assert world.workers[uuid].state is WorkerState.FAILED


def test_epoch_survives_deregistration(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    world.apply(presence.lost(world, uuid, NOW))
    epoch = world.workers[uuid].epoch
    world.apply(workers.deregister(world, uuid))
    assert world.told[-1] is EventKind.WORKER_DEREGISTERED
    stage.idle()
    assert world.workers[uuid].epoch > epoch


def test_port_moves_unless_a_job_uses_it(stage: Stage, world: DictWorld) -> None:
    uuid, _ = run(world, stage)
    port = world.workers[uuid].port
    assert workers.move_port(world, uuid, port).steps == ()
    world.apply(workers.set_fail(world, uuid, "x", NOW))
    world.apply(workers.move_port(world, uuid, port))
    assert world.workers[uuid].port == port + 1
    world.settings = FarmSettings(tunnel_ports=(port, port + 1))
    with pytest.raises(PortsExhaustedError):
        workers.move_port(world, uuid, port + 1)


def test_groups_are_sorted_and_unique(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    world.apply(workers.set_groups(world, uuid, ("b", "a", "b")))
    assert world.workers[uuid].groups == ("a", "b")


LABELS = {"rack": "b", "camera": "yes"}


def test_labels_notes_and_photo_are_set_each_by_itself(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    photo = "https://wiki.example.org:8443/boards/b%201.jpg?size=1"
    for change in (
        WorkerChange(labels=LABELS),
        WorkerChange(notes="Fan is loud.\n\tAsk Żaneta."),
        WorkerChange(photo=photo),
    ):
        world.apply(workers.describe(world, uuid, change))
    worker = world.workers[uuid]
    assert (worker.labels, worker.photo) == (LABELS, photo)
    assert list(worker.labels or ()) == ["camera", "rack"]
    assert worker.notes == "Fan is loud.\n\tAsk Żaneta."
    assert worker.matched == {"name": "board", **worker.caps, **LABELS}
    assert world.told.count(EventKind.WORKER_CHANGED) == 3
    assert workers.describe(world, uuid, WorkerChange(labels=LABELS, photo=photo)).steps == ()
    world.apply(workers.describe(world, uuid, WorkerChange(labels={}, notes="", photo="")))
    worker = world.workers[uuid]
    assert (worker.labels, worker.notes, worker.photo) == (None, None, None)
    assert worker.matched == {"name": "board", **worker.caps}


def test_what_a_board_tells_of_itself_wins_over_a_label(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    name, value = "arch", "arm"
    world.workers[uuid] = before = replace(world.workers[uuid], caps={"UUID": uuid, name: value})
    with pytest.raises(WorkerDescriptionError, match=f"tells {name}={value} of itself"):
        workers.describe(world, uuid, WorkerChange(labels={name: "other"}))
    world.apply(workers.describe(world, uuid, WorkerChange(labels={name: value})))
    world.workers[uuid] = told = replace(world.workers[uuid], labels={name: "other"})
    assert told.matched == {"name": "board", **before.caps}
    again = WorkerChange(labels={name: "other", "rack": "b"})
    world.apply(workers.describe(world, uuid, again))
    assert world.workers[uuid].matched == {"name": "board", **before.caps, "rack": "b"}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (WorkerChange(labels={"UUID": "x"}), WorkerDescriptionError, "UUID="),
        (WorkerChange(labels={"": "x"}), WorkerDescriptionError, "cannot be a label"),
        (WorkerChange(labels={" a": "x"}), WorkerDescriptionError, "cannot be a label"),
        (WorkerChange(labels={"a\n": "x"}), WorkerDescriptionError, "cannot be a label"),
        (WorkerChange(labels={"a": "x\0"}), WorkerDescriptionError, "cannot be a label"),
        (WorkerChange(labels={"a" * 65: "x"}), LimitError, "at most 64"),
        (WorkerChange(labels={"a": "x" * 257}), LimitError, "value 256"),
        (WorkerChange(labels={f"l{n}": "x" for n in range(65)}), LimitError, "limit of 64"),
        (WorkerChange(notes="a\0b"), WorkerDescriptionError, "control characters"),
        (WorkerChange(notes="n" * 4001), LimitError, "at most 4000"),
        (WorkerChange(photo="https://x/" + "p" * 991), LimitError, "at most 1000"),
        *(
            (WorkerChange(photo=photo), WorkerDescriptionError, "address of a photo")
            for photo in (
                "https://wiki.example.org:0/b.jpg",
                "http://wiki.example.org/b.jpg",
                "javascript:alert(1)",
                "https:///b.jpg",
                "https://wiki.example.org/f\u00fcr.jpg",
                "https://wiki.example.org/\x7f.jpg",
                "https://ann:secret@wiki.example.org/b.jpg",
                "https://wiki.example.org/b 1.jpg",
                'https://wiki.example.org/"onload=x',
                "https://wiki.example.org:99999/",
                "https://[wiki/",
                "b.jpg",
            )
        ),
    ],
)
def test_what_describes_no_worker_is_refused(
    world: DictWorld, stage: Stage, change: WorkerChange, error: type[InvalidError], words: str
) -> None:
    uuid = stage.idle()
    with pytest.raises(error, match=words):
        workers.describe(world, uuid, change)
    with pytest.raises(WorkerNotFoundError):
        workers.describe(world, "no such board", change)


def test_facts_are_noted_and_told_once(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    before = world.workers[uuid]
    for _ in range(2):
        world.apply(workers.described(world, uuid, {"Kernel": "6.1"}))
    after = world.workers[uuid]
    assert (after.facts, after.caps, after.state) == ({"Kernel": "6.1"}, before.caps, before.state)
    assert world.told.count(EventKind.WORKER_DESCRIBED) == 1
    world.apply(workers.described(world, "no such board", {"Kernel": "6.1"}))


def test_only_an_idle_worker_is_taken_out_for_a_test(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    epoch = world.workers[uuid].epoch
    with pytest.raises(StaleEpochError):
        workers.recheck(world, uuid, epoch - 1, NOW)
    world.apply(workers.recheck(world, uuid, epoch, NOW))
    assert (uuid, epoch) not in world.keys
    worker = world.workers[uuid]
    assert (worker.state, worker.idle_again) == (WorkerState.BUSY, True)
    with pytest.raises(StaleEpochError):
        workers.recheck(world, uuid, worker.epoch, NOW)
    world.apply(workers.cleaned(world, uuid, worker.epoch, NOW))
    assert world.workers[uuid].state is WorkerState.PREPARE


def test_a_dispute_is_told_and_changes_nothing(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    told = enrolment.dispute(world, uuid, "another one", "192.0.2.9", NOW).steps
    saved, step, noted = told
    assert isinstance(saved, WorkerSaved)
    assert saved.worker.dispute == "another one (2026-01-01 12:00 UTC)"
    assert isinstance(noted, Noted)
    assert noted.note.source == "192.0.2.9"
    assert isinstance(step, WorkerNoted)
    assert (step.worker, step.reason) == (saved.worker, "another one")
    assert saved.worker.state is world.workers[uuid].state
    with pytest.raises(WorkerNotFoundError):
        enrolment.dispute(world, "nobody", "another one", "", NOW)


def test_what_is_as_long_as_it_may_be_is_taken(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    longest = WorkerChange(labels={"a" * 64: "x" * 256}, photo="https://x/" + "p" * 990)
    world.apply(workers.describe(world, uuid, longest))
    assert (world.workers[uuid].labels, world.workers[uuid].photo) == (
        longest.labels,
        longest.photo,
    )
    with pytest.raises(LimitError, match="at most"):
        workers.set_state(
            world, uuid, WorkerState.MAINTENANCE, NOW, "r" * (workers.LONGEST_REASON + 1)
        )
    reason = "r" * workers.LONGEST_REASON
    world.apply(workers.set_state(world, uuid, WorkerState.MAINTENANCE, NOW, reason))
    assert world.workers[uuid].reason == reason


def test_what_came_back_by_itself_does_so_once(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    world.apply(workers.recheck(world, uuid, world.workers[uuid].epoch, NOW))
    world.apply(workers.cleaned(world, uuid, world.workers[uuid].epoch, NOW))
    worker = world.workers[uuid]
    assert (worker.state, worker.idle_again) == (WorkerState.PREPARE, False)


def test_what_is_told_of_a_worker_that_is_gone_is_stale(world: DictWorld) -> None:
    with pytest.raises(StaleEpochError):
        workers.failed(world, "no such board", 1, NOW, "power cut")
    assert not workers.expire_preparation(world, "no such board", NOW, NOW).answer

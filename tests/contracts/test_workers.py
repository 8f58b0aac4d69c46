"""What every implementation of Workers promises."""

from pathlib import Path

import pytest

from boruta_farm.model.errors import (
    ForbiddenStateError,
    NotDeregisterableError,
    WorkerNotFoundError,
    WorkerTransitionError,
)
from boruta_farm.model.listing import WorkerFilter
from boruta_farm.model.worker import Fence, WorkerChange, WorkerState
from boruta_farm.testing.boards import Manner
from boruta_farm.testing.loop import run_virtual
from tests.contracts.scene import scene
from tests.contracts.stage import CALLER, UUID, Stage, in_process

FIRST = UUID.format(1)


@scene
async def test_a_registered_board_is_in_maintenance(stage: Stage) -> None:
    await stage.board(1, {"board": "rpi4"}, idle=False)
    worker = await stage.workers.get_worker_info(CALLER, FIRST)
    assert (worker.uuid, worker.name) == (FIRST, "board-1")
    assert worker.state is WorkerState.MAINTENANCE
    assert worker.caps == {"UUID": FIRST, "board": "rpi4"}
    assert (worker.groups, worker.fence) == ((), Fence.AGENT)
    assert await stage.workers.get_worker_info(CALLER, "board-1") == worker


@scene
async def test_unknown_workers(stage: Stage) -> None:
    await stage.board(1)
    for unknown in (UUID.format(9), "board", "board-2", "board-1x", "", "a/b"):
        for call in (
            stage.workers.get_worker_info(CALLER, unknown),
            stage.workers.set_state(CALLER, unknown, WorkerState.IDLE),
            stage.workers.set_groups(CALLER, unknown, ()),
            stage.workers.deregister(CALLER, unknown),
            stage.workers.count_orphans(CALLER, unknown),
        ):
            with pytest.raises(WorkerNotFoundError):
                await call


@scene
async def test_idle_comes_after_maintenance_only(stage: Stage) -> None:
    await stage.board(1)
    assert await stage.worker_state(1) == "IDLE"
    with pytest.raises(WorkerTransitionError):
        await stage.workers.set_state(CALLER, FIRST, WorkerState.IDLE)


@scene
async def test_other_states_cannot_be_set(stage: Stage) -> None:
    await stage.board(1, idle=False)
    for state in set(WorkerState) - {WorkerState.IDLE, WorkerState.MAINTENANCE}:
        with pytest.raises(ForbiddenStateError):
            await stage.workers.set_state(CALLER, FIRST, state)


@scene
async def test_maintenance_keeps_its_reason_and_may_be_repeated(stage: Stage) -> None:
    await stage.board(1)
    await stage.workers.set_state(CALLER, "board-1", WorkerState.MAINTENANCE, reason="new card")
    await stage.farm.settle()
    worker = await stage.workers.get_worker_info(CALLER, FIRST)
    assert (worker.state, worker.reason) == (WorkerState.MAINTENANCE, "new card")
    await stage.workers.set_state(CALLER, FIRST, WorkerState.MAINTENANCE)
    assert await stage.worker_state(1) == "MAINTENANCE"


@scene
async def test_maintenance_ends_a_running_job(stage: Stage) -> None:
    board = await stage.board(1)
    request_id = await stage.filed()
    await stage.workers.set_state(CALLER, FIRST, WorkerState.MAINTENANCE, reason="fire")
    await stage.farm.settle()
    request = await stage.requests.get_request_info(CALLER, request_id)
    assert request.state.value == "FAILED"
    assert "fire" in (request.reason or "")
    assert await stage.worker_state(1) == "MAINTENANCE"
    assert board.key is None


@scene
async def test_maintenance_after_the_job(stage: Stage) -> None:
    await stage.board(1)
    request_id = await stage.filed()
    await stage.workers.set_state(CALLER, FIRST, WorkerState.MAINTENANCE, "card", after_job=True)
    worker = await stage.workers.get_worker_info(CALLER, FIRST)
    assert (worker.state, worker.after_job) == (WorkerState.RUNNING, True)
    assert await stage.state(request_id) == "IN PROGRESS"
    await stage.requests.close_request(CALLER, request_id)
    await stage.farm.settle()
    assert await stage.worker_state(1) == "MAINTENANCE"


@scene
async def test_set_state_does_not_wait_for_the_board(stage: Stage) -> None:
    board = await stage.board(1, idle=False)
    board.manner = Manner.NEVER
    started = stage.now()
    await stage.workers.set_state(CALLER, FIRST, WorkerState.IDLE)
    assert stage.now() == started
    assert await stage.worker_state(1) == "PREPARE"


@scene
async def test_groups_are_a_sorted_set(stage: Stage) -> None:
    await stage.board(1)
    await stage.workers.set_groups(CALLER, FIRST, ("lab", "ci", "lab"))
    assert (await stage.workers.get_worker_info(CALLER, FIRST)).groups == ("ci", "lab")
    await stage.workers.set_groups(CALLER, FIRST, ())
    assert (await stage.workers.get_worker_info(CALLER, FIRST)).groups == ()


@scene
async def test_deregister_needs_a_worker_out_of_service(stage: Stage) -> None:
    await stage.board(1)
    with pytest.raises(NotDeregisterableError):
        await stage.workers.deregister(CALLER, FIRST)
    await stage.workers.set_state(CALLER, FIRST, WorkerState.MAINTENANCE)
    await stage.farm.settle()
    await stage.workers.deregister(CALLER, FIRST)
    with pytest.raises(WorkerNotFoundError):
        await stage.workers.get_worker_info(CALLER, FIRST)
    assert (await stage.workers.list_workers(CALLER)).total == 0


@scene
async def test_orphans_are_those_that_only_this_worker_could_serve(stage: Stage) -> None:
    await stage.board(1, {"board": "rpi4"}, idle=False)
    await stage.board(2, {"board": "rpi3"}, idle=False)
    for board in ("rpi4", "rpi4", "rpi3", "none"):
        await stage.filed({"board": board})
    await stage.filed()
    assert await stage.workers.count_orphans(CALLER, FIRST) == 2
    assert await stage.workers.count_orphans(CALLER, "board-2") == 1
    moved = await stage.workers.count_orphans(CALLER, FIRST, ("ci",))
    assert moved == 0, "an owner without groups is served by every worker"
    assert await stage.workers.count_orphans(CALLER, FIRST, ()) == 0


def test_labels_are_matched_like_capabilities(tmp_path: Path) -> None:
    async def play() -> None:
        async with in_process(tmp_path) as stage:
            await label(stage)

    run_virtual(play())


async def label(stage: Stage) -> None:
    await stage.board(1, {"board": "rpi4"})
    camera, wanted = await stage.filed({"camera": "yes"}), await stage.filed({"rack": "b"})
    assert (await stage.state(camera), await stage.state(wanted)) == ("WAITING", "WAITING")
    await stage.workers.describe(CALLER, "board-1", WorkerChange(labels={"camera": "yes"}))
    await stage.farm.settle()
    assert await stage.state(camera) == "IN PROGRESS", "a label wakes who waits for it"
    labels = {"camera": "yes", "rack": "b"}
    change = WorkerChange(labels=labels, notes="top shelf", photo="https://wiki.example.org/1")
    await stage.workers.describe(CALLER, FIRST, change)
    await stage.farm.settle()
    assert await stage.state(camera) == "IN PROGRESS", "a job goes on"
    without = await stage.workers.count_orphans(CALLER, FIRST, labels={"camera": "yes"})
    assert without == 1
    assert await stage.workers.count_orphans(CALLER, FIRST, labels=labels) == 0
    for where in (WorkerFilter(caps={"rack": "b"}), WorkerFilter(selector="rack in (b, c)")):
        (worker,) = (await stage.workers.list_workers(CALLER, where)).items
        assert (worker.labels, worker.notes) == (labels, "top shelf")
        assert worker.photo == "https://wiki.example.org/1"
    assert (await stage.workers.list_workers(CALLER, WorkerFilter(caps={"rack": "c"}))).total == 0
    await stage.workers.describe(CALLER, FIRST, WorkerChange(labels={}))
    await stage.farm.settle()
    orphan = await stage.requests.get_request_info(CALLER, wanted)
    assert orphan.orphaned_since is not None
    assert (await stage.workers.get_worker_info(CALLER, FIRST)).notes == "top shelf"

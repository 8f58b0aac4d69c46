"""Registration: first, again, changed, rebooted, with another credential."""

from dataclasses import replace

import pytest

from boruta_farm.core import confirmation, workers
from boruta_farm.core import registration as core
from boruta_farm.core.plan import KeyErased
from boruta_farm.model.errors import (
    AddressError,
    CredentialError,
    MissingUUIDError,
    PortsExhaustedError,
    WorkerNameError,
)
from boruta_farm.model.request import RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence, Reach, Registration, WorkerState
from tests.core.conftest import Stage
from tests.core.test_jobs import run
from tests.core.world import NOW, UUID, DictWorld, registration


def test_new_board_starts_in_maintenance(world: DictWorld) -> None:
    worker = world.apply(core.register(world, registration(epoch=7), NOW))
    assert (worker.state, worker.epoch, worker.name) == (WorkerState.MAINTENANCE, 7, "board")
    assert worker.port == world.settings.tunnel_ports[0]


def test_names_are_made_unique(world: DictWorld) -> None:
    names = [world.apply(core.register(world, registration(n), NOW)).name for n in (1, 2, 3)]
    assert names == ["board", "board-2", "board-3"]
    again = world.apply(core.register(world, registration(2), NOW))
    assert again.name == "board-2"
    renamed = world.apply(core.register(world, registration(2, name="other"), NOW))
    assert renamed.name == "other"


@pytest.mark.parametrize(
    "name",
    [
        *("", "a\nb", "x" * 65, "any", "Any", "42", "r42", "R7"),
        *(UUID.format(9), UUID.format(9).replace("-", ""), f"{{{UUID.format(9).upper()}}}"),
        f"urn:uuid:{UUID.format(9)}",
    ],
)
def test_bad_names_are_refused(world: DictWorld, name: str) -> None:
    if not name:
        assert world.apply(core.register(world, registration(name=None), NOW)).name == UUID.format(
            1
        )
        return
    with pytest.raises(WorkerNameError):
        core.register(world, registration(name=name), NOW)


def test_what_is_missing_is_named(world: DictWorld) -> None:
    def board(caps: dict[str, str], dryad: str = "h:1", ssh: str = "h:2") -> Registration:
        return Registration(caps=caps, dryad_address=dryad, ssh_address=ssh, fence=Fence.NONE)

    with pytest.raises(MissingUUIDError):
        core.register(world, board({}), NOW)
    with pytest.raises(AddressError, match="IP address is missing from dryad_address"):
        core.register(world, board({"UUID": "u"}, dryad=":22"), NOW)
    with pytest.raises(AddressError, match="Port is missing from ssh_address"):
        core.register(world, board({"UUID": "u"}, ssh="h:"), NOW)


def test_ports_run_out_in_words(world: DictWorld) -> None:
    world.settings = FarmSettings(tunnel_ports=(20000, 20000))
    world.apply(core.register(world, registration(1), NOW))
    with pytest.raises(PortsExhaustedError, match="tunnel_ports"):
        core.register(world, registration(2), NOW)


def test_credential_is_pinned(world: DictWorld, stage: Stage) -> None:
    stage.idle()
    with pytest.raises(CredentialError):
        core.register(world, registration(credential="stolen"), NOW)
    with pytest.raises(CredentialError):
        core.register(world, registration(credential=None), NOW)


def test_unchanged_board_keeps_its_job(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    epoch = world.workers[uuid].epoch
    world.apply(core.register(world, registration(epoch=epoch), NOW))
    assert world.workers[uuid].state is WorkerState.RUNNING
    assert world.requests[request_id].state is RequestState.IN_PROGRESS


@pytest.mark.parametrize("how", ["rebooted", "forgot", "ahead"])
def test_board_that_lost_its_session_fails_the_job_and_is_prepared(
    world: DictWorld, stage: Stage, how: str
) -> None:
    uuid, request_id = run(world, stage)
    world.apply(confirmation.confirmed(world, uuid, world.workers[uuid].epoch))
    epoch = world.workers[uuid].epoch
    told = {"rebooted": epoch, "forgot": 0, "ahead": epoch + 5}[how]
    boot_id = "boot-2" if how == "rebooted" else "boot-1"
    world.apply(core.register(world, registration(epoch=told, boot_id=boot_id), NOW))
    assert world.requests[request_id].state is RequestState.FAILED
    assert world.workers[uuid].state is WorkerState.PREPARE
    assert world.workers[uuid].epoch == max(told, epoch) + 1


def test_changed_board_goes_to_maintenance_after_its_job(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    epoch = world.workers[uuid].epoch
    changed = registration(epoch=epoch, caps={"ram": "2"})
    world.apply(core.register(world, changed, NOW))
    worker = world.workers[uuid]
    assert (worker.state, worker.after_job, worker.caps["ram"]) == (WorkerState.RUNNING, True, "2")
    assert world.requests[request_id].state is RequestState.IN_PROGRESS


def test_a_new_board_stays_new_until_it_was_in_service(world: DictWorld, stage: Stage) -> None:
    world.apply(core.register(world, registration(), NOW))
    changed = world.apply(core.register(world, registration(caps={"ram": "2"}), NOW))
    assert (changed.state, changed.reason) == (WorkerState.MAINTENANCE, "newly registered")
    uuid = stage.idle()
    world.apply(workers.set_state(world, uuid, WorkerState.MAINTENANCE, NOW, "new card"))
    world.apply(workers.cleaned(world, uuid, world.workers[uuid].epoch, NOW))
    again = registration(epoch=world.workers[uuid].epoch, caps={"ram": "3"})
    world.apply(core.register(world, again, NOW))
    assert world.workers[uuid].reason == "registered with other capabilities or ports than before"


def test_a_changed_idle_board_s_key_is_erased(world: DictWorld, stage: Stage) -> None:
    """It was prepared for nobody yet, so no job's end would ever erase it."""
    uuid = stage.idle()
    epoch = world.workers[uuid].epoch
    plan = core.register(world, registration(epoch=epoch, caps={"ram": "2"}), NOW)
    assert KeyErased(worker=uuid, epoch=epoch) in plan.steps


def test_changed_unfenced_board_fails_its_job(world: DictWorld, stage: Stage) -> None:
    uuid, request_id = run(world, stage)
    world.apply(confirmation.confirmed(world, uuid, world.workers[uuid].epoch))
    world.apply(core.register(world, registration(fence=Fence.NONE, ssh_port=23), NOW))
    assert world.requests[request_id].state is RequestState.FAILED
    assert world.workers[uuid].state is WorkerState.BUSY


def test_changed_idle_board_returns_to_idle_where_configured(
    stage: Stage, world: DictWorld
) -> None:
    world.settings = FarmSettings(idle_again=True)
    uuid = stage.idle()
    epoch = world.workers[uuid].epoch
    world.apply(core.register(world, registration(epoch=epoch, ssh_port=23), NOW))
    assert world.workers[uuid].state is WorkerState.BUSY
    world.apply(workers.cleaned(world, uuid, world.workers[uuid].epoch, NOW))
    assert (world.workers[uuid].state, world.workers[uuid].idle_again) == (
        WorkerState.PREPARE,
        False,
    )


def test_failed_board_that_registers_again_is_prepared(world: DictWorld, stage: Stage) -> None:
    uuid = stage.idle()
    world.apply(workers.set_fail(world, uuid, "smoke", NOW))
    world.apply(core.register(world, registration(), NOW))
    assert world.workers[uuid].state is WorkerState.PREPARE


def test_a_board_may_be_reached_in_another_way_without_being_set_aside(
    world: DictWorld, stage: Stage
) -> None:
    uuid = stage.idle()
    again = replace(registration(epoch=world.workers[uuid].epoch), reach=Reach.OUTBOUND)
    world.apply(core.register(world, again, NOW))
    assert (world.workers[uuid].state, world.workers[uuid].reach) == (
        WorkerState.IDLE,
        Reach.OUTBOUND,
    )


def test_what_an_agent_says_to_one_more_server_concludes_nothing(stage: Stage) -> None:
    """It dialled before it was prepared by the server that leads, which has it IDLE by now."""
    world = stage.world
    before = world.workers[stage.idle()]
    assert before.state is WorkerState.IDLE
    late = replace(registration(epoch=before.epoch - 1), beside=True)
    assert world.apply(core.register(world, late, NOW)) == before
    assert world.workers[before.uuid] == before
    with pytest.raises(CredentialError):
        core.register(world, replace(late, credential="another"), NOW)


def test_a_credential_that_was_announced_counts_on_every_link(stage: Stage) -> None:
    world = stage.world
    worker = replace(world.workers[stage.idle()], credential="old", next_credential="new")
    world.workers[worker.uuid] = worker
    late = replace(registration(epoch=worker.epoch, credential="new"), beside=True)
    found = world.apply(core.register(world, late, NOW))
    assert (found.credential, found.next_credential) == ("new", None)

"""What Superviser promises, whoever keeps it."""

from dataclasses import replace

import pytest

from boruta_farm.model.errors import (
    CredentialError,
    FailInMaintenanceError,
    MissingUUIDError,
    WorkerNameError,
    WorkerNotFoundError,
)
from boruta_farm.model.worker import WorkerState
from tests.contracts.enrolment import BOARD, UUID, EnrolmentStage, enrolment_scene

OTHER = "00000000-0000-4000-8000-000000000002"


@enrolment_scene
async def test_a_new_board_waits_in_maintenance(stage: EnrolmentStage) -> None:
    answer = await stage.register()
    worker = await stage.worker()
    assert answer.uuid == UUID
    assert answer.farm_id
    assert answer.epoch == worker.epoch
    assert (worker.state, worker.name) == (WorkerState.MAINTENANCE, "pi")
    assert worker.caps == BOARD.caps
    assert (worker.dryad_address, worker.ssh_address) == ("192.0.2.7:7175", "192.0.2.7:22")


@enrolment_scene
async def test_a_board_without_uuid_is_refused(stage: EnrolmentStage) -> None:
    with pytest.raises(MissingUUIDError, match="Capabilities are missing UUID entry"):
        await stage.register(replace(BOARD, caps={"board": "rpi4"}))


@enrolment_scene
async def test_a_name_on_two_lines_is_refused(stage: EnrolmentStage) -> None:
    with pytest.raises(WorkerNameError):
        await stage.register(replace(BOARD, name="two\nlines"))


@enrolment_scene
async def test_a_taken_name_gets_a_number(stage: EnrolmentStage) -> None:
    await stage.register()
    await stage.register(replace(BOARD, caps={**BOARD.caps, "UUID": OTHER}))
    assert (await stage.worker(OTHER)).name == "pi-2"


@enrolment_scene
async def test_a_uuid_belongs_to_the_credential_it_came_with(stage: EnrolmentStage) -> None:
    await stage.register()
    with pytest.raises(CredentialError):
        await stage.register(secret="somebody else's")
    await stage.register()


@enrolment_scene
async def test_the_higher_epoch_goes_on(stage: EnrolmentStage) -> None:
    answer = await stage.register(replace(BOARD, epoch=41))
    assert answer.epoch == 41
    assert (await stage.register(replace(BOARD, epoch=3))).epoch == 41


@enrolment_scene
async def test_an_unchanged_board_keeps_its_state(stage: EnrolmentStage) -> None:
    await stage.register()
    await stage.make_idle()
    epoch = (await stage.worker()).epoch
    await stage.register(replace(BOARD, epoch=epoch))
    assert (await stage.worker()).state is WorkerState.IDLE


@enrolment_scene
async def test_a_failure_is_kept_with_its_reason(stage: EnrolmentStage) -> None:
    await stage.register()
    await stage.make_idle()
    await stage.set_fail("the card reader is gone")
    worker = await stage.worker()
    assert worker.state is WorkerState.FAILED
    assert worker.reason is not None
    assert "the card reader is gone" in worker.reason


@enrolment_scene
async def test_a_board_in_maintenance_cannot_fail(stage: EnrolmentStage) -> None:
    await stage.register()
    with pytest.raises(FailInMaintenanceError):
        await stage.set_fail("too late")


@enrolment_scene
async def test_nobody_fails_an_unknown_worker(stage: EnrolmentStage) -> None:
    await stage.register()
    with pytest.raises(WorkerNotFoundError, match="Worker not found"):
        await stage.set_fail("who?", uuid=OTHER)

"""Between two users nothing of the device under test stays on."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.dryad.stm.client import Client
from boruta_farm.dryad.stm.controller import Controller
from boruta_farm.dryad.stm.dut import reset
from boruta_farm.dryad.stm.errors import ControllerError
from boruta_farm.dryad.stm.readback import READ_BACK
from boruta_farm.dryad.stm.recorder import Recorder
from boruta_farm.dryad.stm.service import Service
from boruta_farm.dryad.stm.values import Card, DyPer
from boruta_farm.testing.stm_ports import PseudoTerminal


async def test_everything_is_off_and_what_was_on_is_told() -> None:
    with PseudoTerminal() as terminal:
        controller, chip = Controller.at(terminal.path), terminal.firmware.chip
        await controller.dut()
        await controller.hdmi(on=True)
        await controller.set_dyper(DyPer.TWO, on=True)
        await controller.start_current_record(1000, timedelta(seconds=10))
        assert await reset(controller) == (
            "the device under test has power",
            "the card is not at the supervisor (dut)",
        )
        assert (chip.relay, chip.card) == (False, "ts")
        assert (chip.hdmi, chip.dypers) == (False, [False, False])
        assert await controller.get_current_record() == ()
        assert await reset(controller) == ()
        await controller.close()


async def test_a_relay_that_sticks_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with PseudoTerminal() as terminal:
        controller = Controller.at(terminal.path)
        await controller.dut()

        async def do_nothing() -> None:
            return

        monkeypatch.setattr(controller, "ts", do_nothing)
        with pytest.raises(ControllerError, match="told to reset: the device under test has power"):
            await reset(controller)
        await controller.close()


async def test_over_our_own_service_relay_and_card_are_read_back(tmp_path: Path) -> None:
    with PseudoTerminal() as terminal:
        controller = Controller.at(terminal.path)
        async with Service(controller) as service:
            await service.listen(tmp_path / "stm", tmp_path / "stm-user", group="no-such-group")
            client = Client(tmp_path / "stm")
            await client.dut()
            assert (await reset(client))[0] == "the device under test has power"
            state = await client.read_back()
            assert state is not None
            assert (state.power, state.card) == (False, Card.TS)
        await controller.close()


async def test_over_the_originals_daemon_the_current_tells_of_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PseudoTerminal() as terminal:
        controller = Controller.at(terminal.path)
        lacking = replace(READ_BACK, name="Interface.NoSuchMethod")
        monkeypatch.setattr("boruta_farm.dryad.stm.client.READ_BACK", lacking)
        async with Service(controller) as service:
            await service.listen(tmp_path / "stm", tmp_path / "stm-user", group="no-such-group")
            client = Client(tmp_path / "stm")
            await client.dut()
            assert await client.read_back() is None
            assert await reset(client) == ("the device under test has power (400 mA)",)
            assert await reset(client) == ()
        assert not terminal.firmware.chip.relay
        await controller.close()


async def test_power_that_cannot_be_cut_is_noticed_over_a_daemon() -> None:
    with pytest.raises(ControllerError, match=r"has power \(5 mA\)"):
        await reset(Recorder(current=5))

"""A MuxPi's controller as tools: an emulated chip behind the service that owns its line."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boruta_farm.dryad.stm.controller import Controller
from boruta_farm.dryad.stm.service import Service
from boruta_farm.dryad.tools.drivers.stm import DRIVER, StmButton, StmLeds, StmPower
from boruta_farm.dryad.tools.errors import ActError
from boruta_farm.model.errors import BorutaError
from boruta_farm.testing.stm_chip import Chip
from boruta_farm.testing.stm_ports import PseudoTerminal
from tests.dryad.tools.drivers.stages import opened


@pytest.fixture
async def chip(tmp_path: Path) -> AsyncIterator[Chip]:
    with PseudoTerminal() as terminal:
        controller = Controller.at(terminal.path)
        async with Service(controller) as service:
            await service.listen(
                tmp_path / "stm.socket", tmp_path / "user.socket", group="no-such-group"
            )
            yield terminal.firmware.chip
        await controller.close()
        assert terminal.firmware.chip.damage == []


async def test_power(chip: Chip, tmp_path: Path) -> None:
    power = opened(DRIVER, tmp_path, volts=5)
    assert isinstance(power, StmPower)
    await power.off()
    assert (chip.relay, chip.card) == (False, "ts")
    assert (await power.state()).on is False
    await power.on()
    assert (chip.relay, chip.card) == (True, "ts")
    state = await power.state()
    assert (state.on, state.watts) == (True, 2.0)
    await power.cycle(0.01)
    assert (chip.relay, chip.card) == (True, "ts")


async def test_a_device_that_has_power_goes_on(chip: Chip, tmp_path: Path) -> None:
    power = opened(DRIVER, tmp_path)
    assert isinstance(power, StmPower)
    await power.on()
    await power.on()
    assert (await power.state()).watts is None
    assert chip.relay


async def test_dynamic_peripherals_and_lights(chip: Chip, tmp_path: Path) -> None:
    button = opened(DRIVER, tmp_path, part="dyper2")
    assert isinstance(button, StmButton)
    await button.press()
    assert chip.dypers == [False, True]
    await button.release()
    assert chip.dypers == [False, False]
    leds = opened(DRIVER, tmp_path, part="leds")
    assert isinstance(leds, StmLeds)

    async def nothing(_: bytes) -> None:
        raise AssertionError("lights say nothing")

    assert await leds.perform(["1", "0", "128", "0"], nothing) == 0
    assert chip.leds[0] == (0, 128, 0)
    for wrong in ([], ["3", "0", "0", "0"], ["1", "red"], ["1", "0", "0"]):
        with pytest.raises(ActError, match="write a light and its colour, such as: 1 0 128 0"):
            await leds.perform(wrong, nothing)
    with pytest.raises(BorutaError):
        await leds.perform(["1", "0", "0", "256"], nothing)


async def test_without_the_service_it_is_told(tmp_path: Path) -> None:
    power = opened(DRIVER, tmp_path, socket=str(tmp_path / "none"))
    assert isinstance(power, StmPower)
    with pytest.raises(BorutaError, match="none"):
        await power.off()

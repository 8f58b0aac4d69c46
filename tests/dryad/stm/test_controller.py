import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from boruta_farm.dryad.stm.controller import TICKING, Controller
from boruta_farm.dryad.stm.errors import PortError
from boruta_farm.dryad.stm.values import Card, Color, DyPer, Ink, Led
from boruta_farm.testing.stm_ports import PseudoTerminal


@pytest.fixture(params=[True, False], ids=["echo sticks", "echo off works"])
async def terminal(request: pytest.FixtureRequest) -> AsyncIterator[PseudoTerminal]:
    with PseudoTerminal(echo_sticks=bool(request.param)) as terminal:
        yield terminal


async def test_calls_reach_the_chip(terminal: PseudoTerminal) -> None:
    controller, chip = Controller.at(terminal.path), terminal.firmware.chip
    await controller.dut()
    assert (chip.card, chip.relay) == ("dut", True)
    assert await controller.get_current() == 400
    assert await controller.commands.mux() is Card.DUT
    await controller.ts()
    assert (chip.card, chip.relay) == ("ts", False)
    await controller.power_tick(timedelta(milliseconds=20))
    assert chip.relay
    await controller.hdmi(True)
    await controller.set_dyper(DyPer.ONE, True)
    await controller.set_led(Led.TWO, Color(red=1, green=2, blue=3))
    await controller.print_text(0, 0, Ink.ON, "maintenance")
    assert (chip.hdmi, chip.dypers, chip.leds[1]) == (True, [True, False], (1, 2, 3))
    assert chip.display == ["0 0 on maintenance"]
    await controller.clear_display()
    assert chip.display == []
    assert await controller.probe() == "MuxPi firmware v1.0"
    await controller.close()


async def test_a_probe_touches_nothing(terminal: PseudoTerminal) -> None:
    controller = Controller.at(terminal.path)
    await controller.probe()
    assert terminal.firmware.commands == ["echo off", "version"]
    await controller.close()


async def test_closing_stops_the_record_and_gives_the_line_up(terminal: PseudoTerminal) -> None:
    first, second = Controller.at(terminal.path), Controller.at(terminal.path)
    await first.start_current_record(1000, timedelta(seconds=1000))
    await first.probe()
    with pytest.raises(PortError, match="use"):
        await second.probe()
    await first.close()
    assert len(asyncio.all_tasks()) == 1
    assert await second.probe() == "MuxPi firmware v1.0"
    await second.close()


async def test_a_chip_that_ticks_the_power_is_left_in_peace(terminal: PseudoTerminal) -> None:
    controller = Controller.at(terminal.path)
    tick = asyncio.create_task(controller.power_tick(timedelta(milliseconds=300)))
    await asyncio.sleep(0)
    assert await controller.probe() == TICKING
    await tick
    assert await controller.probe() == "MuxPi firmware v1.0"
    await controller.close()

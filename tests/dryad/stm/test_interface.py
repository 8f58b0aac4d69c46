"""What holds for every way to a controller: the line, the service over it, and the double."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.dryad.stm.client import Client
from boruta_farm.dryad.stm.controller import Controller
from boruta_farm.dryad.stm.errors import ArgumentError, ControllerError
from boruta_farm.dryad.stm.interface import Interface
from boruta_farm.dryad.stm.recorder import Recorder
from boruta_farm.dryad.stm.service import Service
from boruta_farm.dryad.stm.values import Color, DyPer, Ink, Led
from boruta_farm.testing.stm_ports import PseudoTerminal

GROUP = "no-such-group"


@pytest.fixture(params=["line", "service", "double", "service of the double"])
async def interface(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Interface]:
    async with AsyncExitStack() as stack:
        found: Interface
        if "double" in request.param:
            found = Recorder()
        else:
            terminal = stack.enter_context(PseudoTerminal())
            found = Controller.at(terminal.path)
            stack.callback(lambda: check_undamaged(terminal))
        stack.push_async_callback(found.close)
        if "service" in request.param:
            service = await stack.enter_async_context(Service(found))
            await service.listen(tmp_path / "stm", tmp_path / "stm-user", group=GROUP)
            found = Client(tmp_path / "stm")
        yield found


def check_undamaged(terminal: PseudoTerminal) -> None:
    assert terminal.firmware.chip.damage == []


async def test_every_call_is_answered(interface: Interface) -> None:
    await interface.dut()
    await interface.ts()
    await interface.power_tick(timedelta(milliseconds=1))
    await interface.hdmi(True)
    await interface.set_dyper(DyPer.TWO, False)
    await interface.set_led(Led.TWO, Color(red=0, green=0, blue=128))
    await interface.clear_display()
    await interface.print_text(0, 2, Ink.ON, "a text that is too long for the display")
    assert await interface.get_current() >= 0
    assert await interface.probe()
    await interface.stop_current_record()


async def test_a_record_is_kept(interface: Interface) -> None:
    await interface.start_current_record(2, timedelta(milliseconds=10))
    async with asyncio.timeout(60):
        # A sample is told to nobody: there is no event to wait for.
        while len(samples := await interface.get_current_record()) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert min(samples) >= 0
    await interface.stop_current_record()
    assert await interface.get_current_record() == samples


async def test_there_is_no_record_at_first(interface: Interface) -> None:
    with pytest.raises(ControllerError, match="no sample was recorded"):
        await interface.get_current_record()


@pytest.mark.parametrize(
    "call",
    [
        lambda interface: interface.power_tick(timedelta(seconds=-1)),
        lambda interface: interface.start_current_record(0, timedelta(seconds=1)),
        lambda interface: interface.print_text(0, 3, Ink.ON, "text"),
        lambda interface: interface.print_text(129, 0, Ink.ON, "text"),
    ],
)
async def test_what_the_chip_must_not_get_is_refused(
    interface: Interface, call: Callable[[Interface], object]
) -> None:
    # The service's refusals come as a ControllerError with the same words.
    calling = call(interface)
    assert asyncio.iscoroutine(calling)
    with pytest.raises((ArgumentError, ControllerError), match=r"must be|can be cut"):
        await calling


async def test_calls_may_overlap(interface: Interface) -> None:
    colors = [Color(red=0, green=0, blue=blue) for blue in range(8)]
    async with asyncio.timeout(20):
        await asyncio.gather(
            interface.power_tick(timedelta(milliseconds=50)),
            *(interface.set_led(Led.ONE, color) for color in colors),
            interface.get_current(),
        )

"""The sign under virtual time, on an emulated chip."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from boruta_farm.dryad.stm.controller import Controller
from boruta_farm.dryad.stm.errors import ControllerError
from boruta_farm.dryad.stm.line import Line
from boruta_farm.dryad.stm.maintenance import MaintenanceSign, lines
from boruta_farm.dryad.stm.recorder import Recorder
from boruta_farm.testing.loop import run_virtual
from boruta_farm.testing.stm_ports import MemoryLine

DARK, LIT = (0, 0, 0), (96, 144, 0)


def play(scene: Callable[[MemoryLine, MaintenanceSign], Awaitable[None]]) -> None:
    async def main() -> None:
        memory = MemoryLine()
        controller = Controller(Line(memory.open))
        await scene(memory, MaintenanceSign(controller))
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, "something still blinks"
        assert memory.firmware.chip.damage == []
        await controller.close()

    run_virtual(main())


async def seen(memory: MemoryLine, seconds: float) -> list[tuple[object, ...]]:
    """Return the lights each half second, beginning a moment from now."""
    states: list[tuple[object, ...]] = []
    await asyncio.sleep(0.25)
    for _ in range(int(seconds * 2)):
        states.append(tuple(memory.firmware.chip.leds))
        await asyncio.sleep(0.5)
    return states


def test_lights_take_turns_below_the_message() -> None:
    async def scene(memory: MemoryLine, sign: MaintenanceSign) -> None:
        await sign.show("maintenance")
        assert memory.firmware.chip.display == ["0 0 on maintenance"]
        first, second = (LIT, DARK), (DARK, LIT)
        assert await seen(memory, 4) == [first, first, second, second] * 2
        await sign.clear()

    play(scene)


def test_clearing_leaves_everything_dark_at_once_and_for_good() -> None:
    async def scene(memory: MemoryLine, sign: MaintenanceSign) -> None:
        await sign.show("maintenance")
        await asyncio.sleep(10.3)
        began = asyncio.get_running_loop().time()
        await sign.clear()
        assert asyncio.get_running_loop().time() - began < 0.5
        assert memory.firmware.chip.display == []
        assert await seen(memory, 5) == [(DARK, DARK)] * 10
        commands = len(memory.firmware.commands)
        await sign.clear()
        assert len(memory.firmware.commands) == commands, "there was nothing to clear"

    play(scene)


def test_a_second_message_replaces_the_first_and_its_blinker() -> None:
    async def scene(memory: MemoryLine, sign: MaintenanceSign) -> None:
        await sign.show("first")
        await asyncio.sleep(0.7)
        await asyncio.gather(sign.show("second"), sign.show("third"))
        assert memory.firmware.chip.display == ["0 0 on third"]
        assert await seen(memory, 2) == [(LIT, DARK)] * 2 + [(DARK, LIT)] * 2
        await sign.clear()

    play(scene)


def test_what_a_killed_agent_left_is_cleared() -> None:
    async def scene(memory: MemoryLine, sign: MaintenanceSign) -> None:
        memory.firmware.receive(b"led 1 96 144 0\ntext 0 0 on maintenance\n")
        await sign.clear()
        assert memory.firmware.chip.leds == [DARK, DARK]
        assert memory.firmware.chip.display == []

    play(scene)


def test_a_sign_that_cannot_be_shown_blinks_nowhere() -> None:
    async def scene(memory: MemoryLine, sign: MaintenanceSign) -> None:
        await sign.show("first")
        memory.firmware.silent = True
        with pytest.raises(ControllerError):
            await sign.show("second")
        memory.firmware.silent = False
        await sign.clear()

    play(scene)


def test_a_dead_chip_does_not_hold_up_the_end() -> None:
    async def scene(memory: MemoryLine, sign: MaintenanceSign) -> None:
        await sign.show("maintenance")
        memory.firmware.silent = True
        await asyncio.sleep(5)
        began = asyncio.get_running_loop().time()
        with pytest.raises(ControllerError):
            await sign.clear()
        assert asyncio.get_running_loop().time() - began < 9

    play(scene)


def test_broken_lamps_are_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        recorder = Recorder()
        sign = MaintenanceSign(recorder)
        await sign.show("maintenance")
        recorder.failure = ControllerError("broken")
        await asyncio.sleep(10)
        assert len(recorder.calls) > 6
        recorder.failure = None
        await sign.clear()

    run_virtual(main())
    warnings = [r for r in caplog.records if r.levelname == "WARNING"]
    assert [r.getMessage() for r in warnings] == ["the maintenance lights do not work: broken"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("maintenance", ["maintenance"]),
        ("power supply is being replaced", ["power supply is", "being replaced"]),
        ("a message that is far too long to be shown here", ["a message that", "is far too.."]),
        ("two\nlines \u2603", ["two lines ?"]),
        ("", []),
    ],
)
def test_what_fits_on_the_display(message: str, expected: list[str]) -> None:
    assert lines(message) == expected
    assert all(len(line) <= 16 for line in lines(message))

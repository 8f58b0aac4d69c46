import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from boruta_farm.dryad.stm.commands import Commands
from boruta_farm.dryad.stm.errors import ArgumentError, ResponseError
from boruta_farm.dryad.stm.line import Line
from boruta_farm.dryad.stm.values import Card, Color, DyPer, Ink, Led
from boruta_farm.testing.loop import run_virtual
from boruta_farm.testing.stm_chip import Chip
from boruta_farm.testing.stm_ports import MemoryLine

Story = Callable[[Commands, Chip], Awaitable[None]]
Tell = Callable[[Story], list[str]]


@pytest.fixture(params=[True, False], ids=["echo sticks", "echo off works"])
def tell(request: pytest.FixtureRequest) -> Tell:
    """Run a story about an emulated chip in both worlds; return the commands it was sent."""

    def run(story: Story) -> list[str]:
        async def play() -> list[str]:
            memory = MemoryLine(echo_sticks=bool(request.param), piece=3)
            line = Line(memory.open)
            try:
                await story(Commands(line), memory.firmware.chip)
            finally:
                await line.close()
                memory.firmware.close()
            assert memory.firmware.chip.damage == []
            return memory.firmware.commands[1:]

        return run_virtual(play())

    return run


def test_card_and_power(tell: Tell) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        assert (await commands.mux(), await commands.power()) == (Card.TS, False)
        await commands.dut()
        assert (await commands.mux(), await commands.power()) == (Card.DUT, True)
        await commands.ts()
        assert (await commands.mux(), await commands.power()) == (Card.TS, False)
        await commands.set_mux(dut=True)
        await commands.set_power(True)
        assert (chip.card, chip.relay) == ("dut", True)
        await commands.set_mux(dut=False)
        await commands.set_power(False)
        assert (chip.card, chip.relay) == ("ts", False)

    tell(story)


def test_a_card_that_is_nowhere(tell: Tell) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        chip.card = "invalid"
        assert await commands.mux() is Card.INVALID

    tell(story)


@pytest.mark.parametrize(("seconds", "sent"), [(0.25, 250), (0, 1000), (120, 120_000)])
def test_a_power_tick_takes_its_time_and_ends_with_power(
    tell: Tell, seconds: float, sent: int
) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        await commands.ts()
        start = asyncio.get_running_loop().time()
        ticking = asyncio.create_task(commands.power_tick(timedelta(seconds=seconds)))
        await asyncio.sleep(0.1)
        assert not chip.relay
        await ticking
        assert asyncio.get_running_loop().time() - start == pytest.approx(sent / 1000)
        assert chip.relay

    assert tell(story) == ["ts", f"power tick {sent}"]


def test_ticks_that_would_never_end_are_not_sent(tell: Tell) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        with pytest.raises(ArgumentError):
            await commands.power_tick(timedelta(seconds=-1))

    assert tell(story) == []


def test_switches(tell: Tell) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        await commands.set_hdmi(True)
        await commands.set_dyper(DyPer.ONE, True)
        await commands.set_dyper(DyPer.TWO, True)
        assert (chip.hdmi, chip.dypers) == (True, [True, True])
        await commands.set_hdmi(False)
        await commands.set_dyper(DyPer.ONE, False)
        assert (chip.hdmi, chip.dypers) == (False, [False, True])

    sent = tell(story)
    assert sent[:3] == ["hdmi on", "dyper 1 on", "dyper 2 on"]


def test_lights(tell: Tell) -> None:
    amber, blue = Color(red=96, green=144, blue=0), Color(red=0, green=0, blue=255)

    async def story(commands: Commands, chip: Chip) -> None:
        await commands.set_led(Led.ONE, amber)
        await commands.set_led(Led.TWO, blue)
        assert await commands.leds() == (amber, blue)
        assert await commands.led(Led.TWO) == blue
        assert chip.leds == [(96, 144, 0), (0, 0, 255)]

    assert tell(story)[0] == "led 1 96 144 0"


def test_text(tell: Tell) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        await commands.print_text(0, 0, Ink.ON, "board in maintenance until Monday")
        await commands.print_text(0, 2, Ink.INVERT, "1 2 3 4 5 6 7 8")
        await commands.print_text(8, 2, Ink.CLEAN, "")
        assert chip.display == ["0 0 on board in mainten", "0 2 inv 1 2 3 4 5 6", "96 2 inv 7 8"]
        await commands.clear_display()
        assert chip.display == []

    assert tell(story)[-1] == "clr"


def test_figures(tell: Tell) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        await commands.draw_point(127, 31, Ink.ON)
        await commands.draw_line(0, 0, 127, 31, Ink.OFF)
        await commands.draw_circle(16, 16, 15, Ink.INVERT)
        await commands.draw_rectangle(0, 0, 127, 31, Ink.ON)

    assert tell(story) == [
        "draw point 127 31 on",
        "draw line 0 0 127 31 off",
        "draw circle 16 16 15 inv",
        "draw rectangle 0 0 127 31 on",
    ]


def test_figures_outside_are_not_sent(tell: Tell) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        for drawing in (
            commands.draw_point(128, 0, Ink.ON),
            commands.draw_line(0, 0, 0, 32, Ink.ON),
            commands.draw_circle(15, 15, 16, Ink.ON),
            commands.draw_circle(15, 15, -1, Ink.ON),
            commands.draw_rectangle(1, 0, 127, 1, Ink.ON),
            commands.draw_rectangle(0, 0, -1, 1, Ink.ON),
        ):
            with pytest.raises(ArgumentError):
                await drawing

    assert tell(story) == []


def test_measurements(tell: Tell) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        assert await commands.adcs() == {
            "adc1": 120,
            "adc2": 2000,
            "adc3": 2048,
            "adc4": 1700,
            "adc5": 1489,
            "vrefint": 1489,
        }
        assert (await commands.adc(1), await commands.adc(5)) == (120, 1489)
        assert await commands.voltages() == {"adc1": 96, "adc2": 1611, "adc3": 1650, "adc4": 1369}
        assert await commands.voltage(3) == 1650
        for channel in (0, 6):
            with pytest.raises(ArgumentError):
                await commands.adc(channel)
            with pytest.raises(ArgumentError):
                await commands.voltage(channel)

    tell(story)


def test_current(tell: Tell) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        assert await commands.current() == 0
        await commands.dut()
        assert await commands.current() == 400
        await commands.set_current_offset(120)
        assert await commands.current() == 300
        await commands.calibrate_current()
        assert await commands.current() == 0
        with pytest.raises(ArgumentError):
            await commands.set_current_offset(-1)

    tell(story)


def test_usb_switch(tell: Tell) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        for part in ("switch", "id"):
            assert not await commands.lthor_to_usb(part)
            await commands.set_lthor(part, usb=True)
            assert await commands.lthor_to_usb(part)
            await commands.set_lthor(part, usb=False)
            assert not await commands.lthor_to_usb(part)
        await commands.set_lthor_vbus(True)
        assert await commands.lthor_vbus()
        await commands.set_lthor_vbus(False)
        assert not await commands.lthor_vbus()
        with pytest.raises(ArgumentError, match="switch and id, not 'combo'"):
            await commands.set_lthor("combo", usb=True)

    tell(story)


def test_keys(tell: Tell) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        assert await commands.keys() == (False, False)
        chip.keys[1] = True
        assert await commands.keys() == (False, True)
        assert (await commands.key(1), await commands.key(2)) == (False, True)
        with pytest.raises(ArgumentError):
            await commands.key(3)

    tell(story)


@pytest.mark.parametrize(("wanted", "got"), [(0, 0), (3300, 3300), (3349, 3300), (5000, 5000)])
def test_console_supply_reads_as_it_was_set(tell: Tell, wanted: int, got: int) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        await commands.set_uart_voltage(wanted)
        assert await commands.uart_voltage() == got
        with pytest.raises(ArgumentError):
            await commands.set_uart_voltage(5001)

    assert tell(story)[0] == f"uart {got}"


def test_talk(tell: Tell) -> None:
    async def story(commands: Commands, chip: Chip) -> None:
        assert await commands.version() == "MuxPi firmware v1.0"
        assert "version - see the manual" in await commands.help()
        await commands.echo(True)
        assert await commands.version() == "MuxPi firmware v1.0"
        await commands.echo(False)
        assert await commands.power() is False

    tell(story)


@pytest.mark.parametrize("reply", [b"OK\r\n", b"many\r\nOK\r\n", b"1\r\n2\r\nOK\r\n"])
def test_replies_that_make_no_sense_are_told_and_doubted(reply: bytes) -> None:
    async def play() -> None:
        memory = MemoryLine()
        line = Line(memory.open)
        commands = Commands(line)
        await commands.version()
        memory.firmware.silent = True
        asyncio.get_running_loop().call_later(0.5, memory.deliver, reply)
        with pytest.raises(ResponseError, match=r"^unexpected response: .* \(to 'current'\)$"):
            await commands.current()
        memory.firmware.silent = False
        assert await commands.current() == 0
        assert memory.firmware.commands == ["echo off", "version", "echo off", "current"]
        await line.close()

    run_virtual(play())


def test_colours_that_make_no_sense_are_told() -> None:
    async def play() -> None:
        memory = MemoryLine()
        memory.firmware.chip.leds[0] = (0, 0, 999)
        line = Line(memory.open)
        with pytest.raises(ResponseError, match="unexpected response: 'led1: 0,0,999'"):
            await Commands(line).led(Led.ONE)
        await line.close()

    run_virtual(play())

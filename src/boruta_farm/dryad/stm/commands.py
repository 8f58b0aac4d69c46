"""Every command of the controller as a method, its ranges checked before the chip sees it.

The firmware checks few of its arguments and reads many words otherwise than its help says; where
a method looks odd, that is why.
"""

import re
from datetime import timedelta
from typing import Final

from boruta_farm.dryad.stm.display import HEIGHT, WIDTH, check_inside, lay_out
from boruta_farm.dryad.stm.errors import ArgumentError, ResponseError
from boruta_farm.dryad.stm.line import Line
from boruta_farm.dryad.stm.values import (
    Card,
    Color,
    DyPer,
    Ink,
    Led,
    checked,
    switch,
    tick_milliseconds,
)

ADC_CHANNELS: Final = 5
LARGEST_UART_VOLTAGE: Final = 5000
"""In mV."""

_UART_STEP: Final = 50
_LARGEST_OFFSET: Final = 65535
_SWITCH: Final = re.compile(r"(on|off)", re.IGNORECASE)
_CARD: Final = re.compile("|".join(Card))
_NUMBER: Final = re.compile(r"-?\d{1,9}")
_VERSION: Final = re.compile(r"MuxPi firmware .*")
_LED: Final = re.compile(r"led([12]): (\d{1,3}),(\d{1,3}),(\d{1,3})")
_CHANNEL: Final = re.compile(r"(adc[1-5]|vrefint): (-?\d{1,9})")
_KEY: Final = re.compile(r"(?:key[12]: )?(pressed|released)")
_USB: Final = re.compile(r"(USB|UART)", re.IGNORECASE)


class Commands:
    """Command the chip over a line that this process owns.

    Raises ``ArgumentError`` before anything is sent; ``ResponseError`` when the chip refuses or
    answers what makes no sense; ``PortError`` and ``SilenceError``.
    """

    def __init__(self, line: Line) -> None:
        self._line = line

    async def help(self) -> tuple[str, ...]:
        """Return the chip's own help; some of it is wrong."""
        return await self._line.ask("help")

    async def version(self) -> str:
        """Return the firmware's name and version. The way to ask whether anybody is there."""
        return (await self._value("version", _VERSION)).group()

    async def echo(self, on: bool) -> None:
        """Ask the chip to repeat what it is sent, or not to; the published firmware always does."""
        await self._line.ask(f"echo {switch(on)}")

    async def power(self) -> bool:
        """Tell whether the relay is on. It says nothing about the device under test."""
        return (await self._value("power", _SWITCH)).group().lower() == "on"

    async def set_power(self, on: bool) -> None:
        """Switch the power of the device under test; the card stays where it is."""
        await self._line.ask(f"power {switch(on)}")

    async def power_tick(self, duration: timedelta) -> None:
        """Switch the power off, wait, switch it on; return when it is on."""
        milliseconds = tick_milliseconds(duration)
        await self._line.ask(f"power tick {milliseconds}", extra=milliseconds / 1000)

    async def set_hdmi(self, on: bool) -> None:
        """Set the hot-plug pin; it cannot be read, the bare command switches it off."""
        await self._line.ask(f"hdmi {switch(on)}")

    async def set_dyper(self, dyper: DyPer, on: bool) -> None:
        """Switch a dynamic peripheral; it cannot be read."""
        await self._line.ask(f"{dyper} {switch(on)}")

    async def mux(self) -> Card:
        """Return who has the card."""
        return Card((await self._value("mux", _CARD)).group())

    async def set_mux(self, *, dut: bool) -> None:
        """Give the card to the device under test or to the test server; power stays as it is."""
        await self._line.ask(f"mux {Card.DUT if dut else Card.TS}")

    async def dut(self) -> None:
        """Give card and power to the device under test."""
        await self._line.ask("dut")

    async def ts(self) -> None:
        """Give the card to the test server and switch the power off."""
        await self._line.ask("ts")

    async def led(self, led: Led) -> Color:
        """Return the colour that was set last; whether it shines, the chip does not know."""
        return _color(await self._value(f"led {led}", _LED))

    async def leds(self) -> tuple[Color, Color]:
        """Return the colours that were set last."""
        first, second = await self._values("led", _LED, 2)
        return _color(first), _color(second)

    async def set_led(self, led: Led, color: Color) -> None:
        """Set a light."""
        await self._line.ask(f"led {led} {color.red} {color.green} {color.blue}")

    async def clear_display(self) -> None:
        """Clear the display."""
        await self._line.ask("clr")

    async def print_text(self, x: int, y: int, ink: Ink, text: str) -> None:
        """Print what fits, x in pixels, y in rows of 8 pixels; nothing for an empty text."""
        for piece in lay_out(x, y, text):
            await self._line.ask(f"text {piece.x} {y} {ink} {piece.text}")

    async def draw_point(self, x: int, y: int, ink: Ink) -> None:
        """Set one pixel; as with every figure, only within the display."""
        check_inside((x, y))
        await self._line.ask(f"draw point {x} {y} {ink}")

    async def draw_line(self, x1: int, y1: int, x2: int, y2: int, ink: Ink) -> None:
        """Draw a line between two points."""
        check_inside((x1, y1), (x2, y2))
        await self._line.ask(f"draw line {x1} {y1} {x2} {y2} {ink}")

    async def draw_circle(self, x: int, y: int, radius: int, ink: Ink) -> None:
        """Draw a circle."""
        checked(radius, "the radius", 0, HEIGHT)
        check_inside((x - radius, y - radius), (x + radius, y + radius))
        await self._line.ask(f"draw circle {x} {y} {radius} {ink}")

    async def draw_rectangle(self, left: int, top: int, width: int, height: int, ink: Ink) -> None:
        """Draw a rectangle. One that touches the last column or row is refused.

        Whether the chip counts its far edge in or not is unknown, and it writes beyond the
        display without a check.
        """
        checked(width, "the width", 0, WIDTH)
        checked(height, "the height", 0, HEIGHT)
        check_inside((left, top), (left + width, top + height))
        await self._line.ask(f"draw rectangle {left} {top} {width} {height} {ink}")

    async def adc(self, channel: int) -> int:
        """Return a channel's raw reading of 12 bits.

        1 is the current, 2 and 3 are inputs for add-ons, 4 is the temperature, 5 the reference.
        """
        checked(channel, "the channel", 1, ADC_CHANNELS)
        return int((await self._value(f"adc {channel}", _CHANNEL)).group(2))

    async def adcs(self) -> dict[str, int]:
        """Return all raw readings by name: ``adc1`` to ``adc5`` and ``vrefint``."""
        found = await self._values("adc", _CHANNEL, ADC_CHANNELS + 1)
        return {each.group(1): int(each.group(2)) for each in found}

    async def voltage(self, channel: int) -> int:
        """Return a channel's reading in mV."""
        checked(channel, "the channel", 1, ADC_CHANNELS)
        return int((await self._value(f"voltage {channel}", _CHANNEL)).group(2))

    async def voltages(self) -> dict[str, int]:
        """Return the readings of ``adc1`` to ``adc4`` in mV."""
        found = await self._values("voltage", _CHANNEL, ADC_CHANNELS - 1)
        return {each.group(1): int(each.group(2)) for each in found}

    async def current(self) -> int:
        """Return the current in mA, less the idle offset; 0 when the relay is off."""
        return int((await self._value("current", _NUMBER)).group())

    async def calibrate_current(self) -> None:
        """Take the present reading as the idle offset."""
        await self._line.ask("current auto")

    async def set_current_offset(self, offset: int) -> None:
        """Set the idle offset by hand."""
        checked(offset, "the idle offset", 0, _LARGEST_OFFSET)
        await self._line.ask(f"current {offset}")

    async def lthor_to_usb(self, part: str) -> bool:
        """Tell whether ``switch`` or ``id`` of the USB switch is at USB (or else at UART)."""
        return (await self._value(f"lthor {_part(part)}", _USB)).group().upper() == "USB"

    async def set_lthor(self, part: str, *, usb: bool) -> None:
        """Set ``switch`` or ``id`` of the USB switch to USB or to UART."""
        await self._line.ask(f"lthor {_part(part)} {'usb' if usb else 'uart'}")

    async def lthor_vbus(self) -> bool:
        """Tell whether the USB switch supplies VBUS."""
        return (await self._value("lthor vbus", _SWITCH)).group().lower() == "on"

    async def set_lthor_vbus(self, on: bool) -> None:
        """Switch VBUS of the USB switch."""
        await self._line.ask(f"lthor vbus {switch(on)}")

    async def keys(self) -> tuple[bool, bool]:
        """Tell which of the two keys are pressed."""
        first, second = await self._values("key", _KEY, 2)
        return first.group(1) == "pressed", second.group(1) == "pressed"

    async def key(self, number: int) -> bool:
        """Tell whether a key is pressed."""
        checked(number, "the key", 1, 2)
        return (await self._value(f"key {number}", _KEY)).group(1) == "pressed"

    async def uart_voltage(self) -> int:
        """Return the supply of the serial console in mV; the chip itself tells 5000 minus it."""
        value = int((await self._value("uart", _NUMBER)).group())
        return LARGEST_UART_VOLTAGE - value

    async def set_uart_voltage(self, millivolts: int) -> None:
        """Set the supply of the serial console, rounded down to the chip's steps of 50 mV."""
        checked(millivolts, "the voltage in mV", 0, LARGEST_UART_VOLTAGE)
        await self._line.ask(f"uart {millivolts - millivolts % _UART_STEP}")

    async def _value(self, command: str, pattern: re.Pattern[str]) -> re.Match[str]:
        (found,) = await self._values(command, pattern, 1)
        return found

    async def _values(
        self, command: str, pattern: re.Pattern[str], count: int
    ) -> list[re.Match[str]]:
        """Ask for lines of one form; others are noise as long as the count is right."""
        lines = await self._line.ask(command)
        found = [match for line in lines if (match := pattern.fullmatch(line))]
        if len(found) != count:
            self._line.doubt()
            seen = ", ".join(map(repr, lines[:4])) or "nothing before OK"
            raise ResponseError(f"unexpected response: {seen} (to {command!r})")
        return found


def _color(found: re.Match[str]) -> Color:
    red, green, blue = map(int, found.groups()[1:])
    try:
        return Color(red=red, green=green, blue=blue)
    except ArgumentError as error:
        raise ResponseError(f"unexpected response: {found.group()!r}") from error


def _part(part: str) -> str:
    if part not in ("switch", "id"):
        raise ArgumentError(f"the USB switch has the parts switch and id, not {part!r}")
    return part

"""The controller of this board, its serial line owned by this process."""

from datetime import timedelta
from pathlib import Path
from typing import Final, Self

from boruta_farm.dryad.stm.commands import Commands
from boruta_farm.dryad.stm.line import Line
from boruta_farm.dryad.stm.port import SerialPort
from boruta_farm.dryad.stm.record import CurrentRecord
from boruta_farm.dryad.stm.values import Color, DyPer, Ink, Led, ReadBack

TICKING: Final = "busy with a power tick"


class Controller:
    """Implement ``Interface`` on the line; ``commands`` holds what else the chip can do."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._ticks = 0
        self._record = CurrentRecord(self.get_current)
        self.commands = Commands(line)

    @classmethod
    def at(cls, path: Path) -> Self:
        """Use the serial device at ``path``; it is opened at the first call."""
        return cls(Line(lambda: SerialPort(path)))

    async def power_tick(self, duration: timedelta) -> None:
        """Cut the power for ``duration``; return when it is on again."""
        self._ticks += 1
        try:
            await self.commands.power_tick(duration)
        finally:
            self._ticks -= 1

    async def dut(self) -> None:
        """Give card and power to the device under test."""
        await self.commands.dut()

    async def ts(self) -> None:
        """Give the card to the test server and cut the power."""
        await self.commands.ts()

    async def give_card(self) -> None:
        """Give the card to the device under test; its power stays as it is."""
        await self.commands.set_mux(dut=True)

    async def get_current(self) -> int:
        """Return the current in mA."""
        return await self.commands.current()

    async def start_current_record(self, samples: int, length: timedelta) -> None:
        """Begin a record of the current."""
        await self._record.start(samples, length)

    async def stop_current_record(self) -> None:
        """Stop recording; the samples stay."""
        await self._record.stop()

    async def get_current_record(self) -> tuple[int, ...]:
        """Return the samples so far."""
        return self._record.samples()

    async def hdmi(self, on: bool) -> None:
        """Set the hot-plug pin."""
        await self.commands.set_hdmi(on)

    async def set_dyper(self, dyper: DyPer, on: bool) -> None:
        """Switch a dynamic peripheral."""
        await self.commands.set_dyper(dyper, on)

    async def set_led(self, led: Led, color: Color) -> None:
        """Set a light."""
        await self.commands.set_led(led, color)

    async def clear_display(self) -> None:
        """Clear the display."""
        await self.commands.clear_display()

    async def print_text(self, x: int, y: int, ink: Ink, text: str) -> None:
        """Print what fits on the display."""
        await self.commands.print_text(x, y, ink, text)

    async def probe(self) -> str:
        """Return the firmware's version; a chip that ticks the power is left in peace.

        It answers nobody until the tick is over, and one that does not come back from it is told
        to whoever asked for the tick.
        """
        return TICKING if self._ticks else await self.commands.version()

    async def read_back(self) -> ReadBack | None:
        """Return relay and card as the chip has them."""
        return ReadBack(power=await self.commands.power(), card=await self.commands.mux())

    async def close(self) -> None:
        """Stop recording and give the line up."""
        await self._line.close()
        await self._record.stop()

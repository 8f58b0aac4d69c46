"""A controller that only writes down what it is told."""

import logging
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from boruta_farm.dryad.stm.display import lay_out
from boruta_farm.dryad.stm.record import CurrentRecord
from boruta_farm.dryad.stm.values import Color, DyPer, Ink, Led, ReadBack, tick_milliseconds

logger = logging.getLogger(__name__)

_MOST_CALLS: Final = 1000


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """Remember one call: the method's name and its arguments."""

    name: str
    arguments: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})"


class Recorder:
    """Implement ``Interface`` for tests and for boards without the hardware.

    Values are checked as at the chip. ``calls`` holds the last thousand, the newest last;
    ``current`` is what it claims to measure, in mA; ``failure`` is raised by every call while
    it is set.
    """

    def __init__(self, *, current: int = 0) -> None:
        self.calls: deque[RecordedCall] = deque(maxlen=_MOST_CALLS)
        self.current = current
        self.failure: Exception | None = None
        self._record = CurrentRecord(self._measure)

    async def power_tick(self, duration: timedelta) -> None:
        """Note a power tick; it takes no time."""
        tick_milliseconds(duration)
        self._note("power_tick", duration)

    async def dut(self) -> None:
        """Note the switch to the device under test."""
        self._note("dut")

    async def ts(self) -> None:
        """Note the switch to the test server."""
        self._note("ts")

    async def give_card(self) -> None:
        """Note that the card was given away."""
        self._note("give_card")

    async def get_current(self) -> int:
        """Note the reading and return ``current``."""
        self._note("get_current")
        return self.current

    async def start_current_record(self, samples: int, length: timedelta) -> None:
        """Note it, and record ``current``."""
        self._note("start_current_record", samples, length)
        await self._record.start(samples, length)

    async def stop_current_record(self) -> None:
        """Note it, and stop recording."""
        self._note("stop_current_record")
        await self._record.stop()

    async def get_current_record(self) -> tuple[int, ...]:
        """Note it, and return the samples so far."""
        self._note("get_current_record")
        return self._record.samples()

    async def hdmi(self, on: bool) -> None:
        """Note the position of the hot-plug pin."""
        self._note("hdmi", on)

    async def set_dyper(self, dyper: DyPer, on: bool) -> None:
        """Note the position of a dynamic peripheral."""
        self._note("set_dyper", dyper, on)

    async def set_led(self, led: Led, color: Color) -> None:
        """Note the colour of a light."""
        self._note("set_led", led, color)

    async def clear_display(self) -> None:
        """Note that the display was cleared."""
        self._note("clear_display")

    async def print_text(self, x: int, y: int, ink: Ink, text: str) -> None:
        """Note the text as it was given."""
        lay_out(x, y, text)
        self._note("print_text", x, y, ink, text)

    async def probe(self) -> str:
        """Tell that there is no controller."""
        self._note("probe")
        return "no controller: its calls are only logged"

    async def read_back(self) -> ReadBack | None:
        """Return None: there is nothing to read."""
        return None

    async def close(self) -> None:
        """Stop recording."""
        await self._record.stop()

    async def _measure(self) -> int:
        return self.current

    def _note(self, name: str, *arguments: object) -> None:
        call = RecordedCall(name, arguments)
        logger.info("%s", call)
        self.calls.append(call)
        if self.failure is not None:
            raise self.failure

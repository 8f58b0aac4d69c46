"""What a MuxPi's controller does for people: the original's twelve calls, and a probe."""

from datetime import timedelta
from typing import Protocol

from boruta_farm.dryad.stm.values import Color, DyPer, Ink, Led, ReadBack


class Interface(Protocol):
    """Drive a board through its controller, wherever the serial line is.

    Every call may raise ``ControllerError`` with what happened, and ``ArgumentError`` for values
    that the chip must not get. Calls may overlap; they are carried out one after the other.
    """

    async def power_tick(self, duration: timedelta) -> None:
        """Cut the power of the device under test, wait, switch it on; return after that.

        It ends powered on, whatever it was before. Below 1 ms it is one second, at most ten
        minutes.
        """
        ...

    async def dut(self) -> None:
        """Give card and power to the device under test."""
        ...

    async def ts(self) -> None:
        """Give the card to the test server and cut the power of the device under test."""
        ...

    async def give_card(self) -> None:
        """Give the card to the device under test; over a service this switches its power on too."""
        ...

    async def get_current(self) -> int:
        """Return what the device under test draws, in mA; 0 while its relay is off."""
        ...

    async def start_current_record(self, samples: int, length: timedelta) -> None:
        """Begin to take ``samples`` readings, spread over ``length``; an older record is lost."""
        ...

    async def stop_current_record(self) -> None:
        """Stop recording, if it runs; the samples stay."""
        ...

    async def get_current_record(self) -> tuple[int, ...]:
        """Return the samples so far in mA; a reading that failed is -1."""
        ...

    async def hdmi(self, on: bool) -> None:
        """Set the hot-plug pin of the HDMI connector."""
        ...

    async def set_dyper(self, dyper: DyPer, on: bool) -> None:
        """Switch a dynamic peripheral."""
        ...

    async def set_led(self, led: Led, color: Color) -> None:
        """Set a light; black turns it off."""
        ...

    async def clear_display(self) -> None:
        """Clear the display."""
        ...

    async def print_text(self, x: int, y: int, ink: Ink, text: str) -> None:
        """Print on the display, x in pixels (0 to 128), y in rows of 8 pixels (0 to 2).

        What does not fit is cut, what the font does not know becomes a question mark, and
        nothing is printed for an empty text.
        """
        ...

    async def probe(self) -> str:
        """Tell that the controller answers, without touching anything."""
        ...

    async def read_back(self) -> ReadBack | None:
        """Return relay and card as the controller has them, None where that cannot be asked."""
        ...

    async def close(self) -> None:
        """Release what this end holds; the board stays as it is."""
        ...

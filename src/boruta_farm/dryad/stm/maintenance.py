"""The sign on a MuxPi that its board is in maintenance: a message, and lights that take turns."""

import asyncio
import logging
import textwrap
from collections.abc import Callable
from typing import Final

from boruta_farm.dryad.stm.display import LAST_ROW, WIDTH, printable
from boruta_farm.dryad.stm.errors import ControllerError
from boruta_farm.dryad.stm.interface import Interface
from boruta_farm.dryad.stm.values import DARK, Color, Ink, Led

logger = logging.getLogger(__name__)

YELLOW: Final = Color(red=96, green=144, blue=0)
SECONDS_EACH: Final = 1.0
STOPS_WITHIN: Final = 5.0
"""Seconds in which the command that is under way may end; then its caller is cancelled."""

_COLUMNS: Final = WIDTH // 8
_ROWS: Final = (0, LAST_ROW)


class MaintenanceSign:
    """Show one message at a time; there is at most one task that blinks.

    ``clear`` returns when that task has ended and lights and display are dark, so that nothing
    of an older sign can appear over a newer one, nor after the agent's end.
    """

    def __init__(self, interface: Interface) -> None:
        self._interface = interface
        self._blinking: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._turn = asyncio.Lock()
        # An agent that was killed may have left a sign behind.
        self._shown = True

    async def show(self, message: str) -> None:
        """Replace whatever is shown. Raises ControllerError; then nothing blinks."""
        async with self._turn:
            await self._stop_blinking()
            self._shown = True
            await self._interface.clear_display()
            for row, line in zip(_ROWS, lines(message), strict=False):
                await self._interface.print_text(0, row, Ink.ON, line)
            self._stop = asyncio.Event()
            self._blinking = asyncio.get_running_loop().create_task(self._blink(self._stop))

    async def clear(self) -> None:
        """End the sign; harmless when there is none. Raises ControllerError."""
        async with self._turn:
            await self._stop_blinking()
            if self._shown:
                for led in Led:
                    await self._interface.set_led(led, DARK)
                await self._interface.clear_display()
                self._shown = False

    async def _stop_blinking(self) -> None:
        blinking, self._blinking = self._blinking, None
        if blinking is None:
            return
        self._stop.set()
        await asyncio.wait((blinking,), timeout=STOPS_WITHIN)
        blinking.cancel()
        await asyncio.gather(blinking, return_exceptions=True)

    async def _blink(self, stop: asyncio.Event) -> None:
        """Light one lamp after the other until told to stop; broken lamps are told of once."""
        complain: Callable[..., None] = logger.warning
        while not stop.is_set():
            for led in Led:
                try:
                    await self._interface.set_led(led, YELLOW)
                    await _pause(stop)
                    await self._interface.set_led(led, DARK)
                except ControllerError as error:
                    complain("the maintenance lights do not work: %s", error)
                    complain = logger.debug
                    await _pause(stop)
                if stop.is_set():
                    return


def lines(message: str) -> list[str]:
    """Return what of a message fits on the display: two rows of 16 characters, cut at words."""
    words = printable(message)
    return textwrap.wrap(words, width=_COLUMNS, max_lines=len(_ROWS), placeholder="..")


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(SECONDS_EACH):
            await stop.wait()
    except TimeoutError:
        return

"""One call as its act sees it: what is asked, and the way to the caller."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from boruta_farm.dryad.dut.frames import DutFrameError
from boruta_farm.dryad.tools.errors import ActError
from boruta_farm.dryad.tools.wire import DutWire

logger = logging.getLogger(__name__)

WAITING: Final = 16
"""Frames of a caller that wait until the act takes them; then the caller has to wait."""


class ServedCall:
    """What an act is asked, and its way to the caller; implements ``ActCall``."""

    def __init__(self, wire: DutWire, arguments: object, check: Callable[[], None]) -> None:
        self.arguments: Mapping[str, object] = arguments if isinstance(arguments, dict) else {}
        self._wire = wire
        self._check = check
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self._reading: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Refuse to go on for a job that has ended."""
        self._check()

    def take_descriptor(self) -> int:
        """Return the open file that the caller has sent. Raises ActError where it has not."""
        if (descriptor := self._wire.take_descriptor()) < 0:
            raise ActError("an open file has to come with the call; log in anew, or update dut")
        return descriptor

    async def send(self, data: bytes) -> None:
        """Send bytes to the caller."""
        await self._wire.send_data(data)

    async def note(self, **words: object) -> None:
        """Tell how far the act has come."""
        await self._wire.send_note(words)

    async def receive(self) -> bytes:
        """Wait for the caller's next bytes; empty when no more will come."""
        return await self._waiting.get()

    def begin(self) -> asyncio.Task[None]:
        """Begin to read what the caller sends; the task ends when it has gone."""
        self._reading = asyncio.get_running_loop().create_task(self._read())
        return self._reading

    async def end(self) -> None:
        """Read no more; what is sent now is for others to read."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait((self._reading,))

    async def _read(self) -> None:
        try:
            while True:
                await self._waiting.put(await self._wire.read_data())
        except (ConnectionError, DutFrameError) as error:
            logger.info("a caller of tools has gone: %s", error)

"""A terminal that another process keeps, for a viewer who is here."""

import asyncio
import json
from dataclasses import asdict
from typing import Final, Self

from boruta_farm.model.errors import TerminalError
from boruta_farm.model.front_door import TERMINAL
from boruta_farm.model.worker import AccessInfo
from boruta_farm.terminals.keeper import AskedTerminal
from boruta_farm.terminals.line import POSITION, SAID, TYPED, TerminalLine
from boruta_farm.terminals.sessions import CONNECT_WITHIN

ANSWERS_WITHIN: Final = CONNECT_WITHIN + 5
"""Seconds: longer than a board may take, which the other process tells of."""


class DistantView:
    """Look on over a line, as long as that is open."""

    def __init__(self, line: TerminalLine, begins: int) -> None:
        self._line = line
        self.begins = begins
        self.status: int | None = None
        self._recorders = 0
        self._told = asyncio.Event()

    @classmethod
    async def begin(
        cls,
        line: TerminalLine,
        request_id: int,
        access: AccessInfo,
        asked: AskedTerminal,
        *,
        position: int | None,
        types: bool,
    ) -> Self:
        """Ask for a terminal. Raises TerminalError, and ConnectionError if nobody answers."""
        wanted = {
            "request": request_id,
            "access": asdict(access),
            "asked": asdict(asked),
            "position": position,
            "types": types,
        }
        line.ask(f"{TERMINAL} {json.dumps(wanted)}".encode())
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                _, data = await line.take()
        except TimeoutError:
            raise TerminalError("the front door, which keeps terminals, does not answer") from None
        told = json.loads(data)
        if "refused" in told:
            raise TerminalError(str(told["refused"]))
        return cls(line, int(told["begins"]))

    async def next(self) -> tuple[int, bytes]:
        """Return what comes next and its position. Raises ConnectionError where the line ends."""
        while True:
            letter, data = await self._line.take()
            if letter == SAID:
                return int.from_bytes(data[:POSITION]), data[POSITION:]
            told = json.loads(data)
            if "recorders" in told:
                self._recorders = int(told["recorders"])
                self._told.set()
                continue
            self.status = told["ended"]
            return int(told["position"]), b""

    def acknowledge(self, position: int) -> None:
        """Tell up to which position all was read."""
        self._line.tell(ack=position)

    async def write(self, data: bytes) -> None:
        """Type."""
        self._line.send(TYPED, data)
        await self._line.drain()

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the screen."""
        self._line.tell(resize=(columns, rows))

    def record(self, on: bool) -> None:
        """Tell everybody that this viewer records, or does no more."""
        self._line.tell(record=on)

    async def recorders(self, known: int) -> int:
        """Return how many viewers record; it is ``next`` that hears of it."""
        while self._recorders == known:
            self._told.clear()
            await self._told.wait()
        return self._recorders

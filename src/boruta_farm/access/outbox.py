"""Two parts of the farm that talk over a network: lines both ways, silence noticed."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, NoReturn, Protocol

from boruta_farm.access.messages import Message, decode
from boruta_farm.model.errors import UnavailableError
from boruta_farm.race import race

SILENT_AFTER: Final = 4.0
"""Seconds without a word after which the other side counts as gone."""
ASK_EVERY: Final = 1.0
"""Seconds between two questions whether the other side is there."""
AT_ONCE: Final = 4000
"""Lines of one message: it stays below the size that a WebSocket of the server takes."""


class MessageWire(Protocol):
    """Carry text messages both ways, in order, to one other side."""

    async def send(self, text: str) -> None:
        """Send one message, waiting while the other side does not read; lost once it has gone."""
        ...

    async def receive(self) -> str | None:
        """Return the next message, None once the other side has gone."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close with a WebSocket close code and words for the other side's log."""
        ...


class Outbox:
    """Keep lines until they are sent: those of one moment leave together."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._filled = asyncio.Event()

    def put(self, line: bytes) -> None:
        """Add a line, without waiting."""
        self._lines.append(line)
        self._filled.set()

    async def send_all(self, wire: MessageWire) -> NoReturn:
        """Send what is put in until cancelled. Raises TimeoutError when nobody reads it."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            lines, self._lines = self._lines, []
            for start in range(0, len(lines), AT_ONCE):
                sending = wire.send(b"".join(lines[start : start + AT_ONCE]).decode())
                async with asyncio.timeout(SILENT_AFTER):
                    await sending


async def converse(wire: MessageWire, outbox: Outbox, hear: Callable[[Message], None]) -> None:
    """Send what is put into the outbox and hear what comes, until the other side is gone.

    Raises UnavailableError for one that is silent or does not read, and ProtocolError.
    """
    try:
        await race(outbox.send_all(wire), _hear(wire, hear))
    except TimeoutError:
        raise UnavailableError(f"nothing came or went for {SILENT_AFTER:g} s") from None
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ASK_EVERY):
                await wire.close(1000, "the conversation is over")


async def _hear(wire: MessageWire, hear: Callable[[Message], None]) -> None:
    while True:
        async with asyncio.timeout(SILENT_AFTER):
            text = await wire.receive()
        if text is None:
            return
        for line in text.splitlines():
            hear(decode(line.encode()))

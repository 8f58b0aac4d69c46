"""A line between two processes of ours, of which one keeps terminals and the other has viewers.

A line is one viewer's. What is said on it comes in frames: a letter, a length, and so many bytes.
"""

import asyncio
import json
from typing import Any, Final

TYPED: Final = b"t"
"""Bytes that were typed."""
SAID: Final = b"s"
"""Bytes of the terminal, after the position of the first of them."""
TOLD: Final = b"j"
"""JSON: ``begins``, ``ended``, ``recorders``, ``refused``; ``ack``, ``resize``, ``record``."""
HEAD: Final = 5
LONGEST: Final = 1024 * 1024
POSITION: Final = 8


class TerminalLine:
    """Send and take frames over a stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def take(self) -> tuple[bytes, bytes]:
        """Return the next frame's letter and bytes. Raises ConnectionError at the end."""
        try:
            head = await self._reader.readexactly(HEAD)
            length = int.from_bytes(head[1:])
            if length > LONGEST:
                raise ConnectionAbortedError(f"a frame of {length} bytes on a terminal's line")
            return head[:1], await self._reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the other end of a terminal's line is gone") from error

    def send(self, letter: bytes, data: bytes) -> None:
        """Send a frame; ``drain`` waits until there is room for more."""
        self._writer.write(letter + len(data).to_bytes(HEAD - 1) + data)

    def tell(self, **told: Any) -> None:
        """Send JSON."""
        self.send(TOLD, json.dumps(told).encode())

    async def drain(self) -> None:
        """Wait until there is room for more."""
        await self._writer.drain()

    def ask(self, words: bytes) -> None:
        """Send the line of text by which all begins."""
        self._writer.write(words + b"\n")

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

"""The agent's end of one connection of ``dut``: frames read and written, never more than asked."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Mapping
from typing import Any, Final

from boruta_farm.dryad.descriptors import receive_descriptor
from boruta_farm.dryad.dut.frames import (
    CALL,
    DATA,
    END,
    HEAD,
    LONGEST,
    NOTE,
    RESULT,
    DutFrameError,
    Status,
    pack,
    pack_words,
    unpack_head,
    unpack_words,
)

logger = logging.getLogger(__name__)

LAST_WORD_WITHIN: Final = 5.0
"""Seconds in which a caller must have taken the result."""


class DutWire:
    """Speak to one caller; ConnectionError tells that it has gone."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._descriptor = -1
        self._begun = False
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def read_call(self) -> dict[str, Any]:
        """Return what is asked. Raises FrameError, ConnectionError."""
        await self._begin(await self._first_bytes())
        letter, data = await self._read()
        if letter != CALL:
            raise DutFrameError(f"a call begins with {CALL!r}, not with {letter!r}")
        return unpack_words(data)

    def take_descriptor(self) -> int:
        """Return the open file that came with the call, -1 for none; who takes it closes it."""
        descriptor, self._descriptor = self._descriptor, -1
        return descriptor

    async def read_data(self) -> bytes:
        """Return the caller's next bytes, empty at their end. Raises as ``read_call``."""
        while True:
            letter, data = await self._read()
            if letter == END:
                return b""
            if letter != DATA:
                raise DutFrameError(f"the caller sent {letter!r} among its bytes")
            if data:
                return data

    async def send_data(self, data: bytes) -> None:
        """Send bytes, as fast as they are taken."""
        for start in range(0, len(data), LONGEST):
            self._writer.write(pack(DATA, data[start : start + LONGEST]))
            await self._writer.drain()

    async def send_note(self, words: Mapping[str, object]) -> None:
        """Send a note."""
        self._writer.write(pack_words(NOTE, words))
        await self._writer.drain()

    async def finish(self, words: Mapping[str, object]) -> None:
        """Send the result and end the connection; a caller that has gone misses it.

        What the caller still sends is thrown away: a socket that is closed with bytes unread takes
        the result with it.
        """
        await self._begin()
        try:
            async with asyncio.timeout(LAST_WORD_WITHIN):
                self._writer.write(_result(words))
                self._writer.write_eof()
                while await self._reader.read(LONGEST):
                    pass
        except (OSError, TimeoutError) as error:
            logger.info("a caller of tools has gone: %s", error or "it does not read")
        finally:
            await self.abort()

    async def abort(self) -> None:
        """End the connection at once."""
        if (descriptor := self.take_descriptor()) >= 0:
            os.close(descriptor)
        await self._begin()
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _first_bytes(self) -> bytes:
        """Wait for the caller's first bytes: an open file may come with them alone."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._connection, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._connection)
        data, self._descriptor = receive_descriptor(self._connection, HEAD + LONGEST)
        return data

    async def _begin(self, first: bytes = b"") -> None:
        """Go on with streams, which would lose open files; done once."""
        if self._begun:
            return
        self._begun = True
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        reader.feed_data(first)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.create_unix_connection(lambda: protocol, sock=self._connection)
        self._reader = reader
        self._writer = asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _read(self) -> tuple[bytes, bytes]:
        try:
            letter, length = unpack_head(await self._reader.readexactly(HEAD))
            return letter, await self._reader.readexactly(length)
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("the caller has gone") from None


def _result(words: Mapping[str, object]) -> bytes:
    """Return the frame of a result, of one that is too large what that means."""
    if len(frame := pack_words(RESULT, words)) <= HEAD + LONGEST:
        return frame
    told = f"the answer is longer than {LONGEST >> 10} KiB; a tool's driver is at fault"
    return pack_words(RESULT, {"status": Status.FAILED, "error": told})

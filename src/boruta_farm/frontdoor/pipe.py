"""Bytes between a channel of ssh and a connection to a board's tunnel, both ways."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

MOST_UNSENT = 1024 * 1024
"""Bytes that may wait for a reader before the other side is not read from any more."""


class NearChannel(Protocol):
    """The part of a channel of ssh that a pipe needs."""

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def write_eof(self) -> None:
        """Send nothing more."""
        ...

    def pause_reading(self) -> None:
        """Take nothing for now."""
        ...

    def resume_reading(self) -> None:
        """Take bytes again."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class Pipe(asyncio.Protocol):
    """Be the end towards the board; the channel's session hands on what concerns it.

    ``ended`` is called once, when the board's side is gone.
    """

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._channel: NearChannel | None = None
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._early_end = False
        self._half_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection; what the board says before there is a channel for it is kept."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=MOST_UNSENT)

    def attach(self, channel: NearChannel) -> None:
        """Begin to hand on to a channel."""
        self._channel = channel
        for data in self._early:
            channel.write(data)
        self._early.clear()
        if self._early_end:
            channel.write_eof()
        if self._transport is None:
            self._channel = None
            channel.close()
        else:
            self._transport.resume_reading()

    # From the board.

    def data_received(self, data: bytes) -> None:
        """Hand bytes on to the channel."""
        if self._channel is not None:
            self._channel.write(data)
            return
        self._early.append(data)
        if self._transport is not None:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Hand the end of the board's bytes on; what comes from the channel still gets there."""
        if self._channel is not None:
            self._channel.write_eof()
        else:
            self._early_end = True
        return not self._half_closed

    def pause_writing(self) -> None:
        """Have the channel wait for the board."""
        if self._channel is not None:
            self._channel.pause_reading()

    def resume_writing(self) -> None:
        """Have it go on."""
        if self._channel is not None:
            self._channel.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the channel as well."""
        self._transport = None
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        self._ended()

    # From the channel.

    def feed(self, data: bytes) -> None:
        """Hand bytes on to the board."""
        if self._transport is not None:
            self._transport.write(data)

    def feed_eof(self) -> None:
        """Hand the end of the channel's bytes on."""
        self._half_closed = True
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()

    def hold_back(self) -> None:
        """Read nothing from the board until the channel has sent what it has."""
        if self._transport is not None:
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Read from it again."""
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        """End the connection to the board; what was handed on still gets there."""
        self._channel = None
        if self._transport is not None:
            self._transport.close()

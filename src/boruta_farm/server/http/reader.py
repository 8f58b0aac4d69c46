"""Whether a caller reads what is written to him."""

import asyncio
import logging
from typing import Final

from boruta_farm.server.http.bounds import Bounds, Crowd

logger = logging.getLogger(__name__)

LEAST_READ: Final = 64 * 1024
"""Bytes that a slow reader takes within ``reader_patience``."""


class ReaderWatch:
    """Note what a caller leaves unread, and cut him off once he does not go on reading."""

    __slots__ = ("_bounds", "_caught_up", "_crowd", "_loop", "_source", "_timer", "_transport")

    def __init__(self, loop: asyncio.AbstractEventLoop, bounds: Bounds, crowd: Crowd) -> None:
        self._loop = loop
        self._bounds = bounds
        self._crowd = crowd
        self._timer: asyncio.TimerHandle | None = None
        self._caught_up: asyncio.Future[None] | None = None

    def begin(self, transport: asyncio.Transport, source: str) -> None:
        """Say whose connection it is."""
        self._transport = transport
        self._source = source

    @property
    def behind(self) -> bool:
        """Tell whether the caller has more to read than is sent ahead."""
        return self._timer is not None

    def fall_behind(self) -> None:
        """Begin to wait for him."""
        unread = self._transport.get_write_buffer_size()
        self._crowd.note(self, self._source, unread)
        self._timer = self._loop.call_later(self._bounds.reader_patience, self._look, unread)

    def catch_up(self) -> None:
        """Note that he has read enough, or has gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._crowd.note(self, self._source, 0)
        if self._caught_up is not None:
            self._caught_up.set_result(None)
            self._caught_up = None

    async def caught_up(self) -> None:
        """Return once he has read enough, or has gone."""
        while self.behind:
            if self._caught_up is None:
                self._caught_up = self._loop.create_future()
            await asyncio.shield(self._caught_up)

    def _look(self, before: int) -> None:
        if before - self._transport.get_write_buffer_size() < LEAST_READ:
            logger.info("%s does not read its answers: a connection was cut", self._source)
            self._transport.abort()
        else:
            self.fall_behind()

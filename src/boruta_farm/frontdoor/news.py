"""One stream of the farm's events, shared by all who are at the door."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, NoReturn

from boruta_farm.client.channel import Channel
from boruta_farm.client.watch import Happening, Lost, RequestWatch, Resync
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.events import Event

log = logging.getLogger(__name__)

MOST_UNREAD: Final = 1000
"""Happenings that may wait for one reader; beyond that he is told to look anew instead."""
PAUSE: Final = 0.5


class News:
    """Follow the server once, and tell each reader what concerns him."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._readers: set[_Reader] = set()
        self._last: Lost | Resync = Lost(reason="the server has not answered yet")

    async def follow(self) -> NoReturn:
        """Follow for ever, also while the server is away."""
        while True:
            try:
                async with aclosing(RequestWatch(self._channel).happenings()) as happenings:
                    async for happening in happenings:
                        self._tell(happening)
            except BorutaError as error:
                self._tell(Lost(reason=error.message))
                log.debug("no events: %s", error)
            await asyncio.sleep(PAUSE)

    async def read(
        self, *, request_id: int | None = None, worker: str | None = None
    ) -> AsyncGenerator[Happening, None]:
        """Yield what happens to a request or worker, or at all, as ``RequestWatch`` does."""
        reader = _Reader(request_id, worker)
        self._readers.add(reader)
        try:
            yield self._last
            while True:
                yield await reader.next()
        finally:
            self._readers.discard(reader)

    def _tell(self, happening: Happening) -> None:
        if isinstance(happening, Lost | Resync):
            self._last = happening
        for reader in self._readers:
            reader.tell(happening)


class _Reader:
    """Keep for one reader what he has not read yet."""

    def __init__(self, request_id: int | None, worker: str | None) -> None:
        self._request_id = request_id
        self._worker = worker
        self._unread: list[Happening] = []
        self._came = asyncio.Event()

    def tell(self, happening: Happening) -> None:
        if isinstance(happening, Event) and not self._concerns(happening):
            return
        if len(self._unread) >= MOST_UNREAD:
            self._unread = [Resync(gap=True, reason="too much happened")]
        self._unread.append(happening)
        self._came.set()

    async def next(self) -> Happening:
        while not self._unread:
            self._came.clear()
            await self._came.wait()
        return self._unread.pop(0)

    def _concerns(self, event: Event) -> bool:
        if self._request_id is not None:
            return event.request_id == self._request_id
        return self._worker is None or event.worker == self._worker

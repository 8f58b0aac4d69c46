"""Wait for a request to leave the queue without asking again and again."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from boruta_farm.model.events import Change
from boruta_farm.model.request import Request, RequestState
from boruta_farm.store.base import Store

Wanted = Callable[[Request], bool]
"""Tells whether a request is as somebody wants it to be."""


class Waiters:
    """Wake those who wait for a request when a committed change makes it what they want.

    However many wait for the same, a change that is not it is looked at once for all of them: who
    has a request of his own may change it, and wait for it, as often as he likes.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiters: dict[int, dict[Wanted, set[asyncio.Event]]] = {}
        store.listen(self._wake)

    def close(self) -> None:
        """Stop listening; those who wait run into their time limit."""
        self._store.forget(self._wake)

    async def until_decided(self, request_id: int, limit: timedelta) -> Request | None:
        """Return the request once it is not WAITING any more, or as it is after ``limit``.

        None when there is no such request.
        """
        return await self.until(request_id, limit, _decided)

    async def until(self, request_id: int, limit: timedelta, met: Wanted) -> Request | None:
        """Return the request once it is as wanted, or as it is after ``limit``, None without."""
        woken = asyncio.Event()
        alike = self._waiters.setdefault(request_id, {}).setdefault(met, set())
        alike.add(woken)
        try:
            async with asyncio.timeout(limit.total_seconds()):
                while True:
                    request = await self._store.get_request(request_id)
                    if request is None or met(request):
                        return request
                    await woken.wait()
                    woken.clear()
        except TimeoutError:
            return await self._store.get_request(request_id)
        finally:
            alike.discard(woken)
            if not alike:
                del self._waiters[request_id][met]
            if not self._waiters[request_id]:
                del self._waiters[request_id]

    def _wake(self, changes: tuple[Change, ...]) -> None:
        if not self._waiters:
            return
        for change in changes:
            for met, alike in self._waiters.get(change.event.request_id or 0, {}).items():
                if change.request is None or met(change.request):
                    for woken in alike:
                        woken.set()


def _decided(request: Request) -> bool:
    return request.state is not RequestState.WAITING

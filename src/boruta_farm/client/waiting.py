"""Wait for a request's turn, telling where it stands."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from boruta_farm.client.farm import Farm
from boruta_farm.client.watch import Lost
from boruta_farm.model.errors import RouteNotFoundError, UnavailableError
from boruta_farm.model.events import Event
from boruta_farm.model.explanation import Explanation
from boruta_farm.model.request import Request, RequestState

LOOK_AGAIN = 1.0
"""Seconds between two looks at the queue while others' requests and workers change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Tell where a waiting request stands, or what keeps us from knowing it."""

    explanation: Explanation | None = None
    trouble: str | None = None


Report = Callable[[Progress], None]


class Turn:
    """Wait until one request is no longer WAITING.

    With ``report`` every change in the queue is told, at most once a second; without it only
    the request's own events are followed.
    """

    def __init__(self, farm: Farm, request_id: int, report: Report | None = None) -> None:
        self._farm = farm
        self._id = request_id
        self._report = report
        self._stale = asyncio.Event()
        self._urgent = asyncio.Event()

    async def come(self) -> Request:
        """Return the request once it has started or ended.

        Raises RequestNotFoundError, and UnavailableError when the server is out of reach from
        the start; later losses are waited out.
        """
        following = asyncio.create_task(self._follow())
        looking = asyncio.create_task(self._look())
        try:
            await asyncio.wait((following, looking), return_when=asyncio.FIRST_COMPLETED)
            if not looking.done():
                await following
            return await looking
        finally:
            following.cancel()
            looking.cancel()
            await asyncio.gather(following, looking, return_exceptions=True)

    async def _follow(self) -> None:
        """Note what makes our picture stale; ends only with an error."""
        wanted = self._id if self._report is None else None
        try:
            async with self._farm.watch(request_id=wanted) as happenings:
                async for happening in happenings:
                    if isinstance(happening, Lost):
                        self._tell(Progress(trouble=happening.reason))
                        continue
                    if not isinstance(happening, Event) or happening.request_id == self._id:
                        self._urgent.set()
                    self._stale.set()
        except RouteNotFoundError:
            await self._ask_again_and_again()

    async def _ask_again_and_again(self) -> None:
        """Have the request looked at as often as is fair: the original's server tells no events."""
        while True:
            self._stale.set()
            await asyncio.sleep(LOOK_AGAIN)

    async def _look(self) -> Request:
        while True:
            await self._stale.wait()
            self._stale.clear()
            self._urgent.clear()
            try:
                request = await self._farm.requests.get_request_info(self._farm.caller, self._id)
                if request.state is not RequestState.WAITING:
                    return request
                if self._report is not None:
                    await self._explain()
            except UnavailableError as error:
                self._tell(Progress(trouble=error.message))
                self._stale.set()
            try:
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._urgent.wait()
            except TimeoutError:
                continue

    async def _explain(self) -> None:
        try:
            explanation = await self._farm.requests.explain(self._farm.caller, self._id)
        except RouteNotFoundError:
            return
        if explanation.state == RequestState.WAITING:
            self._tell(Progress(explanation=explanation))
        else:
            # It started in between: its event is on its way.
            self._stale.set()

    def _tell(self, progress: Progress) -> None:
        if self._report is not None:
            self._report(progress)

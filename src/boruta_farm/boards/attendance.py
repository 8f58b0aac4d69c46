"""Attend to each board for as long as its worker's state asks for it, and ask for its health."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from datetime import timedelta
from typing import Any

from boruta_farm.boards.tasks import BoardTasks
from boruta_farm.contracts import BoardDialler
from boruta_farm.fleet import Fleet
from boruta_farm.model.errors import AgentUnreachableError
from boruta_farm.model.worker import Fence, Worker

ANSWER_WITHIN = timedelta(seconds=60)


class Attendance:
    """Run ``visit`` once for each board that is ``wanted``, and cancel it when it is not any more.

    At once, not when it has ended: the next change may want it again.
    """

    def __init__(
        self,
        fleet: Fleet,
        wanted: Callable[[Worker], bool],
        visit: Callable[[str], Coroutine[Any, Any, None]],
    ) -> None:
        self._fleet = fleet
        self._wanted = wanted
        self._visit = visit
        self._tasks = BoardTasks()

    def touched(self, uuids: Collection[str]) -> None:
        """Look at boards that changed."""
        for uuid in uuids:
            if self.worker(uuid) is None:
                self._tasks.cancel(uuid)
            elif uuid not in self._tasks:
                self._tasks.start(uuid, self._visit(uuid))

    def worker(self, uuid: str) -> Worker | None:
        """Return a worker while its board is wanted."""
        worker = self._fleet.workers.get(uuid)
        return worker if worker is not None and self._wanted(worker) else None

    def end(self) -> None:
        """Attend to nobody any more."""
        self._tasks.cancel_all()


async def check(worker: Worker, fleet: Fleet, dialler: BoardDialler) -> None:
    """Ask a board for its health: of one without a fence it counts that it can be reached.

    Raises BoardError with what is wrong, TimeoutError, AgentUnreachableError, and what else
    stands in the way of asking.
    """
    async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
        if worker.fence is Fence.NONE:
            await dialler.knock(worker)
        elif (link := fleet.link(worker.uuid)) is not None:
            await link.board.healthcheck()
        else:
            raise AgentUnreachableError

"""One task per board at most; what one fails with is logged, since nobody awaits it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

logger = logging.getLogger(__name__)


class BoardTasks:
    """Run what is done for boards; ``ended`` is called with each board whose task ran to its end.

    A task that was cancelled is forgotten at once, and its board may be given the next one.
    """

    def __init__(self, ended: Callable[[str], None] = lambda _uuid: None) -> None:
        self._ended = ended
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __contains__(self, uuid: str) -> bool:
        """Tell whether something is being done for a board."""
        return uuid in self._tasks

    def start(self, uuid: str, work: Coroutine[Any, Any, None]) -> None:
        """Do something for a board that has nothing done for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[uuid] = task
        task.add_done_callback(lambda done: self._done(uuid, done))

    def cancel(self, uuid: str) -> None:
        """Stop what is being done for a board, if anything is."""
        task = self._tasks.pop(uuid, None)
        if task is not None:
            task.cancel()

    def cancel_all(self) -> None:
        """Stop what is being done for every board."""
        for uuid in tuple(self._tasks):
            self.cancel(uuid)

    def _done(self, uuid: str, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("looking after worker %s failed: %s", uuid, error, exc_info=error)
        if self._tasks.get(uuid) is task:
            del self._tasks[uuid]
            self._ended(uuid)

"""What runs the commands; here each at once, for virtual clocks. The farm's is `batch_writer`."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Protocol, TypeVar, cast

from boruta_farm.model.errors import UnavailableError
from boruta_farm.store.base import Decide, Listener
from boruta_farm.store.batch import Answered, Batcher, BatchOutcome

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class Followers:
    """Tell listeners what was committed, and hooks when that is in doubt."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.hooks: list[Callable[[], None]] = []
        self.step_hooks: list[Callable[[timedelta], None]] = []
        self.lead_hooks: list[Callable[[], None]] = []
        self.people_hooks: list[Callable[[], None]] = []
        self.heard_hooks: list[Callable[[], None]] = []

    def tell(self, outcome: BatchOutcome) -> None:
        """Call everybody; one that fails does not keep the others from hearing."""
        if outcome.step:
            for step in self.step_hooks:
                step(outcome.step)
        if outcome.changes:
            for listener in tuple(self.listeners):
                try:
                    listener(outcome.changes)
                except Exception:
                    logger.exception("a follower failed; it has missed changes")
        if outcome.doubtful:
            self.call(self.hooks)
        if any(change.event.kind.private and change.identity is None for change in outcome.changes):
            self.call(self.people_hooks)

    def call(self, hooks: Iterable[Callable[[], None]]) -> None:
        """Call hooks; one that fails does not keep the others from being called."""
        for hook in tuple(hooks):
            try:
                hook()
            except Exception:
                logger.exception("a follower failed to start anew")


class Writer(Protocol):
    """Accept commands, run them in order, answer after COMMIT."""

    async def start(self) -> None:
        """Open the database and begin."""
        ...

    async def close(self) -> None:
        """Write what was accepted, then end."""
        ...

    async def execute(self, command: Decide[Answer], *, patient: bool = False) -> Answer:
        """Run a command and return its answer after COMMIT, which a ``patient`` one waits for."""
        ...

    def alive(self, now: datetime) -> str | None:
        """Return None while commands move on, else words."""
        ...


class InlineWriter:
    """Run each command at once on the loop, so that time can be virtual."""

    def __init__(self, batcher: Batcher, followers: Followers) -> None:
        self._batcher = batcher
        self._followers = followers
        self._open = False

    async def start(self) -> None:
        """Open the database."""
        self._batcher.open()
        self._open = True

    async def close(self) -> None:
        """Close the database."""
        self._open = False
        self._batcher.close()

    async def execute(self, command: Decide[Answer], *, patient: bool = False) -> Answer:
        """Run a command in a transaction of its own, then let others have the loop."""
        if not self._open:
            raise UnavailableError("the store is closed")
        outcome = self._batcher.execute([command])
        self._followers.tell(outcome)
        await asyncio.sleep(0)
        result = outcome.results[0]
        if isinstance(result, Answered):
            return cast("Answer", result.value)
        raise result.error

    def alive(self, now: datetime) -> str | None:
        """Return None: nothing ever waits."""
        return None

"""Whether a relay is at hand and answers, told to who waits for it."""

from collections.abc import Callable
from datetime import datetime

from boruta_farm.clock import Clock


class RelayCondition:
    """Remember what is wrong with the relay, or since when nothing is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._trouble: str | None = "no relay was found yet"
        self._well_since: datetime | None = None
        self._hooks: list[Callable[[], None]] = []

    def alive(self) -> str | None:
        """Return None while a relay is at hand and answers, else what is wrong."""
        return self._trouble

    def well_since(self) -> datetime | None:
        """Return since when a relay is at hand and answers, None while none does."""
        return self._well_since

    def on_change(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` on the loop when the relay comes or goes."""
        self._hooks.append(hook)

    def say(self, trouble: str | None) -> None:
        """Note what is wrong with the relay, None for nothing, and tell who waits for it."""
        if trouble is not None:
            self._well_since = None
        elif self._well_since is None:
            self._well_since = self._clock.now()
        self._trouble = trouble
        for hook in self._hooks:
            hook()

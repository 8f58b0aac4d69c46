"""A journal in memory that feeds its listeners."""

from collections.abc import Callable
from typing import cast

from tests.web.serving import NOW

from boruta_farm.feed import Feed
from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.store.base import Store


class FakeJournal:
    """Keep events and pass them on, as a store does."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[tuple[Change, ...]], None]] = []
        self.kept: list[Event] = []

    def listen(self, listener: Callable[[tuple[Change, ...]], None]) -> None:
        self.listeners.append(listener)

    def on_doubt(self, hook: Callable[[], None]) -> None:
        """Have no doubts: this journal is always sure."""

    def feed(self) -> Feed:
        return Feed(cast("Store", self))

    def tell(self, *events: Event) -> None:
        """Commit events as one batch."""
        self.kept.extend(events)
        changes = tuple(Change(event=event) for event in events)
        for listener in self.listeners:
            listener(changes)

    def happened(
        self,
        kind: EventKind,
        request_id: int | None = None,
        worker: str | None = None,
        state: str | None = None,
    ) -> Event:
        """Return the next event, untold."""
        number = self.kept[-1].number + 1 if self.kept else 1
        return Event(
            number=number, at=NOW, kind=kind, request_id=request_id, worker=worker, state=state
        )

    async def events(self, after: int, limit: int) -> tuple[Event, ...]:
        return tuple(event for event in self.kept if event.number > after)[:limit]

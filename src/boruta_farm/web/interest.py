"""What the reader of an event stream wants to hear of."""

from dataclasses import dataclass
from typing import Self

from boruta_farm.model.events import Event
from boruta_farm.web.calls import Call
from boruta_farm.web.errors import ParameterError, RequestIdError

MOST_EXPLAINED = 10
"""Requests whose explanation one stream may follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """Tell which events a reader wants; None wants all.

    ``explained`` are requests whose explanation is told whenever it has changed, ``records`` asks
    for what is after each event, too.
    """

    requests: frozenset[int] | None
    workers: frozenset[str] | None
    explained: tuple[int, ...] = ()
    records: bool = False

    def wants(self, event: Event) -> bool:
        """Tell whether an event is for the outside and passes every filter given."""
        if event.kind.private:
            return False
        return (self.requests is None or event.request_id in self.requests) and (
            self.workers is None or event.worker in self.workers
        )

    @classmethod
    def of(cls, call: Call) -> Self:
        """Return what a call asks for. Raises ParameterError, RequestIdError."""
        requests = call.query("request")
        if not all(map(_is_id, requests)):
            raise RequestIdError("the query's request is not a request's ID")
        workers = call.query("worker")
        explained = frozenset(call.query("explain"))
        if not all(map(_is_id, explained)):
            raise RequestIdError("the query's explain is not a request's ID")
        if len(explained) > MOST_EXPLAINED:
            raise ParameterError(f"at most {MOST_EXPLAINED} requests are explained in one stream")
        return cls(
            requests=frozenset(int(text) for text in requests) if requests else None,
            workers=frozenset(workers) if workers else None,
            explained=tuple(sorted(map(int, explained))),
            records="1" in call.query("records"),
        )


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20

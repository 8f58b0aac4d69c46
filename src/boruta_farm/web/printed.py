"""Requests as JSON, printed only once: records never change, a changed request is another."""

from collections.abc import Iterable

from boruta_farm.model.request import Request
from boruta_farm.web.answers import encode, request_answer

KEPT = 16_384
"""Requests whose JSON is kept, about 0.6 KiB each."""


class Printed:
    """Print requests, and remember the texts by the very objects they were printed from.

    What a caller may not see is left out of the object before it comes here, so one caller's
    text can never be shown to another who sees less.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._texts: dict[int, tuple[Request, bytes]] = {}

    def one(self, request: Request) -> bytes:
        """Return a request's JSON."""
        known = self._texts.get(request.id)
        if known is not None and known[0] is request:
            return known[1]
        text = encode(request_answer(request))
        self._texts[request.id] = (request, text)
        if len(self._texts) > self._kept:
            del self._texts[next(iter(self._texts))]
        return text

    def all(self, requests: Iterable[Request]) -> bytes:
        """Return the JSON of a list."""
        return b"[%b]" % b",".join(map(self.one, requests))

"""Requests as JSON, printed only once: records never change, a changed request is another."""

from collections import OrderedDict
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
        # Forgets its first key at once; a plain dictionary looks past all it had before it.
        self._texts: OrderedDict[int, tuple[Request, bytes]] = OrderedDict()

    def one(self, request: Request) -> bytes:
        """Return a request's JSON."""
        known = self._texts.get(request.id)
        if known is not None and known[0] is request:
            return known[1]
        text = encode(request_answer(request))
        self._texts[request.id] = (request, text)
        if len(self._texts) > self._kept:
            self._texts.popitem(last=False)
        return text

    def all(self, requests: Iterable[Request]) -> bytes:
        """Return the JSON of a list."""
        return b"[%b]" % b",".join(map(self.one, requests))

"""Requests as they were decoded from their rows, so that a row is decoded only once."""

import threading

from boruta_farm.model.request import Request

KEPT = 16_384
"""Requests kept, about 0.5 KiB each: what the pages that people and scripts leaf through hold."""


class Decoded:
    """Keep decoded requests by id and revision.

    Every committed change of a request or of its job raises the request's revision, so the two
    name its content for good: nothing kept here is ever wrong, and nothing has to be told when a
    request changes. Whoever asks reads the revision from the database first, which therefore
    stays the authority, also when other servers write to it.

    Used by several threads: looking up is one step of a dictionary, the rest is locked.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._requests: dict[int, Request] = {}
        self._lock = threading.Lock()

    def get(self, request_id: int, revision: int) -> Request | None:
        """Return the request as of a revision, if it is kept."""
        known = self._requests.get(request_id)
        return known if known is not None and known.revision == revision else None

    def keep(self, request: Request) -> None:
        """Keep a request, in place of the one that has been kept for longest."""
        with self._lock:
            self._requests[request.id] = request
            if len(self._requests) > self._kept:
                del self._requests[next(iter(self._requests))]

"""Requests as they were decoded from their rows, so that a row is decoded only once."""

import threading
from collections import OrderedDict

from boruta_farm.model.request import Request

KEPT = 16_384
"""Requests kept, about 0.5 KiB each: what the pages that people and scripts leaf through hold."""


class Decoded:
    """Keep decoded requests by id and revision.

    Every committed change of a request or of its job raises the request's revision, so the two
    name its content for good: nothing kept here is ever wrong, and nothing has to be told when a
    request changes. Whoever asks reads the revision from the database first, which therefore
    stays the authority, also when other servers write to it.

    Where nobody else can write (``alone``: a data folder is locked by its server), not even the
    revision need be read as long as no COMMIT has begun since it was read last.

    Used by several threads: looking up is one step of a dictionary, the rest is locked.
    """

    def __init__(self, kept: int = KEPT, *, alone: bool = False) -> None:
        self._kept = kept
        self._alone = alone
        self._begun = self._over = 0
        # Forgets its first key at once; a plain dictionary looks past all it had before it.
        self._requests: OrderedDict[int, tuple[Request, int | None]] = OrderedDict()
        self._lock = threading.Lock()

    def current(self, request_id: int) -> Request | None:
        """Return the request if it cannot have changed since it was read."""
        known = self._requests.get(request_id)
        return known[0] if known is not None and known[1] == self._begun else None

    def get(self, request_id: int, revision: int) -> Request | None:
        """Return the request as of a revision, if it is kept."""
        known = self._requests.get(request_id)
        return known[0] if known is not None and known[0].revision == revision else None

    def now(self) -> int | None:
        """Return a mark to be taken before reading; None while somebody may be writing."""
        begun = self._begun  # Once: another thread may raise it between two looks.
        return begun if self._alone and begun == self._over else None

    def keep(self, request: Request, mark: int | None = None) -> None:
        """Keep a request, in place of the one that has been kept for longest.

        ``mark`` is of before it was read: unless a COMMIT has begun meanwhile, it is current.
        """
        with self._lock:
            self._requests[request.id] = request, mark
            if len(self._requests) > self._kept:
                self._requests.popitem(last=False)

    def commit_begins(self) -> None:
        """Trust nothing that was read before; called by the writer before each COMMIT."""
        self._begun += 1

    def commit_is_over(self) -> None:
        """Trust what is read from now on, whatever became of the COMMIT."""
        self._over = self._begun

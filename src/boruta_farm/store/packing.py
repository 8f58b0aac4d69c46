"""Many rows in little memory, for a follower that goes through them once, at its leisure.

A queue of a hundred thousand rows as the driver returns them takes some 65 MB, and what Python
has once taken for small objects it seldom gives back. Packed, they take a fifth, in few pieces.
"""

import marshal
from collections.abc import Iterable, Iterator

from boruta_farm.model.request import Request
from boruta_farm.store.driver import Row
from boruta_farm.store.rows import request_from

PACKED = 2000
"""Rows read and packed together: few enough to be made objects at once, and enough for pieces so
large that the system has them back as soon as they are dropped."""


class PackedRequests(Iterable[Request]):
    """Hold rows packed and decode them as they are asked for, as often as they are."""

    def __init__(self, batches: Iterable[list[Row]]) -> None:
        # Nothing but texts, numbers and None, made and read by this very process.
        self._packs = [marshal.dumps(rows) for rows in batches]

    def __iter__(self) -> Iterator[Request]:
        for pack in self._packs:
            yield from map(request_from, marshal.loads(pack))

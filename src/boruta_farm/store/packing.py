"""Many rows in little memory, for a follower that goes through them once, at its leisure.

A queue of a hundred thousand rows as the driver returns them takes some 65 MB, and what Python
has once taken for small objects it seldom gives back. Packed, they take a fifth, in few pieces.
"""

import marshal
from collections.abc import Iterable, Iterator

from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.waiting import Asked, Waiting
from boruta_farm.store.driver import Row
from boruta_farm.store.rows import REQUEST
from boruta_farm.store.values import mapping, text_set

_WAITING = RequestState.WAITING.value
_columns_of = REQUEST.pick(
    *("id", "owner", "owner_groups", "priority", "valid_after", "deadline", "state", "caps"),
    *("created", "selector", "revision", "ssh_key", "orphaned_since", "length"),
    "job_worker",
)

PACKED = 2000
"""Rows read and packed together: few enough to be made objects at once, and enough for pieces so
large that the system has them back as soon as they are dropped."""


ASKED_KEPT = 16_384
"""Different things asked for that are remembered, so that requests which ask alike share one."""


class PackedRequests(Iterable[Request]):
    """Hold rows packed and decode them as they are asked for, as often as they are."""

    def __init__(self, batches: Iterable[list[Row]]) -> None:
        # Nothing but texts, numbers and None, made and read by this very process.
        self._packs = [marshal.dumps(rows) for rows in batches]

    def __iter__(self) -> Iterator[Request]:
        for pack in self._packs:
            yield from map(REQUEST.record, marshal.loads(pack))

    def brief(self) -> Iterator[Request | Waiting]:
        """Go through all, those that wait and have no job told in brief."""
        asked = _AskedAlike()
        for pack in self._packs:
            for row in marshal.loads(pack):
                (
                    number,
                    owner,
                    groups,
                    priority,
                    valid_after,
                    deadline,
                    state,
                    caps,
                    created,
                    selector,
                    revision,
                    ssh_key,
                    orphaned_since,
                    length,
                    job_worker,
                ) = _columns_of(row)
                if state != _WAITING or job_worker is not None:
                    yield REQUEST.record(row)
                    continue
                yield Waiting(
                    number,
                    asked[owner, groups, caps, selector, ssh_key],
                    priority,
                    created,
                    valid_after,
                    deadline,
                    revision,
                    orphaned_since,
                    length,
                )


class _AskedAlike(dict[tuple[str, str | None, str | None, str | None, str | None], Asked]):
    """Keep what was asked for, by the texts of a row that tell of it."""

    def __missing__(
        self, texts: tuple[str, str | None, str | None, str | None, str | None]
    ) -> Asked:
        if len(self) >= ASKED_KEPT:
            self.clear()
        owner, groups, caps, selector, ssh_key = texts
        asked = self[texts] = Asked(
            owner=owner,
            owner_groups=None if groups is None else text_set(groups),
            caps=None if caps is None else mapping(caps),
            selector=selector,
            ssh_key=ssh_key,
        )
        return asked

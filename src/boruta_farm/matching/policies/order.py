"""The order of waiting requests, as one number per request that never has to be worked out again.

A number is made of a *level*, room for the shares that are added when it is compared, and the
id. Ageing needs no re-sorting: all requests rise at the same rate, so which of two comes first
is settled when both are known. A request of priority p is worth one of priority p - 1 that was
filed one step later.
"""

from datetime import timedelta
from typing import NamedTuple

from boruta_farm.core.moments import micros
from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.model.request import Request
from boruta_farm.model.waiting import Waiting

ID_BITS = 48
SHARE_BITS = 32
"""Room for one share; see ``shares``."""

_MICROSECOND = timedelta(microseconds=1)
_ID_MASK = (1 << ID_BITS) - 1
_SHARE_MASK = (1 << SHARE_BITS) - 1


class PlaceInQueue(NamedTuple):
    """Take a number apart again: what is compared first stands first."""

    level: int
    group_share: int
    owner_share: int
    id: int


def id_of(key: int) -> int:
    """Return the id in a number, with or without shares added."""
    return key & _ID_MASK


class Order:
    """Give every request its number under the farm's policies."""

    def __init__(self, policies: Policies) -> None:
        self._shared = policies.fair_share is not FairShare.NONE
        self._shift = ID_BITS + 2 * SHARE_BITS if self._shared else ID_BITS
        step = policies.ageing
        self._step = 0 if step is None else step // _MICROSECOND

    @property
    def ages(self) -> bool:
        """Tell whether waiting makes a request more important."""
        return bool(self._step)

    def key(self, request: Request) -> int:
        """Return the number of a request; lower ones come first."""
        level = self.level(request) if self._step else request.priority
        return level << self._shift | request.id

    def key_of(self, waiting: Waiting) -> int:
        """Return the number of a request of which only the briefest is known."""
        level = waiting.priority
        if self._step:
            level = self._aged(level, max(waiting.created, waiting.valid_after))
        return level << self._shift | waiting.id

    def level(self, request: Request) -> int:
        """Return what is compared before shares and ids.

        Without ageing it is the priority. With it, time counts since the request was filed and
        valid. Where shares are compared next, levels must be able to be equal, so there all
        requests rise together at whole multiples of the step since 1970.
        """
        if not self._step:
            return request.priority
        return self._aged(request.priority, micros(max(request.created, request.valid_after)))

    def _aged(self, priority: int, since: int) -> int:
        if self._shared:
            return priority + since // self._step
        return priority * self._step + since

    def place(self, key: int) -> PlaceInQueue:
        """Return what a number with its shares is made of."""
        if not self._shared:
            return PlaceInQueue(key >> ID_BITS, 0, 0, id_of(key))
        shares = key >> ID_BITS
        return PlaceInQueue(
            key >> self._shift,
            shares >> SHARE_BITS & _SHARE_MASK,
            shares & _SHARE_MASK,
            id_of(key),
        )

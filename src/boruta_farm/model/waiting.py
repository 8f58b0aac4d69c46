"""Requests that only wait, in brief: a queue is read by the hundred thousand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """Carry what a request asks for and on whose behalf, as in ``Request``.

    Requests that ask alike share one object, so whatever follows from it need be worked out once.
    """

    owner: str
    owner_groups: frozenset[str] | None
    caps: Mapping[str, str] | None
    selector: str | None
    ssh_key: str | None


class Waiting(NamedTuple):
    """Carry what there is to know of a request that waits and has no job.

    Times are microseconds since 1970, ``length`` is in microseconds. A tuple, and times as they are
    kept: a record takes several times as long to make, and whoever reads a whole queue needs
    numbers in the end.
    """

    id: int
    asked: Asked
    priority: int
    created: int
    valid_after: int
    deadline: int
    revision: int
    orphaned_since: int | None
    length: int | None = None

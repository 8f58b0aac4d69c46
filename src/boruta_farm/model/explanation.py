"""Why a request waits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Cause(StrEnum):
    """Name what a request waits for first of all; the values are stable."""

    NONE = "none"
    STARTING = "farm is starting"
    OPENING = "board is being opened"
    NOT_YET_VALID = "not yet valid"
    NO_BOARD = "no board has what is asked for"
    GROUPS = "boards serve other groups"
    OUT_OF_SERVICE = "boards are out of service"
    LIMIT = "limit of jobs"
    QUEUE = "others come first"
    BUSY = "boards are busy"
    NOW = "about to start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Name one who holds a worker that a waiting request could use.

    ``owner`` is None where the farm does not let the asker see it.
    """

    worker: str
    name: str
    request_id: int
    owner: str | None
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Name a worker that could serve a waiting request but serves nobody at present."""

    worker: str
    name: str
    state: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Tell when a request is expected to start, at best and at worst.

    ``hits`` of the last ``of`` starts were within the range told before them. Times are those
    of the farm as it is: more important requests may still come.
    """

    earliest: datetime
    latest: datetime
    hits: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Tell why a request waits.

    ``position`` counts from 1 among waiting requests that compete for the same workers, None
    when it does not wait or that would take too long to find out for a short answer.
    ``matching`` counts the registered workers that could serve it, by state. ``holders`` are
    those who have one now, the earliest end first, at most 10; ``absent`` are workers out of
    service, at most 10. Of the others, ``lacking`` counts boards per required capability that
    they lack, and ``other_groups`` those that have all but serve other groups. ``nearest`` is
    the board that misses least, in words. ``changes`` tell what would let the request start, or
    start sooner. ``policy`` is the order of requests in words, ``decided`` the rule by which
    somebody comes first or a limit holds the request back. ``text`` says it all in one line.
    """

    request_id: int
    state: str
    position: int | None
    matching: Mapping[str, int]
    holders: tuple[Holder, ...]
    text: str
    cause: Cause = Cause.NONE
    absent: tuple[Absent, ...] = ()
    lacking: Mapping[str, int] = field(default_factory=dict)
    other_groups: int = 0
    nearest: str | None = None
    changes: tuple[str, ...] = ()
    policy: str | None = None
    decided: str | None = None
    forecast: Forecast | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """Answer the filing of a request: its id, and in short why it waits.

    ``outlook`` is None where the server says no more than the id, as the original does.
    """

    id: int
    outlook: Explanation | None = None

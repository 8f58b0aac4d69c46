"""Why a request waits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from boruta_farm.model.declared import Shown


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

    worker: Annotated[str, Shown("WorkerUUID", "the worker that is held")]
    name: Annotated[str, Shown("Name", "its name")]
    request_id: Annotated[int, Shown("Request", "ID of the request that holds it")]
    owner: Annotated[str | None, Shown("Owner", "whose, where the asker may see it", null=True)]
    until: Annotated[datetime, Shown("Until", "when the job ends")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Name a worker that could serve a waiting request but serves nobody at present."""

    worker: Annotated[str, Shown("WorkerUUID", "the worker out of service")]
    name: Annotated[str, Shown("Name", "its name")]
    state: Annotated[str, Shown("State", "where it stands")]
    reason: Annotated[str | None, Shown("Reason", "why", null=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Tell when a request is expected to start, at best and at worst.

    ``hits`` of the last ``of`` starts were within the range told before them. Times are those
    of the farm as it is: more important requests may still come.
    """

    earliest: Annotated[datetime, Shown("Earliest", "at best")]
    latest: Annotated[datetime, Shown("Latest", "at worst")]
    hits: Annotated[int, Shown("Hits", "of the last `Of` starts, how many were as foretold")]
    of: Annotated[int, Shown("Of", "starts that were foretold")]


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

    request_id: Annotated[int, Shown("ID", "of the request")]
    state: Annotated[str, Shown("State", "where it stands")]
    position: Annotated[int | None, Shown("Position", "from 1, in the queue", null=True)]
    matching: Annotated[Mapping[str, int], Shown("Matching", "workers that could serve, by state")]
    holders: Annotated[tuple[Holder, ...], Shown("Holders", "who has them, earliest end first")]
    text: Annotated[str, Shown("Text", "all of it in one line")]
    cause: Annotated[Cause, Shown("Cause", "what it waits for first of all")] = Cause.NONE
    absent: Annotated[tuple[Absent, ...], Shown("Absent", "workers out of service")] = ()
    lacking: Annotated[
        Mapping[str, int], Shown("Lacking", "workers that lack a required capability, by it")
    ] = field(default_factory=dict)
    other_groups: Annotated[int, Shown("OtherGroups", "workers that serve other groups")] = 0
    nearest: Annotated[
        str | None, Shown("Nearest", "the worker that misses least, in words", null=True)
    ] = None
    changes: Annotated[tuple[str, ...], Shown("Changes", "what would help")] = ()
    policy: Annotated[str | None, Shown("Policy", "the order of requests", null=True)] = None
    decided: Annotated[str | None, Shown("Decided", "the rule that decided", null=True)] = None
    forecast: Annotated[
        Forecast | None, Shown("Forecast", "when it is expected to start", null=True)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """Answer the filing of a request: its id, and in short why it waits.

    ``outlook`` is None where the server says no more than the id, as the original does.
    ``warnings`` come when no registered board could serve it, in whatever state.
    """

    id: Annotated[int, Shown("ReqID", ours=False)]
    outlook: Annotated[Explanation | None, Shown("Explanation", "what it waits for")] = None
    warnings: Annotated[
        tuple[str, ...] | None, Shown("Warnings", "no registered board could serve it")
    ] = None

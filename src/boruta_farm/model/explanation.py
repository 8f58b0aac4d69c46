"""Why a request waits: what was found out; the room ``words`` says it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from boruta_farm.model.declared import Shown
from boruta_farm.model.standing import Standing


class Cause(StrEnum):
    """Name what a request waits for first of all; the values are stable."""

    NONE = "none"
    STARTING = "farm is starting"
    READYING = "board is being made ready"
    OPENING = "board is being opened"
    NOT_YET_VALID = "not yet valid"
    NO_BOARD = "no board has what is asked for"
    GROUPS = "boards serve other groups"
    OUT_OF_SERVICE = "boards are out of service"
    LIMIT = "limit of jobs"
    QUEUE = "others come first"
    BUSY = "boards are busy"
    NOW = "about to start"

    @property
    def hopeless(self) -> bool:
        """Tell whether no amount of waiting removes it, unless the farm's boards change."""
        return self in (Cause.NO_BOARD, Cause.GROUPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHolder:
    """Name one who holds a worker that a waiting request could use.

    ``owner`` is None where the farm does not let the asker see it, or knows no users.
    """

    worker: Annotated[str, Shown("WorkerUUID", "the worker that is held")]
    name: Annotated[str, Shown("Name", "its name")]
    request_id: Annotated[int, Shown("Request", "ID of the request that holds it")]
    owner: Annotated[str | None, Shown("Owner", "whose, where the asker may see it", null=True)]
    until: Annotated[datetime, Shown("Until", "when the job ends")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentWorker:
    """Name a worker that could serve a waiting request but serves nobody at present."""

    worker: Annotated[str, Shown("WorkerUUID", "the worker out of service")]
    name: Annotated[str, Shown("Name", "its name")]
    state: Annotated[str, Shown("State", "where it stands")]
    reason: Annotated[str | None, Shown("Reason", "why", null=True)]
    unreachable_since: Annotated[
        datetime | None, Shown("UnreachableSince", "when its agent was lost", null=True)
    ] = None


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
class JobLimit:
    """Tell whose limit of jobs at once is reached: an ``owner`` or a ``group`` and its name.

    ``name`` is None on a farm without users, where all are one.
    """

    kind: Annotated[str, Shown("Kind", "`owner` or `group`")]
    name: Annotated[str | None, Shown("Name", "whose, in a farm with users", null=True)]
    held: Annotated[int, Shown("Held", "jobs that run")]
    allowed: Annotated[int, Shown("Allowed", "jobs that may run at once")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """Tell what was perhaps meant by a name or value that no registered board has.

    ``capability`` is None when ``given`` is itself a capability's name, else whose value it is.
    """

    given: Annotated[str, Shown("Given", "the name or value that no board has")]
    meant: Annotated[tuple[str, ...], Shown("Meant", "names or values that are near it")]
    capability: Annotated[
        str | None, Shown("Capability", "whose value it is, null for a name", null=True)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Tell one thing that a board fails on, and what it has in its place.

    ``wanted`` is the condition as people write it; ``has`` is None where the board lacks the
    capability ``name`` altogether. ``barred`` is a condition that refuses what the board has.
    """

    name: Annotated[str, Shown("Name", "the capability")]
    wanted: Annotated[str, Shown("Wanted", "the condition")]
    has: Annotated[str | None, Shown("Has", "what the board has in its place", null=True)]
    barred: Annotated[bool, Shown("Barred", "whether what it has is refused")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """Name the board that fails on the least."""

    worker: Annotated[str, Shown("WorkerUUID", "the worker")]
    name: Annotated[str, Shown("Name", "its name")]
    lacks: Annotated[tuple[Lack, ...], Shown("Lacks", "what it fails on")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Tell why a request waits, for the ``state`` it was in when that was found out.

    It is told as it is, never together with what was read of the request at another moment.

    ``position`` counts from 1 among waiting requests that compete for the same workers, None
    when it does not wait or that would take too long to find out for a short answer.
    ``matching`` counts the registered workers that could serve it, by state. ``holders`` are
    those who have one now, the earliest end first, at most 10; ``absent`` are workers out of
    service, at most 10. Of the others, ``lacking`` counts boards per required capability that
    they lack, and ``other_groups`` those that have all but serve other groups than ``groups``,
    the owner's. ``wanted`` is all that is asked for, ``unknown`` what of it no board has, with
    ``guesses`` at what was meant; ``without`` counts the (further) boards that would match if one
    condition fell, ``near_miss`` is the board that misses least. ``registered`` counts all boards.
    ``not_before`` is set while a request is not yet valid, ``limit`` while one holds it back.
    ``policy`` is the order of requests in words, ``decided`` the rule by which somebody comes
    first or a limit holds the request back. ``standing`` is how a request stands that does not
    wait in the queue (any more).

    ``text``, ``nearest`` and ``changes`` are what a server said of the rest, times in UTC, for
    readers without ``words``; who has them uses these only for a cause that he does not know.
    """

    request_id: Annotated[int, Shown("ID", "of the request")]
    state: Annotated[str, Shown("State", "where it stands")]
    position: Annotated[int | None, Shown("Position", "from 1, in the queue", null=True)] = None
    matching: Annotated[
        Mapping[str, int], Shown("Matching", "workers that could serve, by state")
    ] = field(default_factory=dict)
    holders: Annotated[
        tuple[WorkerHolder, ...], Shown("Holders", "who has them, earliest end first")
    ] = ()
    text: Annotated[str, Shown("Text", "all of it in one line")] = ""
    cause: Annotated[Cause, Shown("Cause", "what it waits for first of all")] = Cause.NONE
    absent: Annotated[tuple[AbsentWorker, ...], Shown("Absent", "workers out of service")] = ()
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
    wanted: Annotated[tuple[str, ...], Shown("Wanted", "all that is asked for")] = ()
    unknown: Annotated[tuple[str, ...], Shown("Unknown", "what of it no worker has")] = ()
    guesses: Annotated[tuple[Guess, ...], Shown("Guesses", "what was perhaps meant")] = ()
    without: Annotated[
        Mapping[str, int], Shown("Without", "(further) workers that would match without it")
    ] = field(default_factory=dict)
    near_miss: Annotated[
        NearMiss | None, Shown("NearMiss", "the worker that misses least", null=True)
    ] = None
    groups: Annotated[tuple[str, ...] | None, Shown("Groups", "the owner's", null=True)] = None
    registered: Annotated[int, Shown("Registered", "workers in all")] = 0
    not_before: Annotated[
        datetime | None, Shown("NotBefore", "when it becomes valid, until then", null=True)
    ] = None
    limit: Annotated[
        JobLimit | None, Shown("Limit", "of jobs, where one holds it back", null=True)
    ] = None
    standing: Annotated[
        Standing | None, Shown("Standing", "where it does not wait in the queue", null=True)
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

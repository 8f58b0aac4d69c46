"""What a person or CI system asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from boruta_farm.model.declared import Shown, Stored
from boruta_farm.model.job import Job
from boruta_farm.model.readiness import DIGEST_MARK, Readiness, ReadyingBoard

HIGHEST_PRIORITY = 1
LOWEST_PRIORITY = 16
SHORTEST_LENGTH = timedelta(seconds=1)
LONGEST_LENGTH = timedelta(days=366)
"""More is taken by no call, whatever the farm's own limits are."""


class RequestState(StrEnum):
    """Where a request stands; the texts are those of the original system."""

    WAITING = "WAITING"
    IN_PROGRESS = "IN PROGRESS"
    CANCELLED = "CANCELLED"
    TIMEOUT = "TIMEOUT"
    INVALID = "INVALID"
    DONE = "DONE"
    FAILED = "FAILED"

    @property
    def finished(self) -> bool:
        """Tell whether the state is final."""
        return self not in (RequestState.WAITING, RequestState.IN_PROGRESS)


SelectorText = Annotated[str | None, Shown("Selector", "more than exact values, see Selectors")]
OwnKey = Annotated[str | None, Shown("SSHKey", "own public key, OpenSSH's one-line form")]
KeepAliveSeconds = Annotated[int | None, Shown("KeepAlive", "seconds, 10 to 3600")]
Origin = Annotated[
    Mapping[str, str] | None,
    Shown("Context", "where it comes from, such as pipeline, commit and url"),
]
ImageAddress = Annotated[
    str | None,
    Shown("Image", "address of an image to be flashed before the hand-over, #sha256=..."),
]
StorageName = Annotated[
    str | None, Shown("Storage", "which storage is flashed, where a board has several")
]
BootPattern = Annotated[
    str | None,
    Shown("BootUntil", "regular expression that a console must show before the hand-over"),
]
"""What is told alike of a request wherever it is written or shown."""

UNFINISHED = tuple(state for state in RequestState if not state.finished)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """Carry what a caller wants; None means the farm's default.

    ``keep_alive`` is in seconds (10 to 3600). ``length`` counts from the hand-over of the board.
    ``ssh_key`` is a public key in OpenSSH's one-line form; ``account_key`` asks for (or declines)
    the caller's account's own in its place, None leaves that to the account. ``selector`` asks for
    more than exact values, as docs/selectors.md tells; ``borrow`` is for who looks after a board
    that is out of service, and gives it back there; ``strict`` refuses what no registered worker
    could serve. With ``image`` and ``boot_until`` the board is handed over flashed and booted, as
    docs/ready.md tells. ``context`` tells where it comes from, such as a pipeline, commit and url,
    and decides nothing. ``idempotency_key`` with ``body_hash`` makes a repeated creation return the
    first id.
    """

    priority: Annotated[int, Shown("Priority", "1 (most important) to 16", ours=False)]
    deadline: Annotated[datetime | None, Shown("Deadline", "not granted after")] = None
    valid_after: Annotated[datetime | None, Shown("ValidAfter", "not granted before")] = None
    caps: Annotated[
        Mapping[str, str] | None, Shown("Caps", "capabilities that the board must have", ours=False)
    ]
    selector: SelectorText = None
    strict: Annotated[bool, Shown("Strict", "refuse what no registered board could serve")] = False
    ssh_key: OwnKey = None
    keep_alive: KeepAliveSeconds = None
    length: Annotated[
        timedelta | None, Shown("Length", "seconds the job is to last, unless prolonged")
    ] = None
    idle_end: Annotated[
        timedelta | None,
        Shown("IdleEnd", "seconds its board may go unused while somebody waits for it"),
    ] = None
    account_key: Annotated[
        bool | None,
        Shown("AccountKey", "put the account's SSH key on the board (false: do not)"),
    ] = None
    context: Origin = None
    borrow: Annotated[
        bool, Shown("Borrow", "take a board out of MAINTENANCE or FAILED, named by Caps' UUID")
    ] = False
    image: ImageAddress = None
    storage: StorageName = None
    boot_until: BootPattern = None
    idempotency_key: str | None = None
    body_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestUpdate:
    """Carry the changes to a waiting request; None (for priority also 0) keeps a value.

    ``caps`` take the place of all that are there. An empty ``selector`` or ``ssh_key`` and a
    ``keep_alive`` or ``length`` of 0 take what is there away.
    """

    priority: Annotated[int | None, Shown("Priority", "1 (most important) to 16")] = None
    valid_after: Annotated[datetime | None, Shown("ValidAfter", "not granted before")] = None
    deadline: Annotated[datetime | None, Shown("Deadline", "not granted after")] = None
    caps: Annotated[
        Mapping[str, str] | None, Shown("Caps", "capabilities that the board must have")
    ] = None
    selector: SelectorText = None
    ssh_key: OwnKey = None
    keep_alive: KeepAliveSeconds = None
    length: Annotated[
        timedelta | None, Shown("Length", "seconds the job is to last, unless prolonged")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreTime:
    """Carry how a job is to be prolonged; without either to now and the request's own length.

    ``length`` counts from the present end, ``until`` is the new end. Nothing is ever shortened.
    """

    length: Annotated[
        timedelta | None, Shown("Length", "seconds more, counted from the present end")
    ] = None
    until: Annotated[datetime | None, Shown("Until", "the new end, in place of Length")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Carry with whom a request is shared, or is no more; by default it is the caller himself.

    Sessions that are open end when the request is shared no more, unless they are kept.
    """

    account: Annotated[str | None, Shown("Account", "a name; not given: one's own")] = None
    keep_sessions: Annotated[
        bool, Shown("KeepSessions", "of unshare: what is open goes on, nothing new is opened")
    ] = False


LONGEST_ACT = 100
SHORTEST_IDLE_END = timedelta(minutes=5)
"""A board may go unused this long at least: signs of life are told from use by the minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardAct:
    """Carry what is about to be done on the board of a request, in the words of who does it."""

    act: Annotated[
        str, Shown("Act", f"such as `flash`, in one line of {LONGEST_ACT} characters at most")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSessions:
    """Tell how many sessions are open on a board that somebody's keys have opened."""

    account: Annotated[
        str | None, Shown("Account", "whose key opened them; null: not known", null=True)
    ]
    count: Annotated[int, Shown("Count", "how many")]


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Request:
    """Record one request.

    ``owner`` is the id of the account that filed it, ``owner_name`` what that was called then.
    ``owner_groups`` is None when the farm knew no users at creation. ``caps`` is None when the
    request named no capabilities at all. ``selector`` is in canonical form. ``account_keys`` tells
    whether its owner's account's keys open the session beside the job's own. ``shared`` are the ids
    of accounts whose keys do, ``shared_names`` what these were called then. ``size`` is how many
    bytes ``caps``, ``selector``, ``ssh_key``, ``context``, ``image`` and ``boot_until`` take
    together. What the
    last two ask of a board is part of ``selector``. ``revision`` rises with every saved change.
    ``orphaned_since`` is set while no registered worker could serve a request that once had one.
    ``reason`` explains a final state. ``job`` is the latest job, also after its end; one aborted
    before the hand-over is kept only where that failed the request. ``readying`` is told to clients
    in the job's place, which they take for a board that they have.
    """

    id: Annotated[
        int, Shown("ID", "given at filing, never used again", ours=False), Stored(key=True)
    ]
    priority: Annotated[int, Shown("Priority", "1 (most important) to 16", ours=False)]
    owner_groups: Annotated[
        frozenset[str] | None,
        Shown("Groups", "groups of who filed it", ours=False, inside="Owner"),
    ]
    owner: str
    owner_name: Annotated[
        str, Shown("Name", "who filed it, where users are known", inside="Owner")
    ] = ""
    deadline: Annotated[datetime, Shown("Deadline", "not granted after", ours=False)]
    valid_after: Annotated[
        datetime, Shown("ValidAfter", "not granted before", ours=False), Stored(mostly="created")
    ]
    state: Annotated[
        RequestState, Shown("State", "where it stands", ours=False), Stored(moves=True)
    ]
    job: Annotated[
        Job | None,
        Shown("Job", "its hold on a worker; stays in place after the end", ours=False),
        Stored(moves=True),
    ] = None
    caps: Annotated[
        Mapping[str, str] | None,
        Shown("Caps", "capabilities that the board must have", ours=False),
        Stored(values="few"),
    ]
    selector: SelectorText = None
    ssh_key: OwnKey = None
    keep_alive: Annotated[
        int | None, Shown("KeepAlive", "seconds without a sign of life after which the job ends")
    ] = None
    length: Annotated[
        timedelta | None, Shown("Length", "seconds the job is to last; not given: as the farm says")
    ] = None
    context: Origin = None
    borrows: Annotated[
        bool | None, Shown("Borrows", "takes its board out of MAINTENANCE or FAILED, and back")
    ] = None
    image: ImageAddress = None
    storage: StorageName = None
    boot_until: BootPattern = None
    account_keys: bool = True
    shared: tuple[str, ...] = ()
    shared_names: Annotated[
        tuple[str, ...] | None,
        Shown("SharedWith", "accounts whose own SSH keys open its board's session, too"),
    ] = None
    readying: Annotated[
        ReadyingBoard | None,
        Shown("Readying", "the board that is being made ready for it, before its hand-over"),
        Stored(kept=False),
    ] = None
    nudged_at: Annotated[
        datetime | None, Shown("NudgedAt", "when somebody last asked whether it is still needed")
    ] = None
    nudged_by: Annotated[str | None, Shown("NudgedBy", "who asked that")] = None
    idle_end: Annotated[
        timedelta | None,
        Shown("IdleEnd", "seconds its board may go unused while somebody waits for it"),
    ] = None
    used_at: Annotated[
        datetime | None,
        Shown("UsedAt", "when its board was known to be used; noted now and then, where it counts"),
    ] = None
    idle_ends: Annotated[
        datetime | None,
        Shown("IdleEnds", "when its board is taken unless it is used: somebody waits for it"),
    ] = None
    reason: Annotated[str | None, Shown("Reason", "why it ended as it did"), Stored(moves=True)] = (
        None
    )
    created: Annotated[datetime, Shown("Created", "when it was filed")]
    finished: Annotated[
        datetime | None, Shown("Finished", "when it reached a final state"), Stored(moves=True)
    ] = None
    orphaned_since: Annotated[
        datetime | None,
        Shown("OrphanedSince", "since when no registered board could serve it"),
        Stored(moves=True),
    ] = None
    size: int = 0
    revision: Annotated[int, Stored(moves=True)] = 1

    @property
    def required(self) -> Mapping[str, str]:
        """Return the required capabilities, empty when none were named."""
        return self.caps or {}

    @property
    def readiness(self) -> Readiness | None:
        """Return what is to be done to a board before its hand-over, None for nothing."""
        if self.image is None and self.boot_until is None:
            return None
        image, _, digest = (self.image or "").partition(DIGEST_MARK)
        return Readiness(
            image=image or None,
            sha256=digest or None,
            storage=self.storage,
            boot_until=self.boot_until,
        )

    @property
    def live_job(self) -> Job | None:
        """Return the job while it occupies a worker, else None."""
        return self.job if self.job is not None and self.job.holds else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedEnd:
    """Tell how a running request was ended that could not be stored then; ``state`` is final,
    but for one whose job was only taken off it."""

    worker: str
    epoch: int
    request_id: int
    state: RequestState
    reason: str

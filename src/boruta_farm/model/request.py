"""What a person or CI system asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from boruta_farm.model.job import Job

HIGHEST_PRIORITY = 1
LOWEST_PRIORITY = 16


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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """Carry what a caller wants; None means the farm's default.

    ``keep_alive`` is in seconds (10 to 3600). ``ssh_key`` is a public key in OpenSSH's one-line
    form; ``account_key`` asks for (or declines) the caller's account's own in its place, None
    leaves that to the account. ``selector`` asks for more than exact values, as
    docs/selectors.md tells; ``strict`` refuses what no registered worker could serve.
    ``idempotency_key`` with ``body_hash`` makes a repeated creation return the first id.
    """

    caps: Mapping[str, str] | None
    priority: int
    valid_after: datetime | None = None
    deadline: datetime | None = None
    ssh_key: str | None = None
    account_key: bool | None = None
    keep_alive: int | None = None
    selector: str | None = None
    strict: bool = False
    idempotency_key: str | None = None
    body_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestUpdate:
    """Carry the changes to a waiting request; None (for priority also 0) keeps a value."""

    priority: int | None = None
    valid_after: datetime | None = None
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Record one request.

    ``owner_groups`` is None when the farm knew no users at creation. ``caps`` is None when the
    request named no capabilities at all. ``selector`` is in canonical form. ``revision`` rises
    with every saved change. ``orphaned_since`` is set while no registered worker could serve a
    request that once had one. ``reason`` explains a final state. ``job`` is the latest job, also
    after its end; an aborted OPENING job is not kept here.
    """

    id: int
    owner: str
    owner_groups: frozenset[str] | None
    priority: int
    valid_after: datetime
    deadline: datetime
    state: RequestState
    caps: Mapping[str, str] | None
    created: datetime
    selector: str | None = None
    revision: int = 1
    ssh_key: str | None = None
    keep_alive: int | None = None
    orphaned_since: datetime | None = None
    finished: datetime | None = None
    reason: str | None = None
    job: Job | None = None

    @property
    def required(self) -> Mapping[str, str]:
        """Return the required capabilities, empty when none were named."""
        return self.caps or {}

    @property
    def live_job(self) -> Job | None:
        """Return the job while it occupies a worker, else None."""
        return self.job if self.job is not None and self.job.holds else None

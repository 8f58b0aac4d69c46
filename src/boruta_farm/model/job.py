"""A request's hold on a worker."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

from boruta_farm.model.declared import Shown, Stored

CONFIRMED_WITHIN: Final = timedelta(seconds=5)
"""How long a board has after the grant to confirm its job."""


class JobPhase(StrEnum):
    """How far a job has come; at most one that is not ENDED exists per worker and request.

    READYING is while the board is flashed and booted as the request asks; OPENING while the
    caller's own key is installed. Nobody has the board in either.
    """

    READYING = "READYING"
    OPENING = "OPENING"
    LIVE = "LIVE"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Record one hold of a worker, identified by the worker's UUID and epoch.

    ``timeout`` is the end shown to people and enforced by the agent. ``limit`` is the latest end
    that prolonging can reach. ``prolong_seq`` counts prolongations; ``wanted_timeout`` is an
    intent that the agent has not yet confirmed. ``keep_alive_until`` is when the job lapses
    unless its client renews. ``waited`` tells that a waiting acquire has prolonged it once,
    ``key_read`` that the prepared private key was handed out: it must never serve again.
    ``unconfirmed`` tells that the board has not yet answered that it knows of the job.
    ``keys`` open the session beside its own; those ``staying`` open nothing, but what they have
    opened goes on. ``keys_seq`` counts the changes of both, ``keys_pending`` is true until the
    board has answered that it has taken the last one. ``progress`` tells how far READYING has
    come, or came in the end where the board was never handed over. ``granted`` is since when the
    board is made ready, then when it was handed over.
    """

    request_id: int
    worker: Annotated[
        str, Shown("WorkerUUID", "the worker that is held", ours=False), Stored(key=True)
    ]
    timeout: Annotated[datetime, Shown("Timeout", "when the job ends", ours=False)]
    epoch: Annotated[int, Shown("Epoch", "the number of the board's preparation"), Stored(key=True)]
    phase: JobPhase
    granted: Annotated[datetime, Shown("Granted", "when the board was lent")]
    limit: Annotated[
        datetime,
        Shown("Limit", "the latest end that prolonging can reach"),
        Stored(column="job_limit"),
    ]
    prolong_seq: int = 0
    wanted_timeout: datetime | None = None
    keep_alive_until: datetime | None = None
    waited: bool = False
    key_read: bool = False
    unconfirmed: bool = False
    keys: tuple[str, ...] = ()
    staying: tuple[str, ...] = ()
    keys_seq: int = 0
    keys_pending: Annotated[
        bool | None, Shown("KeysPending", "its board has yet to take a change of who may log in")
    ] = None
    progress: Annotated[
        str | None, Shown("Progress", "how far a board came that was never handed over")
    ] = None
    ended: datetime | None = None

    @property
    def holds(self) -> bool:
        """Tell whether the job still occupies its worker."""
        return self.phase is not JobPhase.ENDED

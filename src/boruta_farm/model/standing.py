"""How a request or a worker stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from boruta_farm.model.declared import Shown

REMOVED = "REMOVED"
"""Stands for the state of a request that is not kept any more."""


class Subject(StrEnum):
    """Name what a standing is told of."""

    REQUEST = "request"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Tell how a request or a worker stands, with all that a sentence about it needs.

    ``state`` is the subject's. ``request_id`` and ``worker`` (a name) are the subject and the
    other side of its job, if there is one: who holds the board, which board is held or being
    opened. ``since`` is when the state was entered, where that is known, ``until`` the end of the
    job, ``longest`` the longest time for one job where that is reached or would be exceeded,
    ``latest`` when it would be over then. ``progress`` tells how far the board has come that is
    made ready for the request.
    """

    subject: Annotated[Subject, Shown("Subject", "what stands so")]
    state: Annotated[str, Shown("State", "where it stands")]
    request_id: Annotated[
        int | None,
        Shown("Request", "ID of the request, or of that which has the worker", null=True),
    ] = None
    worker: Annotated[
        str | None, Shown("Worker", "name of the worker, or of that which it has", null=True)
    ] = None
    since: Annotated[datetime | None, Shown("Since", "in its state", null=True)] = None
    until: Annotated[datetime | None, Shown("Until", "when the job ends", null=True)] = None
    longest: Annotated[
        timedelta | None, Shown("Longest", "seconds, where a job can be no longer", null=True)
    ] = None
    latest: Annotated[
        datetime | None, Shown("Latest", "the latest end that prolonging can reach", null=True)
    ] = None
    progress: Annotated[
        str | None, Shown("Progress", "how far its board is flashed and booted")
    ] = None
    reason: Annotated[str | None, Shown("Reason", "why it is in its state", null=True)] = None
    unreachable_since: Annotated[
        datetime | None, Shown("UnreachableSince", "when the worker's agent was lost", null=True)
    ] = None

"""The contracts between the parts of the farm.

``Requests``, ``Workers``, ``Superviser`` and ``Dryad`` are the original system's interfaces in
Python's spelling. Each call names its caller. Implementations: in process (``farm``), over HTTP
(``client``), over the boards' link (``link``), over Go RPC (``gorpc``). One suite of tests holds
all of them to these words.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from boruta_farm.contracts.boards import (
    BoardDialler,
    Boards,
    BoardWatch,
    Cipher,
    CleanReport,
    Doors,
    Dryad,
    FencedDryad,
    HostSigner,
    KeyPool,
    Prepared,
    Registered,
    Registrar,
    Reports,
    StreamingBoards,
    StreamingDryad,
    Superviser,
)
from boruta_farm.model.answers import ClockReading
from boruta_farm.model.caller import Caller
from boruta_farm.model.console import ConsoleLog, ConsolePiece
from boruta_farm.model.explanation import Explanation, Filed, WorkerHolder
from boruta_farm.model.listing import Page, Paginator, RequestFilter, Sorter, WorkerFilter
from boruta_farm.model.request import MoreTime, NewRequest, OpenSessions, Request, RequestUpdate
from boruta_farm.model.worker import AccessInfo, Worker, WorkerChange, WorkerState

__all__ = [
    "BoardDialler",
    "BoardWatch",
    "Boards",
    "Cipher",
    "CleanReport",
    "ConsoleLogs",
    "Doors",
    "Dryad",
    "Explanation",
    "FencedDryad",
    "Filed",
    "HostSigner",
    "KeyPool",
    "Prepared",
    "Registered",
    "Registrar",
    "Reports",
    "Requests",
    "StreamingBoards",
    "StreamingDryad",
    "Superviser",
    "Timekeeping",
    "WorkerHolder",
    "Workers",
]


class Timekeeping(Protocol):
    """The farm's time, and an admin's word on it."""

    def words(self) -> str | None:
        """Return what whoever asks for the farm's health must know of its time, else None."""
        ...

    def reading(self, caller: Caller) -> ClockReading:
        """Return the farm's time beside its machine's."""
        ...

    async def adopt(self, caller: Caller) -> ClockReading:
        """Set the farm's time to its machine's; running jobs keep their remaining time.

        Raises ForbiddenError for whoever may not.
        """
        ...


class ConsoleLogs(Protocol):
    """What consoles said in ended jobs."""

    async def list_logs(self, caller: Caller, request_id: int) -> tuple[ConsoleLog, ...]:
        """Return the logs of a request's newest job that had some.

        Raises RequestNotFoundError, ConsoleLogNotFoundError, and ForbiddenError for all but the
        owner, those who may have the board's keys, and admins.
        """
        ...

    def pieces(self, log: ConsoleLog, first: int = 0) -> AsyncIterator[ConsolePiece]:
        """Yield what a console said, from a chunk on."""
        ...


class Requests(Protocol):
    """What people and CI systems do with requests."""

    async def new_request(self, caller: Caller, new: NewRequest) -> Filed:
        """File a request and return its id and its outlook.

        A repeated ``idempotency_key`` answers with the request that it made first.
        Raises PriorityError, DeadlineInPastError, TimeRangeError, SSHKeyError, KeepAliveError,
        LengthError, SelectorError, LimitError, IdempotencyError, and UnmetDemandError where
        ``strict`` was asked for. Defaults: valid after now, deadline one calendar month on.
        """
        ...

    async def close_request(self, caller: Caller, request_id: int) -> None:
        """Cancel a waiting request or finish a running one.

        Raises RequestNotFoundError, and RequestStateError when it is finished already.
        """
        ...

    async def update_request(self, caller: Caller, request_id: int, update: RequestUpdate) -> None:
        """Change priority, valid-after or deadline of a waiting request.

        An update that changes nothing succeeds, even for an unknown id (as the original does).
        Raises RequestNotFoundError, RequestStateError and the errors of ``new_request``.
        """
        ...

    async def get_request_info(self, caller: Caller, request_id: int) -> Request:
        """Return one request. Raises RequestNotFoundError."""
        ...

    async def list_requests(
        self,
        caller: Caller,
        where: RequestFilter | None = None,
        sorter: Sorter | None = None,
        paginator: Paginator | None = None,
    ) -> Page[Request]:
        """Return one page of the requests that match, by default all by id.

        Sort items: id, priority, deadline, validafter, state. Raises SortItemError, and
        RequestNotFoundError for an unknown border.
        """
        ...

    async def acquire_worker(
        self, caller: Caller, request_id: int, wait: timedelta | None = None
    ) -> AccessInfo:
        """Return how to reach the board; repeated calls return the same.

        Without ``wait`` it answers at once and never prolongs. With it (at most 300 s) it waits
        while the request is WAITING, and prolongs the job once.
        Raises RequestNotFoundError and WorkerNotAssignedError.
        """
        ...

    async def prolong_access(
        self, caller: Caller, request_id: int, more: MoreTime | None = None
    ) -> datetime:
        """Move the job's end and return it; by default to now plus the request's own length.

        The board's agent has stored the new end before this returns. It is never an earlier one.
        What ``more`` names is met or refused, else the end is clamped to the job's limit.
        Raises RequestNotFoundError, WorkerNotAssignedError, ProlongLimitError, InvalidError, and
        AgentUnreachableError (the end is unchanged, a retry is harmless).
        """
        ...

    async def share_request(
        self, caller: Caller, request_id: int, account: str | None = None
    ) -> Request:
        """Let an account's own SSH keys open the session of a request, for its job only.

        That is for its owner. With oneself (None) a request of a group's member can be shared by
        any member, where the group says so. Repeating it changes nothing. Returns the request,
        once its board has taken the keys, or after 5 s. Raises RequestNotFoundError,
        AccountNotFoundError, ForbiddenError, RequestStateError, SharingError.
        """
        ...

    async def unshare_request(
        self,
        caller: Caller,
        request_id: int,
        account: str | None = None,
        *,
        keep_sessions: bool = False,
    ) -> Request:
        """Take an account's keys off the session, and end what they have opened unless kept.

        That is for whoever may close the request, and for the account itself (None). Repeating
        it changes nothing. Returns as ``share_request`` does. Raises RequestNotFoundError,
        AccountNotFoundError, ForbiddenError.
        """
        ...

    async def list_sessions(self, caller: Caller, request_id: int) -> tuple[OpenSessions, ...]:
        """Tell who is on the board of a running request, as far as its agent can tell by key.

        For the owner, those it is shared with, and whoever may close it. Raises
        RequestNotFoundError, ForbiddenError, WorkerNotAssignedError, SharingError for a board
        that takes one key only, AgentUnreachableError.
        """
        ...

    async def nudge(self, caller: Caller, request_id: int) -> None:
        """Ask the holder of a running request's board whether he still needs it.

        He is told at his terminal and by whatever shows the request. Raises
        RequestNotFoundError, WorkerNotAssignedError, NudgeError for one's own request,
        ForbiddenError, and TooManyCallsError for a holder who was asked just now.
        """
        ...

    async def keep_alive(self, caller: Caller, request_id: int) -> None:
        """Renew a request's KeepAlive; harmless where none was asked for.

        Raises RequestNotFoundError and WorkerNotAssignedError.
        """
        ...

    async def note_act(self, caller: Caller, request_id: int, act: str) -> None:
        """Enter into the audit what is about to be done on the board of a running request.

        For the owner, in the words of a program that acts for him: the farm does not see what is
        done in a session. Raises BoardActError, RequestNotFoundError, ForbiddenError and
        WorkerNotAssignedError.
        """
        ...

    async def explain(self, caller: Caller, request_id: int, *, brief: bool = False) -> Explanation:
        """Tell where a request stands in the queue and what it waits for.

        ``brief`` leaves out near misses, and a position that is costly to find.
        Raises RequestNotFoundError.
        """
        ...


class Workers(Protocol):
    """What people and admins do with workers; ``worker`` is an exact UUID or name."""

    async def list_workers(
        self,
        caller: Caller,
        where: WorkerFilter | None = None,
        sorter: Sorter | None = None,
        paginator: Paginator | None = None,
    ) -> Page[Worker]:
        """Return one page of the workers that match, by default all by UUID.

        Sort items: uuid, state, groups, name. Raises SortItemError and WorkerNotFoundError
        (with the text ``worker not found``) for an unknown border.
        """
        ...

    async def get_worker_info(self, caller: Caller, worker: str) -> Worker:
        """Return one worker. Raises WorkerNotFoundError."""
        ...

    async def set_state(
        self,
        caller: Caller,
        worker: str,
        state: WorkerState,
        reason: str | None = None,
        after_job: bool = False,
    ) -> None:
        """Send a worker to IDLE (from MAINTENANCE) or to MAINTENANCE (from any state).

        ``after_job`` lets a running job end first. Returns when the change is decided, not when
        the board is there. Raises WorkerNotFoundError, ForbiddenStateError for other states,
        WorkerTransitionError for IDLE from elsewhere.
        """
        ...

    async def set_groups(self, caller: Caller, worker: str, groups: tuple[str, ...]) -> None:
        """Replace a worker's groups. Raises WorkerNotFoundError."""
        ...

    async def set_name(self, caller: Caller, worker: str, name: str) -> None:
        """Give a worker another name, kept until its agent is configured with another one.

        Raises WorkerNotFoundError, and WorkerNameError for a name that is taken or none at all.
        """
        ...

    async def describe(self, caller: Caller, worker: str, change: WorkerChange) -> None:
        """Set a worker's labels, notes or photo.

        Labels are matched like capabilities; a request that waits for one is granted at once, one
        that loses its last worker is marked as orphaned. Running jobs go on. Raises
        WorkerNotFoundError, LimitError for what is too many or too long, and WorkerDescriptionError
        for what can be no label, notes or photo.
        """
        ...

    async def revoke_agent(self, caller: Caller, worker: str) -> None:
        """Take the credential of a worker's agent away and close its link.

        A running job keeps its end, which the board's agent enforces by itself. Raises
        WorkerNotFoundError, and CredentialError for a board that has no credential.
        """
        ...

    async def deregister(self, caller: Caller, worker: str) -> None:
        """Remove a worker that is in MAINTENANCE or FAILED; its epoch is remembered.

        Raises WorkerNotFoundError and NotDeregisterableError.
        """
        ...

    async def count_orphans(
        self,
        caller: Caller,
        worker: str,
        groups: tuple[str, ...] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> int:
        """Count waiting requests that only this worker could serve.

        With ``groups`` or ``labels`` it counts those that lose their last worker if it gets
        these, without them those that lose it by deregistration. Raises WorkerNotFoundError.
        """
        ...

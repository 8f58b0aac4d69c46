"""The contracts between the parts of the farm.

``Requests``, ``Workers``, ``Superviser`` and ``Dryad`` are the original system's interfaces in
Python's spelling. Each call names its caller. Implementations: in process (``farm``), over HTTP
(``client``), over the boards' link (``link``), over Go RPC (``gorpc``). One suite of tests holds
all of them to these words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from boruta_farm.model.caller import Caller
from boruta_farm.model.listing import Page, Paginator, RequestFilter, Sorter, WorkerFilter
from boruta_farm.model.request import NewRequest, Request, RequestUpdate
from boruta_farm.model.worker import AccessInfo, KeyPair, Registration, Worker, WorkerState


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Name one who holds a worker that a waiting request could use."""

    worker: str
    name: str
    request_id: int
    owner: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Tell why a request waits.

    ``position`` counts from 1 among waiting requests that compete for the same workers, None
    when it does not wait. ``matching`` counts the registered workers that could serve it, by
    state. ``holders`` are those who have one now, the earliest end first, at most 10.
    """

    request_id: int
    state: str
    position: int | None
    matching: Mapping[str, int]
    holders: tuple[Holder, ...]
    text: str


class Requests(Protocol):
    """What people and CI systems do with requests."""

    async def new_request(self, caller: Caller, new: NewRequest) -> int:
        """File a request and return its id.

        Raises PriorityError, DeadlineInPastError, TimeRangeError, SSHKeyError, KeepAliveError,
        LimitError, IdempotencyError. Defaults: valid after now, deadline one calendar month on.
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

    async def prolong_access(self, caller: Caller, request_id: int) -> datetime:
        """Set the job's end to now plus the job timeout and return it.

        The board's agent has stored the new end before this returns. Clamped to the job limit.
        Raises RequestNotFoundError, WorkerNotAssignedError, ProlongLimitError, and
        AgentUnreachableError (the end is unchanged, a retry is harmless).
        """
        ...

    async def keep_alive(self, caller: Caller, request_id: int) -> None:
        """Renew a request's KeepAlive; harmless where none was asked for.

        Raises RequestNotFoundError and WorkerNotAssignedError.
        """
        ...

    async def explain(self, caller: Caller, request_id: int) -> Explanation:
        """Tell where a request stands in the queue and who holds what it waits for.

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

    async def deregister(self, caller: Caller, worker: str) -> None:
        """Remove a worker that is in MAINTENANCE or FAILED; its epoch is remembered.

        Raises WorkerNotFoundError and NotDeregisterableError.
        """
        ...

    async def count_orphans(
        self, caller: Caller, worker: str, groups: tuple[str, ...] | None = None
    ) -> int:
        """Count waiting requests that only this worker could serve.

        With ``groups`` it counts those that lose their last worker if it moves there, without
        it those that lose it by deregistration. Raises WorkerNotFoundError.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """Answer a registration: who the farm is, and the epoch it goes on from."""

    uuid: str
    farm_id: str
    epoch: int


class Superviser(Protocol):
    """What boards tell the server."""

    async def register(self, registration: Registration) -> Registered:
        """Make a board known, or known again after a reconnect or change.

        Raises MissingUUIDError, AddressError, WorkerNameError, CredentialError,
        PortsExhaustedError, LimitError.
        """
        ...

    async def set_fail(self, uuid: str, reason: str) -> None:
        """Report that a board failed.

        Raises WorkerNotFoundError, and FailInMaintenanceError in MAINTENANCE and BUSY.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Answer a preparation: the session's user name and the board's host key (one line)."""

    username: str
    host_key: str | None = None


class Dryad(Protocol):
    """What the server asks of a board: the original's three calls."""

    async def put_in_maintenance(self, message: str) -> None:
        """Show ``message`` and let nobody in. Raises BoardError, AgentUnreachableError."""
        ...

    async def prepare(self, key: str, *, epoch: int) -> Prepared:
        """Make a fresh session user whose only key is ``key`` (an authorized_keys line).

        Boards over Go RPC ignore ``epoch``. Raises BoardError, AgentUnreachableError,
        StaleEpochError.
        """
        ...

    async def healthcheck(self) -> None:
        """Test the board. Raises BoardError with what is wrong, AgentUnreachableError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanReport:
    """Answer a clean-up: what was found and ended, one line each, at most 100."""

    epoch: int
    found: tuple[str, ...] = ()


class FencedDryad(Dryad, Protocol):
    """A board whose agent is the fence: it knows epochs and ends jobs by itself.

    Every call is idempotent for one epoch; an epoch below the agent's own is StaleEpochError.
    ``remaining`` is in seconds, counted from when the agent sent the heartbeat that the server
    last received, so that the agent's end is never later than the server's.
    """

    async def clean(self, epoch: int) -> CleanReport:
        """End the session of any earlier epoch and prove that nothing of it is left.

        Raises BoardError with what survived.
        """
        ...

    async def grant(self, epoch: int, remaining: float, key: str | None) -> None:
        """Start the job of ``epoch``; ``key`` replaces the prepared key with the caller's own."""
        ...

    async def extend(self, epoch: int, sequence: int, remaining: float) -> None:
        """Store a later end for the job; an agent that has begun ending it refuses."""
        ...

    async def end(self, epoch: int) -> None:
        """End the session now: nobody in, everything of the user ended."""
        ...


class Dialler(Protocol):
    """The way to boards without a fence: no connection is kept, each call makes its own."""

    def dial(self, worker: Worker) -> Dryad:
        """Return the board's agent; nothing is sent before the first call."""
        ...

    async def knock(self, worker: Worker) -> None:
        """See whether the agent accepts connections. Raises AgentUnreachableError."""
        ...


class BoardWatch(Protocol):
    """A subscription that tells which boards' agents came or went."""

    async def next(self) -> str:
        """Return the UUID of the next board whose connection changed."""
        ...

    def close(self) -> None:
        """End the subscription."""
        ...


class Boards(Protocol):
    """The boards that can be talked to at this moment."""

    def fenced(self, uuid: str) -> FencedDryad | None:
        """Return the board's agent while it is connected, else None."""
        ...

    def contact(self, uuid: str) -> datetime | None:
        """Return when the agent was last heard of since this server started, else None."""
        ...

    def watch(self) -> BoardWatch:
        """Return a subscription to agents coming and going."""
        ...


class Reports(Protocol):
    """What our own followers report about boards; stale epochs raise StaleEpochError."""

    async def prepared(self, uuid: str, epoch: int, key: KeyPair, prepared: Prepared) -> None:
        """Tell that a board in PREPARE is clean and ready: it becomes IDLE."""
        ...

    async def cleaned(self, uuid: str, epoch: int) -> None:
        """Tell that a board in BUSY was evicted and cleaned: it becomes MAINTENANCE."""
        ...

    async def failed(self, uuid: str, epoch: int, reason: str) -> None:
        """Tell that an operation on a board failed: it becomes FAILED."""
        ...

    async def recovered(self, uuid: str, epoch: int) -> None:
        """Tell that a FAILED board answers its health check again: it goes to PREPARE.

        One that flaps is put aside instead.
        """
        ...

    async def recheck(self, uuid: str, epoch: int) -> None:
        """Tell that an IDLE board is due for the thorough test that it gets when prepared."""
        ...

    async def described(self, uuid: str, facts: Mapping[str, str]) -> None:
        """Tell what a board says of itself now; unknown boards are ignored."""
        ...

    async def lost(self, uuid: str) -> None:
        """Tell that a board's agent is out of reach past its grace."""
        ...

    async def back(self, uuid: str) -> None:
        """Tell that a lost board's agent is in reach again."""
        ...

    async def opened(self, uuid: str, epoch: int) -> None:
        """Tell that the caller's own key is installed: the OPENING job becomes LIVE."""
        ...

    async def opening_failed(self, uuid: str, epoch: int, reason: str) -> None:
        """Tell that an OPENING job's key could not be installed: the request waits on."""
        ...

    async def prolonged(self, uuid: str, epoch: int, sequence: int) -> None:
        """Tell that the agent has stored the wanted end of a job."""
        ...

    async def ended(self, uuid: str, epoch: int) -> None:
        """Tell that the agent ended the job's session because its time was over."""
        ...

    async def port_taken(self, uuid: str, port: int) -> None:
        """Tell that the relay cannot bind a worker's port: the worker gets another."""
        ...


class Doors(Protocol):
    """The ports by which users reach boards."""

    async def ready(self, worker: str) -> None:
        """Return once the worker's port is bound: a board is lent only when it can be reached."""
        ...


class KeyPool(Protocol):
    """Keys made ahead, since an RSA key takes 50 to 250 ms."""

    async def take(self) -> KeyPair:
        """Return a key nobody has seen, waiting while the pool is empty."""
        ...

    def give_back(self, key: KeyPair) -> None:
        """Return a key whose private half was never handed out."""
        ...


class Cipher(Protocol):
    """Encryption of what must not lie readable in the database."""

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt and authenticate ``plain``, bound to ``context``."""
        ...

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return the plain bytes. Raises StoreError when they were tampered with."""
        ...

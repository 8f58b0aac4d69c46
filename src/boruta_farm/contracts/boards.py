"""What boards tell the farm, what it asks of them, and what our own parts report about them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from boruta_farm.model.console import ConsoleChunk
from boruta_farm.model.readiness import Readiness
from boruta_farm.model.worker import KeyPair, Registration, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """Answer a registration: who the farm is, and the epoch it goes on from.

    From ``renew_at`` on the farm wants the agent to take a new credential.
    """

    uuid: str
    farm_id: str
    epoch: int
    renew_at: datetime | None = None


class Superviser(Protocol):
    """What boards tell the server."""

    async def register(self, registration: Registration) -> Registered:
        """Make a board known, or known again after a reconnect or change.

        Raises MissingUUIDError, AddressError, WorkerNameError, CredentialError,
        EnrolmentError, PortsExhaustedError, LimitError.
        """
        ...

    async def renew(self, uuid: str, present: str, coming: str) -> None:
        """Accept a board's coming credential beside the present one; both are hashes.

        The present one ends with the first registration that uses the coming one, so an agent
        that loses power at any moment can still come in. Repeating the call changes nothing.
        Raises WorkerNotFoundError, and CredentialError when ``present`` is not accepted any more.
        """
        ...

    async def set_fail(self, uuid: str, reason: str) -> None:
        """Report that a board failed.

        Raises WorkerNotFoundError, and FailInMaintenanceError in MAINTENANCE and BUSY.
        """
        ...


class Registrar(Superviser, Protocol):
    """The farm's own end of it, which can also be asked beforehand."""

    async def recognise(self, registration: Registration) -> bool:
        """Tell whether a board that registered so is enrolled, or (False) would be by it.

        Changes nothing, and enters nothing anywhere. Raises MissingUUIDError, CredentialError,
        EnrolmentError.
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

    async def recycle(self, key: str, *, epoch: int) -> tuple[CleanReport, Prepared]:
        """Clean, then prepare: what both do, at the price of one message where the agent knows it.

        Raises what they raise; what was cleaned stays so.
        """
        ...

    async def grant(self, epoch: int, remaining: float, key: str | None) -> None:
        """Start the job of ``epoch``; ``key`` replaces the prepared key with the caller's own.

        Raises KeyRefusedError when the board is sound and does not take that key; older agents
        raise BoardError alone.
        """
        ...

    async def ready(self, epoch: int, wanted: Readiness, within: float) -> None:
        """Begin to flash and boot the board as wanted, which may take ``within`` seconds.

        It returns at once: ``progressed``, ``readied`` or ``unready`` is reported later, and again
        after a reconnect. Nobody is let in before ``grant``. While the same is under way, or done,
        nothing begins anew. Raises StaleEpochError, and BoardError where no session is prepared.
        """
        ...

    async def extend(self, epoch: int, sequence: int, remaining: float) -> None:
        """Store a later end for the job; an agent that has begun ending it refuses."""
        ...

    async def set_keys(
        self, epoch: int, sequence: int, keys: tuple[str, ...], staying: tuple[str, ...] = ()
    ) -> None:
        """Let these keys, and no others, open the session of ``epoch`` beside its own.

        What other keys have opened is ended, but not what those of ``staying`` have. A set that
        is not newer by ``sequence`` changes nothing. Raises BoardError, StaleEpochError, and
        BoardError from agents that take one key only.
        """
        ...

    async def sessions(self, epoch: int) -> Mapping[str, int]:
        """Tell how many sessions each key has open; the empty one stands for those unknown.

        Raises BoardError, StaleEpochError.
        """
        ...

    async def certify(self, epoch: int, certificate: str) -> None:
        """Have the board's SSH server show a certificate of its host key, in place of any other.

        Boards that cannot show one take it all the same. Raises BoardError, StaleEpochError, and
        ProtocolError from agents that know no certificates.
        """
        ...

    async def end(self, epoch: int) -> None:
        """End the session now: nobody in, everything of the user ended."""
        ...


class StreamingDryad(Protocol):
    """A board whose agent connects its SSH server to the relay, one stream per call."""

    async def open_stream(self, epoch: int, token: str, port: int) -> None:
        """Open a stream from the board's own SSH server to ``port`` of the relay, 0 for none.

        It goes to the agent's own SSH server and to the farm it belongs to, nowhere else, and
        only for the session of ``epoch``. Returns when it stands. Raises StaleEpochError, and
        BoardError with what is out of reach.
        """
        ...


class StreamingBoards(Protocol):
    """The boards whose agents can be asked for streams at this moment."""

    def streaming(self, uuid: str) -> StreamingDryad | None:
        """Return the board's agent while it is connected, else None."""
        ...

    def watch(self) -> "BoardWatch":
        """Return a subscription to agents coming and going."""
        ...


class BoardDialler(Protocol):
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

    def contact(self, uuid: str) -> float | None:
        """Return when the agent was last heard of since this server started, else None.

        It is told in seconds of the steady clock.
        """
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

    async def confirmed(self, uuid: str, epoch: int) -> None:
        """Tell that the board has answered that it knows of its job."""
        ...

    async def unconfirmed(self, uuid: str, epoch: int, reason: str, *, used: bool) -> None:
        """Tell that the board did not confirm its LIVE job, and why, in words.

        The request waits on in its place, unless its key was handed out or its tunnel ``used``.
        """
        ...

    async def progressed(self, uuid: str, epoch: int, words: str) -> None:
        """Tell how far a board has come that is made ready, in a few words."""
        ...

    async def readied(self, uuid: str, epoch: int) -> None:
        """Tell that a board is as its request wants it: the READYING job goes on to its hand-over.

        Its length counts from now.
        """
        ...

    async def unready(
        self, uuid: str, epoch: int, reason: str, lines: tuple[str, ...] = ()
    ) -> None:
        """Tell that a board could not be made ready, and what its console said last.

        The request fails, and the board is cleaned as after any job.
        """
        ...

    async def opened(self, uuid: str, epoch: int, began: datetime | None = None) -> None:
        """Tell that the caller's own key is installed: the OPENING job becomes LIVE.

        Its length counts from ``began``, when the board was told of it; by default from now.
        """
        ...

    async def opening_failed(self, uuid: str, epoch: int, reason: str) -> None:
        """Tell that the board failed while it opened: the request waits on."""
        ...

    async def key_refused(self, uuid: str, epoch: int, reason: str) -> None:
        """Tell that a sound board refused the key of an OPENING job: the request fails."""
        ...

    async def keyed(self, uuid: str, epoch: int, sequence: int) -> None:
        """Tell that the agent has taken the keys of a session."""
        ...

    async def prolonged(self, uuid: str, epoch: int, sequence: int) -> None:
        """Tell that the agent has stored the wanted end of a job."""
        ...

    async def used(self, uuid: str, epoch: int, at: datetime) -> None:
        """Note when a board was used last in its job, as far as is known."""
        ...

    async def warn_idle(self, uuid: str, epoch: int) -> None:
        """Say when a board is taken that nobody uses while somebody waits for it."""
        ...

    async def end_idle(self, uuid: str, epoch: int, *, wanted: bool) -> None:
        """Take a board that was warned of, unless it was used since or nobody waits any more."""
        ...

    async def ended(self, uuid: str, epoch: int) -> None:
        """Tell that the agent ended the job's session because its time was over."""
        ...

    async def console(self, uuid: str, epoch: int, chunk: ConsoleChunk) -> None:
        """Keep a part of what a console said in an ended job; a second time changes nothing.

        Raises StaleEpochError when the board has never had such a job.
        """
        ...

    async def disputed(self, uuid: str, reason: str, source: str) -> None:
        """Tell that somebody at ``source`` claims a board's UUID. Raises WorkerNotFoundError."""
        ...

    async def port_taken(self, uuid: str, port: int) -> None:
        """Tell that the relay cannot bind a worker's port: the worker gets another."""
        ...


class Doors(Protocol):
    """The ports by which users reach boards."""

    async def ready(self, worker: str) -> None:
        """Return once the worker's port is bound: a board is lent only when it can be reached."""
        ...

    def used(self, worker: str) -> bool:
        """Tell whether anybody has come to the worker's tunnel since its job became LIVE."""
        ...


class KeyPool(Protocol):
    """Keys made ahead, since an RSA key takes 50 to 250 ms."""

    async def take(self) -> KeyPair:
        """Return a key nobody has seen, waiting while the pool is empty."""
        ...

    def at_hand(self) -> KeyPair | None:
        """Return a key nobody has seen, None while the pool is empty."""
        ...

    def give_back(self, key: KeyPair) -> None:
        """Return a key whose private half was never handed out."""
        ...


class HostSigner(Protocol):
    """The farm's authority, which vouches for host keys."""

    def sign(
        self, host_key: str, names: Collection[str], identity: str, now: datetime, until: datetime
    ) -> str:
        """Return a certificate: the key is a host's that is called by these names until then.

        Raises ProtocolError for a key that cannot be read.
        """
        ...


class Cipher(Protocol):
    """Encryption of what must not lie readable in the database."""

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt and authenticate ``plain``, bound to ``context``."""
        ...

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return the plain bytes. Raises StoreError when they were tampered with."""
        ...

    def derive(self, purpose: str) -> bytes:
        """Return 32 secret bytes for one purpose, always the same."""
        ...

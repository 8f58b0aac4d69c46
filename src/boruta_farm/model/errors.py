"""The one tree of errors.

Every class has a stable ``code`` (it travels on the wire as ``Code``) and its docstring's first
line is its default message, so no error is ever without words. Texts that clients of the
original system know are kept to the letter.
"""

from typing import ClassVar

from boruta_farm.model.standing import Standing


class BorutaError(Exception):
    """Boruta failed in a way it did not expect"""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str | None = None, *, standing: Standing | None = None) -> None:
        super().__init__(message or type(self).default_message())
        self.standing = standing
        """How that stands which the refused call was about, where its state is the reason."""

    @classmethod
    def default_message(cls) -> str:
        """Return the first line of the class's docstring."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]

    @property
    def message(self) -> str:
        """Return the words a person sees."""
        return str(self)


class NotFoundError(BorutaError):
    """Nothing is known under this name"""

    code = "not-found"


class RouteNotFoundError(NotFoundError):
    """no such route"""

    code = "route-not-found"


class RequestNotFoundError(NotFoundError):
    """Request not found"""

    code = "request-not-found"


class ConsoleLogNotFoundError(NotFoundError):
    """there is no log of a console"""

    code = "console-log-not-found"


class WorkerNotFoundError(NotFoundError):
    """Worker not found"""

    code = "worker-not-found"


class AmbiguousWorkerError(NotFoundError):
    """more than one worker's name begins like this"""

    code = "ambiguous-worker"


class AccountNotFoundError(NotFoundError):
    """there is no such account"""

    code = "account-not-found"


class GroupNotFoundError(NotFoundError):
    """there is no such group"""

    code = "group-not-found"


class TokenNotFoundError(NotFoundError):
    """there is no such token"""

    code = "token-not-found"


class ProviderNotFoundError(NotFoundError):
    """this farm has no sign-in provider of this name"""

    code = "provider-not-found"


class InvalidError(BorutaError):
    """the call cannot be understood or is not allowed now"""

    code = "invalid"


class PriorityError(InvalidError):
    """requested priority out of bounds"""

    code = "priority-out-of-bounds"


class DeadlineInPastError(InvalidError):
    """deadline in the past"""

    code = "deadline-in-past"


class TimeRangeError(InvalidError):
    """requested time range illegal - ValidAfter must be before Deadline"""

    code = "illegal-time-range"


class RequestStateError(InvalidError):
    """action cannot be executed in current state"""

    code = "wrong-request-state"


class WorkerNotAssignedError(InvalidError):
    """worker not assigned"""

    code = "worker-not-assigned"


class RequestIdMismatchError(InvalidError):
    """request ID set in JSON doesn't match ID from URL"""

    code = "request-id-mismatch"


class SortItemError(InvalidError):
    """unknown name of item by which list should be sorted"""

    code = "unknown-sort-item"


class WideListError(InvalidError):
    """too many requests would have to be looked through for this list"""

    code = "list-too-wide"


class SortOrderError(InvalidError):
    """unknown sort order (valid: ascending or descending)"""

    code = "unknown-sort-order"


class ListDirectionError(InvalidError):
    """unknown direction (valid: forward or backward)"""

    code = "unknown-direction"


class ForbiddenStateError(InvalidError):
    """Only state changes to IDLE and MAINTENANCE are allowed"""

    code = "forbidden-state"


class WorkerTransitionError(InvalidError):
    """Invalid state transition was requested"""

    code = "invalid-transition"


class BorrowError(InvalidError):
    """only a board in MAINTENANCE or FAILED can be borrowed from there"""

    code = "not-borrowable"


class NotDeregisterableError(InvalidError):
    """Worker is not in FAIL or MAINTENANCE state"""

    code = "not-deregisterable"


class FailInMaintenanceError(InvalidError):
    """It is forbidden to set FAIL state when Worker is in MAINTENANCE state"""

    code = "fail-in-maintenance"


class MissingUUIDError(InvalidError):
    """Capabilities are missing UUID entry"""

    code = "missing-uuid"


class AddressError(InvalidError):
    """an address given at registration cannot be used"""

    code = "bad-address"


class WorkerNameError(InvalidError):
    """a worker's name is one line of 1 to 64 visible characters"""

    code = "bad-worker-name"


class WorkerDescriptionError(InvalidError):
    """a worker's labels, notes or photo cannot be what was given"""

    code = "bad-worker-description"


class SSHKeyError(InvalidError):
    """SSHKey is not a public key in OpenSSH's one-line form ('ssh-ed25519 AAAA... me@host')"""

    code = "bad-ssh-key"


class SelectorError(InvalidError):
    """the selector cannot be understood"""

    code = "bad-selector"

    def __init__(
        self, message: str | None = None, *, column: int | None = None, name: str | None = None
    ) -> None:
        words = message or type(self).default_message()
        super().__init__(words if column is None else f"Selector, column {column}: {words}")
        self.column = column
        """Where, counted in characters from 1; None when an answer from afar did not tell."""
        self.name = name
        """The capability's name in question, empty where one is missing, None where none is."""

    @classmethod
    def placed(cls, message: str, column: int | None, name: str | None = None) -> "SelectorError":
        """Return an error whose message tells its column already."""
        error = cls(message)
        error.column, error.name = column, name
        return error


class WantError(InvalidError):
    """it cannot be understood which board is wanted"""

    code = "bad-want"


class UnmetDemandError(InvalidError):
    """no registered board could serve this request (Strict was asked for)"""

    code = "unmet-demand"


class SharingError(InvalidError):
    """the request cannot be shared in this way"""

    code = "not-shareable"


class NudgeError(InvalidError):
    """nobody else holds this request, so nobody is to be asked"""

    code = "not-to-be-asked"


class BoardActError(InvalidError):
    """what is done must be told in one line of 1 to 100 characters"""

    code = "bad-act"


class KeepAliveError(InvalidError):
    """KeepAlive must be a whole number of seconds from 10 to 3600"""

    code = "bad-keep-alive"


class LengthError(InvalidError):
    """Length must be a number of seconds, 1 at least"""

    code = "length-out-of-bounds"


class ReadinessError(InvalidError):
    """Image, Storage or BootUntil cannot be what was given"""

    code = "bad-readiness"


class ProlongLimitError(InvalidError):
    """the job has reached the farm's longest time for one job and cannot be prolonged"""

    code = "prolong-limit"


class LimitError(InvalidError):
    """a value is larger than this farm allows"""

    code = "limit-exceeded"


class AccountError(InvalidError):
    """an account or group cannot be changed in this way"""

    code = "bad-account"


class TokenError(InvalidError):
    """a token cannot be issued in this way"""

    code = "bad-token"


class QuotaError(InvalidError):
    """the account has used up what it may have at once; end something first"""

    code = "quota-reached"


class IdempotencyError(BorutaError):
    """this Idempotency-Key was used before with another body; use a new key for a new request"""

    code = "idempotency-key-reused"


class PortsExhaustedError(BorutaError):
    """no free tunnel port is left; widen 'tunnel_ports' in the configuration and restart"""

    code = "ports-exhausted"


class RefusedError(BorutaError):
    """the caller may not do this"""

    code = "refused"


class ForbiddenError(RefusedError):
    """the caller's role, token or groups do not allow this"""

    code = "forbidden"


class UnauthenticatedError(BorutaError):
    """this farm asks who calls: run 'boruta login', or send 'Authorization: Bearer TOKEN'"""

    code = "unauthenticated"


class SignInRefusedError(UnauthenticatedError):
    """what the sign-in provider said cannot be believed, or lets nobody in; sign in again"""

    code = "sign-in-refused"


class TooManyCallsError(BorutaError):
    """too many calls in a short time; wait as long as Retry-After says"""

    code = "too-many-calls"

    def __init__(self, message: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CredentialError(RefusedError):
    """another credential is pinned for this UUID; deregister the worker to enrol the board anew"""

    code = "credential-refused"


class EnrolmentError(RefusedError):
    """this farm takes boards by invitation: set join_token to a token of 'boruta agent invite'"""

    code = "enrolment-refused"


class SharedUUIDError(RefusedError):
    """another agent with this board's UUID and credential is connected and answers"""

    code = "uuid-shared"


class UnavailableError(BorutaError):
    """the service cannot answer just now; try again"""

    code = "unavailable"


class ProviderUnreachableError(UnavailableError):
    """the sign-in provider does not answer as it should; try again, or tell an admin"""

    code = "provider-unreachable"


class OverloadedError(UnavailableError):
    """too many changes are waiting to be written; try again in a second"""

    code = "overloaded"


class OutcomeUnknownError(UnavailableError):
    """the outcome of the write is unknown; read back, or repeat with the same Idempotency-Key"""

    code = "outcome-unknown"


class StorageFullError(UnavailableError):
    """the disk that holds the farm's data is full; free space, running jobs still end on time"""

    code = "storage-full"


class StartingError(UnavailableError):
    """the farm is still reading its queue; ask again in a moment"""

    code = "starting"


class AgentUnreachableError(UnavailableError):
    """the board's agent did not answer in time; nothing was changed, try again"""

    code = "agent-unreachable"


class AgentRefusedError(AgentUnreachableError):
    """nothing listens at the agent's address; see whether its service runs"""

    code = "agent-refused"


class StaleEpochError(BorutaError):
    """the message belongs to an earlier preparation of the board and was ignored"""

    code = "stale-epoch"


class StaleProposalError(BorutaError):
    """the state changed since the proposal was made; it goes back to the index"""

    code = "stale-proposal"


class BoardError(BorutaError):
    """the board could not do what was asked"""

    code = "board-failed"


class TerminalError(BoardError):
    """the page has no terminal on this board"""

    code = "no-terminal"


class TunnelError(BoardError):
    """the board cannot be reached by the server's port"""

    code = "no-tunnel"


class DeviceCallError(InvalidError):
    """the page does nothing of that kind on a board"""

    code = "no-such-act"


class KeyRefusedError(BoardError):
    """the board does not take this key"""

    code = "key-refused"


class BoardSilentError(BoardError):
    """the board did not answer in time, or broke off; whether it acted is unknown"""

    code = "board-silent"


class TransitionError(BorutaError):
    """a state change outside the table of transitions was attempted"""

    code = "illegal-transition"


class StoreError(BorutaError):
    """the farm's database cannot be used"""

    code = "store"


class ProtocolError(BorutaError):
    """the other side sent something that the protocol does not allow"""

    code = "protocol"


class ConfigError(BorutaError):
    """the configuration cannot be used"""

    code = "config"

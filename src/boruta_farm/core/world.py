"""What the core may read: the farm's state as of now."""

from typing import Protocol

from boruta_farm.model.account import Account, Group
from boruta_farm.model.request import Request
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.token import Token
from boruta_farm.model.worker import SessionKey, Worker


class World(Protocol):
    """Read the state that a decision needs; a store's transaction is one, a dict in tests another.

    Reads see every earlier decision of the same batch.
    """

    @property
    def settings(self) -> FarmSettings:
        """Return the farm's rules."""
        ...

    def request(self, request_id: int) -> Request | None:
        """Return a request with its latest job."""
        ...

    def worker(self, uuid: str) -> Worker | None:
        """Return a registered worker."""
        ...

    def registered(self) -> tuple[Worker, ...]:
        """Return all registered workers."""
        ...

    def orphaned(self) -> tuple[Request, ...]:
        """Return the waiting requests that no registered worker could serve any more."""
        ...

    def worker_named(self, name: str) -> Worker | None:
        """Return the registered worker of this name."""
        ...

    def workers_like(self, text: str) -> tuple[Worker, ...]:
        """Return the registered workers whose UUID or name people take for this text."""
        ...

    def holder(self, uuid: str) -> Request | None:
        """Return the request whose job occupies the worker."""
        ...

    def held_by(self, owner: str) -> tuple[Request, ...]:
        """Return the requests of an owner (an id) whose jobs occupy workers."""
        ...

    def shared_with(self, account_id: str) -> tuple[Request, ...]:
        """Return the requests shared with an account whose jobs occupy workers."""
        ...

    def session_key(self, uuid: str, epoch: int) -> SessionKey | None:
        """Return the key installed for a preparation."""
        ...

    def remembered_epoch(self, uuid: str) -> int:
        """Return the last epoch of a deregistered worker, else 0."""
        ...

    def remembered_creation(self, owner: str, key: str) -> tuple[str, int] | None:
        """Return body hash and request id that an owner (an id) filed under an Idempotency-Key."""
        ...

    def next_request_id(self) -> int:
        """Return an id that was never used; saving a request with it uses it up."""
        ...

    def free_port(self, after: int | None = None) -> int | None:
        """Return the lowest port of the range that no worker has (above ``after``, if given)."""
        ...

    def account(self, account_id: str) -> Account | None:
        """Return an account."""
        ...

    def account_named(self, name: str) -> Account | None:
        """Return the account of this name."""
        ...

    def fresh_account_id(self) -> str:
        """Return an id that no account has, ever had, or will be given again."""
        ...

    def accounts(self) -> tuple[Account, ...]:
        """Return all accounts."""
        ...

    def group(self, name: str) -> Group | None:
        """Return a group."""
        ...

    def groups(self) -> tuple[Group, ...]:
        """Return all groups."""
        ...

    def token(self, token_id: str) -> Token | None:
        """Return a token."""
        ...

    def tokens(self) -> tuple[Token, ...]:
        """Return all tokens."""
        ...

    def waiting_size(self, owner: str) -> int:
        """Return the sizes of all waiting requests of an owner (an id) together."""
        ...

    def count_waiting(self, owner: str, most: int) -> int:
        """Count the waiting requests of an owner (an id), up to ``most``."""
        ...

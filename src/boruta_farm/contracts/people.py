"""The contracts about people: accounts, groups, tokens, who is calling, the audit.

They follow the rules of the others: each call names its caller, and one
who may not do what he asks meets ForbiddenError.
"""

from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Protocol

from boruta_farm.model.account import Account, AccountChange, Group, GroupChange, RunningJobs
from boruta_farm.model.audit import AuditEntry, AuditFilter, Note, Verification
from boruta_farm.model.caller import Caller
from boruta_farm.model.permission import Scope
from boruta_farm.model.sign_in import (
    Arrival,
    Departure,
    DeviceHandle,
    DeviceOutcome,
    DeviceSignIn,
    Identified,
    SignInProvider,
    Workload,
)
from boruta_farm.model.token import Issued, NewToken, Token
from boruta_farm.model.webhook import Webhook
from boruta_farm.model.wish import Refused, Wish


class Accounts(Protocol):
    """Who may use the farm."""

    async def list_accounts(self, caller: Caller) -> tuple[Account, ...]:
        """Return the accounts that the caller may see, by name."""
        ...

    async def get_account(self, caller: Caller, name: str) -> Account:
        """Return one account. Raises AccountNotFoundError."""
        ...

    async def save_account(self, caller: Caller, name: str, change: AccountChange) -> Account:
        """Change an account, or make it, and return it.

        The farm's first account must be an admin: from then on every call needs a token.
        Its waiting requests are judged anew within a second: cancelled if it may not be lent
        boards any more, else kept for its present groups. So are its running jobs, at once.
        Raises AccountError, GroupNotFoundError, SSHKeyError.
        """
        ...

    async def webhook(self, caller: Caller) -> Webhook:
        """Return the caller's own webhook with the secret that signs its messages.

        Raises ForbiddenError, and AccountNotFoundError in a farm without users.
        """
        ...

    async def remove_account(
        self, caller: Caller, name: str, running_jobs: RunningJobs = RunningJobs.END
    ) -> None:
        """Remove an account and its tokens; its waiting requests are cancelled within a second.

        Raises AccountNotFoundError, and AccountError for the last admin.
        """
        ...

    async def list_groups(self, caller: Caller) -> tuple[Group, ...]:
        """Return all groups by name."""
        ...

    async def save_group(self, caller: Caller, name: str, change: GroupChange) -> Group:
        """Change a group, or make it, and return it. Raises AccountError."""
        ...

    async def remove_group(self, caller: Caller, name: str) -> None:
        """Remove a group. Raises GroupNotFoundError, and AccountError while it has members."""
        ...

    async def rehearse(self, caller: Caller, wishes: tuple[Wish, ...]) -> tuple[Refused, ...]:
        """Return which wishes would be refused, each after those before it; nothing is changed.

        Raises LimitError for more than ``MOST_WISHES``.
        """
        ...


class Tokens(Protocol):
    """What accounts prove themselves with."""

    async def list_tokens(self, caller: Caller, account: str | None = None) -> tuple[Token, ...]:
        """Return the tokens that the caller may see, of one account or of all."""
        ...

    async def issue(self, caller: Caller, new: NewToken) -> Issued:
        """Make a token; its secret is in this answer and nowhere else.

        Raises AccountNotFoundError and TokenError.
        """
        ...

    async def revoke(self, caller: Caller, token_id: str) -> None:
        """Make a token worthless before this returns. Raises TokenNotFoundError."""
        ...

    async def invite(self, caller: Caller, name: str, change: AccountChange) -> Issued:
        """Save an account as ``Accounts.save_account`` does, with a one-time token for it.

        An earlier one-time token of the account is void.
        """
        ...

    async def login(self, secret: str, source: str, name: str) -> Issued:
        """Exchange a one-time token for a personal one called ``name``.

        Raises UnauthenticatedError when it is unknown, used or too old.
        """
        ...

    async def sign_in(self, secret: str, source: str, lasts: timedelta) -> Issued:
        """Make the token of a browser's session out of another, which is used up if one-time.

        It carries the other's scope, ends with it, and at the latest after ``lasts``. Raises
        UnauthenticatedError.
        """
        ...


class Vouching(Protocol):
    """What the farm does on the word of those who vouch for people and for jobs of CI systems."""

    async def enter(
        self, person: Identified, name: str | None, source: str, refresh: bytes = b""
    ) -> Issued:
        """Sign a person in; his account is made at the first time.

        ``name`` is the token's, None that of a browser's session. ``refresh`` is what the provider
        is asked again with, sealed. Raises UnauthenticatedError, AccountError, TokenError.
        """
        ...

    async def vouch_again(self, token_id: str, person: Identified, refresh: bytes) -> None:
        """Take in what a provider says again of somebody who is signed in.

        Raises UnauthenticatedError, AccountError.
        """
        ...

    async def unvouched(self, token_id: str, reason: str) -> None:
        """End a sign-in that its provider does not vouch for any more."""
        ...

    async def admit_workload(self, workload: Workload, source: str) -> Issued:
        """Make a short token for a job of a CI system. Raises UnauthenticatedError."""
        ...

    def vouched(self) -> tuple[Token, ...]:
        """Return the tokens whose providers can be asked again, those longest not judged first."""
        ...


class SignIns(Protocol):
    """Signing in by those who vouch for others: OpenID Connect providers and CI systems.

    All calls raise ProviderNotFoundError for a provider that is not configured,
    ProviderUnreachableError where it does not answer as it should, and SignInRefusedError for what
    is not to be believed.
    """

    def providers(self) -> tuple[SignInProvider, ...]:
        """Return the providers that people can sign in by."""
        ...

    async def depart(self, provider: str, place: str) -> Departure:
        """Return where a browser goes, and what it shall bring back; ``place`` is where to then."""
        ...

    async def arrive(
        self, provider: str, kept: str, told: Mapping[str, str], source: str
    ) -> Arrival:
        """Sign in who came back with what he was given (``kept``) and what the provider told."""
        ...

    async def begin_device(self, provider: str) -> DeviceSignIn:
        """Ask the provider for a code that somebody confirms in a browser."""
        ...

    async def ask_device(self, provider: str, asked: DeviceHandle, source: str) -> DeviceOutcome:
        """Sign in once the code was confirmed."""
        ...

    async def exchange(self, token: str, source: str) -> Issued:
        """Make a short token of one that a CI system has given to its job."""
        ...


class PeopleGate(Protocol):
    """Tells who is calling, from memory, within microseconds."""

    @property
    def open(self) -> bool:
        """Tell whether the farm knows no users, so that everybody is the local admin."""
        ...

    def admit(self, secret: str | None, source: str) -> Caller:
        """Return the caller whose token this is, or whom the source's network stands for.

        Raises UnauthenticatedError. A token revoked by a committed change is not admitted.
        """
        ...

    def recognises(self, secret: str) -> bool:
        """Tell whether this is the text of a token that can still be used, whatever it is for."""
        ...

    def speak_for(self, account: str, scope: Scope, source: str) -> Caller:
        """Return the caller for whom our own front door speaks: the account of this id.

        Raises UnauthenticatedError when there is none, or it can do nothing.
        """
        ...

    def has_token(self, account: str, token: str) -> bool:
        """Tell whether an account has a token of this id that can still be used."""
        ...

    def account_named(self, name: str) -> Account | None:
        """Return the account of this name, whether it can be used or not."""
        ...

    def holders(self, key: str) -> tuple[Account, ...]:
        """Return the accounts that can be used and have this SSH key, by name."""
        ...

    def turned_away(self, caller: Caller) -> Awaitable[None]:
        """Return what ends once the caller would not be admitted any more."""
        ...


class Audit(Protocol):
    """What was done, by whom."""

    async def list_entries(self, caller: Caller, where: AuditFilter) -> tuple[AuditEntry, ...]:
        """Return entries in their order."""
        ...

    async def verify(self, caller: Caller) -> Verification:
        """Check the whole chain."""
        ...

    async def note(self, note: Note) -> None:
        """Enter something that changes no record, such as a failed login."""
        ...

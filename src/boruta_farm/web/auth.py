"""Who makes a call: the one place where a connection becomes a caller."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.types import Scope

from boruta_farm.clock import Clock
from boruta_farm.contracts.people import Accounts, Audit, PeopleGate, Tokens
from boruta_farm.model.addresses import canonical, network_of
from boruta_farm.model.audit import UNKNOWN, Action, Note
from boruta_farm.model.caller import AGENT_NAME, Caller
from boruta_farm.model.errors import TooManyCallsError, UnauthenticatedError
from boruta_farm.model.permission import Permission, Role
from boruta_farm.model.permission import Scope as TokenScope
from boruta_farm.model.token import token_id
from boruta_farm.rate import Rate
from boruta_farm.web.cookies import session_of
from boruta_farm.web.headers import presented
from boruta_farm.web.penalties import Penalties

NOTED_PER_SECOND = 0.5
NOTED_AT_ONCE = 30.0
"""Failed attempts that are entered into the audit one by one; more are only counted.

The audit is cut off by number too: who fills it must not drive out of it what others did.
"""
CHANGES_PER_SECOND = 1.0
CHANGES_AT_ONCE = 60.0
"""What an account may change of itself, its tokens included, and may have entered of its acts."""

ENTERED = frozenset({Permission.MANAGE_SELF, Permission.NOTE_ACTS})
"""What fills the audit as often as somebody likes."""

BODY_OF_A_CALL = 512
"""Bytes of a body that count as one call: what a large one says takes as much longer to read."""

NOBODY = Caller(id="", name="", groups=frozenset(), role=Role.VIEWER, scope=TokenScope.READ)
"""The caller of what is public."""

_AUTHORIZATION = b"authorization"
_AGENT = b"boruta-agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Carry the contracts about people that the API talks to."""

    gate: PeopleGate
    accounts: Accounts
    tokens: Tokens
    audit: Audit


class Entrance:
    """Admit callers, make those wait who call too often or keep failing, and enter failures.

    A call with a good token is never held up by the failures of others at the same address.
    Nothing is limited on a farm without users.
    """

    def __init__(
        self,
        people: People,
        clock: Clock,
        source_rate: float,
        account_rate: float,
        servers: Callable[[], int] = lambda: 1,
    ) -> None:
        self._people = people
        self._sources = Rate(clock, source_rate, "this address", servers=servers)
        self._accounts = Rate(clock, account_rate, "this account", servers=servers)
        self._penalties = Penalties(clock)
        self._noted = Rate(clock, NOTED_PER_SECOND, "everywhere", NOTED_AT_ONCE)
        self._changes = Rate(
            clock, CHANGES_PER_SECOND, "this account that change itself", CHANGES_AT_ONCE
        )
        self._unnoted = 0

    async def admit(self, scope: Scope, permission: Permission) -> Caller:
        """Return the caller of a call that needs this permission.

        Raises UnauthenticatedError, ForbiddenError, TooManyCallsError.
        """
        gate = self._people.gate
        came_from = source_of(scope)
        behalf = behalf_of(scope)
        if behalf is not None:
            caller = gate.speak_for(behalf.account, behalf.scope, came_from)
            if permission is not Permission.PUBLIC:
                caller.require(permission)
            return caller
        if gate.open:
            return _for_whom(gate.admit(None, came_from), scope)
        secret = token_of(scope)
        if secret is None or not gate.recognises(secret):
            # Whoever has a good token is told apart from others at his address: by that.
            self._sources.take(network_of(came_from))
        elif permission is Permission.PUBLIC:
            self._accounts.take(f"token {token_id(secret)}")
        if permission is Permission.PUBLIC:
            return NOBODY
        try:
            caller = gate.admit(secret, came_from)
        except UnauthenticatedError as refusal:
            if secret is not None:
                self._penalties.check(network_of(came_from))
                await self.failed(came_from, secret, refusal)
            raise
        self._accounts.take(caller.id)
        caller.require(permission)
        if permission in ENTERED and caller.role is not Role.ADMIN:
            self._changes.take(caller.id)
        return _for_whom(caller, scope)

    def weigh(self, scope: Scope, caller: Caller, worth: int) -> None:
        """Count a call as several. Raises TooManyCallsError."""
        if not worth or self._people.gate.open or behalf_of(scope) is not None:
            return
        if caller is NOBODY:
            self._sources.take(network_of(source_of(scope)), worth)
        else:
            self._accounts.take(caller.id, worth)

    def still_admitted(self, scope: Scope, caller: Caller, permission: Permission) -> None:
        """Refuse a caller who was turned away, or lost this right, since the call began.

        Raises UnauthenticatedError, ForbiddenError.
        """
        behalf = behalf_of(scope)
        gate, came_from = self._people.gate, source_of(scope)
        if behalf is not None:
            found = gate.speak_for(behalf.account, behalf.scope, came_from)
        else:
            found = gate.admit(token_of(scope), came_from)
        if found.id != caller.id:
            raise UnauthenticatedError
        found.require(permission)

    async def turned_away(self, caller: Caller) -> None:
        """Return once the caller would not be admitted any more."""
        await self._people.gate.turned_away(caller)

    def check_penalty(self, came_from: str, secret: str) -> None:
        """Raise TooManyCallsError while a source has to wait for its failures.

        A good token never waits for those of others at the same address.
        """
        if not self._people.gate.recognises(secret):
            self._penalties.check(network_of(came_from))

    async def failed(self, came_from: str, secret: str, refusal: UnauthenticatedError) -> None:
        """Count a failed attempt with a token, and enter it as ``refused`` does."""
        number = token_id(secret)
        subject = f"token {number[:40]}" if number else "no token of ours"
        await self.refused(came_from, subject, refusal.message)

    async def refused(self, came_from: str, subject: str, reason: str) -> None:
        """Count a failed attempt, and enter the 1st, 2nd, 4th ... of a source, so many in all."""
        count = self._penalties.failed(network_of(came_from))
        try:
            if count & (count - 1):
                self._unnoted += 1
                return
            self._noted.take("")
        except TooManyCallsError:
            self._unnoted += 1
            return
        detail = {"reason": reason}
        if self._unnoted:
            detail["unnoted before"] = str(self._unnoted)
            self._unnoted = 0
        note = Note(
            actor=UNKNOWN,
            source=came_from,
            action=Action.LOGIN_FAILED,
            subject=subject,
            detail=detail,
        )
        await self._people.audit.note(note)


def _for_whom(caller: Caller, scope: Scope) -> Caller:
    """Return the caller with the program that says it acts for him, where it says so in words."""
    for name, value in scope["headers"]:
        if name == _AGENT:
            told = str(value, "latin-1").strip()
            return replace(caller, agent=told) if AGENT_NAME.fullmatch(told) else caller
    return caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Behalf:
    """Name the account for which our own front door calls, and how much of its rights it uses."""

    account: str
    scope: TokenScope


BEHALF = "boruta.behalf"
"""Where a call's ASGI scope holds it; only what serves the local socket puts it there."""


def behalf_of(scope: Scope) -> Behalf | None:
    """Return for whom a call is made by our own front door, None for everybody else's."""
    found = scope.get(BEHALF)
    return found if isinstance(found, Behalf) else None


def source_of(scope: Scope) -> str:
    """Return the address that a call came from in its one spelling, empty where it is not known."""
    client = scope.get("client")
    return canonical(str(client[0])) if client else ""


def token_of(scope: Scope) -> str | None:
    """Return the call's token, which may come as a Basic password or a session's cookie too."""
    for name, value in scope["headers"]:
        if name == _AUTHORIZATION:
            return presented(str(value, "latin-1"))
    return session_of(scope)


def by_cookie(scope: Scope) -> bool:
    """Tell whether a call proves its caller with what a browser sends by itself."""
    named = any(name == _AUTHORIZATION for name, _ in scope["headers"])
    return not named and session_of(scope) is not None

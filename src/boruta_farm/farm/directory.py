"""Everybody the farm knows, in memory: tells who is calling without asking the database."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NoReturn

from boruta_farm.clock import Clock
from boruta_farm.model.account import Account, Group, Limits, effective_limits
from boruta_farm.model.addresses import Network, parse_ip, parse_network, within
from boruta_farm.model.caller import FRONT_DOOR, LOCAL_ADMIN, Caller
from boruta_farm.model.errors import UnauthenticatedError
from boruta_farm.model.events import Change, Identity
from boruta_farm.model.permission import Scope
from boruta_farm.model.spelling import alike
from boruta_farm.model.token import Token, TokenKind, matches, token_id
from boruta_farm.store.base import Store

SPEAKING = frozenset({TokenKind.PERSONAL, TokenKind.SERVICE})
"""Kinds of tokens that calls are made with."""


class Directory:
    """Hold all accounts, groups and tokens, folding each committed change before it is answered.

    So a token that was revoked is worthless when the call that revoked it returns. ``load``
    before use; ``follow`` reads everything anew when the outcome of a COMMIT was in doubt, and when
    another server has changed somebody. With
    ``wanted`` calls need a token even while there is no account yet. ``owner_limits`` are the
    numbers of jobs that the configuration allows accounts, by their names.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        wanted: bool = False,
        owner_limits: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._store = store
        self._clock = clock
        self._wanted = wanted
        self._owner_limits = owner_limits
        self._accounts: dict[str, Account] = {}
        self._named: dict[str, Account] = {}
        self._groups: dict[str, Group] = {}
        self._keys: dict[str, set[str]] = {}
        self._tokens: dict[str, Token] = {}
        self._recognised: dict[str, str] = {}
        self._secrets: dict[str, str] = {}
        self._networks: list[tuple[Network, Account]] = []
        self._job_limits: Mapping[str, int] = {}
        self._changed = asyncio.Event()
        self._doubt = asyncio.Event()
        store.listen(self.fold)
        store.on_doubt(self._doubt.set)
        store.on_people_elsewhere(self._doubt.set)

    async def load(self) -> None:
        """Read everybody. A change that comes while reading is folded again afterwards."""
        missed: list[Change] = []

        def keep(changes: tuple[Change, ...]) -> None:
            missed.extend(changes)

        self._store.listen(keep)
        try:
            people = await self._store.people()
        finally:
            self._store.forget(keep)
        self._accounts.clear()
        self._named.clear()
        self._groups.clear()
        self._keys.clear()
        self._tokens.clear()
        self._recognised.clear()
        self._secrets.clear()
        for record in people.records:
            self._put(record)
        self._count_limits()
        self._find_networks()
        self.fold(tuple(change for change in missed if change.event.number > people.number))
        self._wake()

    def alike(self) -> list[tuple[str, ...]]:
        """Return names of accounts, and of groups, that differ in nothing but case and the like."""
        return [*alike(self._named), *alike(self._groups)]

    async def follow(self) -> NoReturn:
        """Read everybody anew whenever it is in doubt what was committed."""
        while True:
            await self._doubt.wait()
            self._doubt.clear()
            try:
                await self.load()
            except BaseException:
                # Whoever starts this again must not wait for the next change: one was missed.
                self._doubt.set()
                raise

    def fold(self, changes: tuple[Change, ...]) -> None:
        """Take in a committed batch; costs what has changed, not what is known."""
        touched = False
        for change in changes:
            record = change.identity
            if record is None:
                continue
            touched = True
            if change.event.kind.removes:
                self._remove(record)
            else:
                self._put(record)
            if isinstance(record, Account):
                self._count_limit(record.id)
                self._find_networks()
            elif isinstance(record, Group):
                self._count_limits()
        if touched:
            self._wake()

    @property
    def open(self) -> bool:
        """Tell whether the farm knows no users, so that everybody is the local admin."""
        return not self._wanted and not self._accounts

    def admit(self, secret: str | None, source: str) -> Caller:
        """Return the caller whose token this is, or whom the source's network stands for.

        Raises UnauthenticatedError, whose words do not tell a wrong token from an unknown one.
        """
        if self.open:
            return LOCAL_ADMIN
        if secret is None:
            return self._without_token(source)
        token = self._tokens.get(self._recognised.get(secret, "")) or self._recognise(secret)
        if token.expires <= self._clock.now():
            raise UnauthenticatedError(
                f"the token {token.id} has expired; sign in again: boruta login"
            )
        account = self._accounts.get(token.account)
        if account is None or account.disabled:
            raise UnauthenticatedError(
                f"the account {token.account_name} cannot be used at present"
            )
        return _caller(account, token.scope, token.id, source)

    def speak_for(self, account: str, scope: Scope, source: str) -> Caller:
        """Return the caller for whom our own front door speaks: the account of this id.

        Raises UnauthenticatedError when there is none, or it can do nothing.
        """
        if account == FRONT_DOOR.id:
            return FRONT_DOOR
        if self.open:
            return LOCAL_ADMIN
        known = self._accounts.get(account)
        if known is None or known.disabled:
            raise UnauthenticatedError("this account cannot be used at present")
        return replace(_caller(known, scope, None, source), by_door=True)

    def has_token(self, account: str, token: str) -> bool:
        """Tell whether an account has a token of this id that can still be used."""
        known = self._tokens.get(token)
        return known is not None and known.account == account and known.expires > self._clock.now()

    def holders(self, key: str) -> tuple[Account, ...]:
        """Return the accounts that can be used and have this SSH key, by name."""
        found = [self._accounts[number] for number in self._keys.get(_plain(key), ())]
        return tuple(sorted((a for a in found if not a.disabled), key=lambda a: a.name))

    def recognises(self, secret: str) -> bool:
        """Tell whether this is the text of a token that can still be used, whatever it is for."""
        known = self._recognised.get(secret)
        token = self._tokens.get(known or token_id(secret) or "")
        if token is None or token.expires <= self._clock.now():
            return False
        return known is not None or matches(secret, token.digest)

    def account(self, account_id: str) -> Account | None:
        """Return the account of this id."""
        return self._accounts.get(account_id)

    def account_named(self, name: str) -> Account | None:
        """Return the account of this name."""
        return self._named.get(name)

    def group(self, name: str) -> Group | None:
        """Return a group."""
        return self._groups.get(name)

    def accounts(self) -> tuple[Account, ...]:
        """Return all accounts by name."""
        return tuple(self._named[name] for name in sorted(self._named))

    def groups(self) -> tuple[Group, ...]:
        """Return all groups by name."""
        return tuple(self._groups[name] for name in sorted(self._groups))

    def tokens(self) -> tuple[Token, ...]:
        """Return all tokens, the oldest first."""
        return tuple(sorted(self._tokens.values(), key=lambda token: (token.created, token.id)))

    def job_limits(self) -> Mapping[str, int]:
        """Return how many jobs an owner (an id) may hold at once, for those that are limited.

        An account's own limit goes before the configured one.
        """
        return self._job_limits

    async def turned_away(self, caller: Caller) -> None:
        """Return once the caller would not be admitted any more: revoked, expired, disabled."""
        while self._still_admitted(caller):
            changed = self._changed
            token = self._tokens.get(caller.token or "")
            left = None
            if token is not None:
                left = max(0.0, (token.expires - self._clock.now()).total_seconds())
            try:
                async with asyncio.timeout(left):
                    await changed.wait()
            except TimeoutError:
                continue

    def _still_admitted(self, caller: Caller) -> bool:
        if caller.groups is None:
            return self.open
        if caller is FRONT_DOOR:
            return True
        account = self._accounts.get(caller.id)
        if account is None or account.disabled:
            return False
        if caller.token is None:
            return caller.by_door or self._at(caller.source) is account
        return self.has_token(caller.id, caller.token)

    def _recognise(self, secret: str) -> Token:
        """Check a secret, once: afterwards its text stands for the check."""
        token = self._tokens.get(token_id(secret) or "")
        if token is None or not matches(secret, token.digest):
            raise UnauthenticatedError(
                "this token is not known here: it was revoked, or belongs to another farm; "
                "sign in again: boruta login"
            )
        if token.kind not in SPEAKING:
            what, use = "join", "dryad join"
            if token.kind is TokenKind.ONCE:
                what, use = "one-time", "boruta login"
            raise UnauthenticatedError(f"this is a {what} token; it is for {use} only")
        self._recognised[secret] = token.id
        self._secrets[token.id] = secret
        return token

    def _without_token(self, source: str) -> Caller:
        account = self._at(source)
        if account is None:
            raise UnauthenticatedError
        return _caller(account, Scope.REQUEST, None, source)

    def _at(self, source: str) -> Account | None:
        """Return the account that calls from an address are of, without a token."""
        address = parse_ip(source)
        return next((a for network, a in self._networks if within(address, (network,))), None)

    def _limits(self, account: Account) -> Limits:
        groups = [self._groups[name].limits for name in account.groups if name in self._groups]
        return effective_limits(account.limits, groups)

    def _put(self, record: Identity) -> None:
        if isinstance(record, Account):
            known = self._accounts.get(record.id)
            if known is not None:
                del self._named[known.name]
                self._forget_keys(known)
            for line in record.ssh_keys:
                self._keys.setdefault(_plain(line), set()).add(record.id)
            self._accounts[record.id] = self._named[record.name] = record
        elif isinstance(record, Group):
            self._groups[record.name] = record
        else:
            self._tokens[record.id] = record

    def _remove(self, record: Identity) -> None:
        if isinstance(record, Account):
            self._forget_keys(self._accounts.pop(record.id, record))
            self._named.pop(record.name, None)
        elif isinstance(record, Group):
            self._groups.pop(record.name, None)
        else:
            self._tokens.pop(record.id, None)
            self._recognised.pop(self._secrets.pop(record.id, ""), None)

    def _forget_keys(self, account: Account) -> None:
        for key in map(_plain, account.ssh_keys):
            holders = self._keys.get(key, set())
            holders.discard(account.id)
            if not holders:
                self._keys.pop(key, None)

    def _count_limits(self) -> None:
        found = {number: self._jobs(account) for number, account in self._accounts.items()}
        found[LOCAL_ADMIN.id] = self._owner_limits.get(LOCAL_ADMIN.name)
        self._job_limits = {number: jobs for number, jobs in found.items() if jobs is not None}

    def _jobs(self, account: Account) -> int | None:
        jobs = self._limits(account).jobs
        return self._owner_limits.get(account.name) if jobs is None else jobs

    def _count_limit(self, number: str) -> None:
        """Take in one account's limit; who compares meets another object only after a change."""
        account = self._accounts.get(number)
        jobs = None if account is None else self._jobs(account)
        if jobs == self._job_limits.get(number):
            return
        limits = dict(self._job_limits)
        if jobs is None:
            del limits[number]
        else:
            limits[number] = jobs
        self._job_limits = limits

    def _find_networks(self) -> None:
        networks = [
            (parse_network(text), account)
            for account in self._accounts.values()
            if account.networks and not account.disabled
            for text in account.networks
        ]
        # The narrowest network speaks first.
        self._networks = sorted(networks, key=lambda found: (-found[0].prefixlen, found[1].name))

    def _wake(self) -> None:
        """Let those look again who wait for somebody to be turned away."""
        self._changed.set()
        self._changed = asyncio.Event()


def _plain(key: str) -> str:
    """Return type and body of a public key's line, without its comment."""
    return " ".join(key.split(None, 2)[:2])


def _caller(account: Account, scope: Scope, token: str | None, source: str) -> Caller:
    return Caller(
        id=account.id,
        name=account.name,
        groups=frozenset(account.groups),
        role=account.role,
        scope=scope,
        token=token,
        source=source,
    )

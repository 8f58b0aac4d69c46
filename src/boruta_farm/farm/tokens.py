"""The contract Tokens in process: here tokens get their random part."""

import secrets
from datetime import datetime, timedelta

from boruta_farm.core import identities
from boruta_farm.core import tokens as core
from boruta_farm.core.accounts import save_account
from boruta_farm.core.plan import Plan
from boruta_farm.core.world import World
from boruta_farm.farm.directory import Directory
from boruta_farm.farm.engine import Engine
from boruta_farm.model.account import Account, AccountChange
from boruta_farm.model.caller import Caller
from boruta_farm.model.permission import Permission, RoleReach
from boruta_farm.model.sign_in import Identified, Workload
from boruta_farm.model.token import Issued, NewToken, Token, TokenKind, compose, digest_of

ID_BYTES = 5
RANDOM_BYTES = 32


class FarmTokens:
    """Issue, show, exchange and revoke tokens."""

    def __init__(self, engine: Engine, directory: Directory) -> None:
        self._engine = engine
        self._directory = directory

    async def list_tokens(self, caller: Caller, account: str | None = None) -> tuple[Token, ...]:
        """Return the tokens that the caller may see, of one account or of all."""
        reach = caller.require(Permission.SEE_PEOPLE)
        return tuple(
            token
            for token in self._directory.tokens()
            if (reach is RoleReach.ALL or token.account == caller.id)
            and (account is None or token.account_name == account)
        )

    async def issue(self, caller: Caller, new: NewToken) -> Issued:
        """Make a token; its secret is in this answer and nowhere else."""
        number, secret, digest = _minted(new.kind)
        token = await self._engine.decide(
            lambda world, now: core.issue(world, caller, new, number, digest, now), caller
        )
        return Issued(token=token, secret=secret)

    async def revoke(self, caller: Caller, token_id: str) -> None:
        """Make a token worthless before this returns."""
        await self._engine.decide(lambda world, _now: core.revoke(world, caller, token_id), caller)

    async def login(self, secret: str, source: str, name: str) -> Issued:
        """Exchange a one-time token for a personal one called ``name``."""
        number, fresh, digest = _minted(TokenKind.PERSONAL)
        token = await self._engine.decide(
            lambda world, now: core.login(world, secret, number, digest, name, source, now)
        )
        return Issued(token=token, secret=fresh)

    async def sign_in(self, secret: str, source: str, lasts: timedelta) -> Issued:
        """Make the token of a browser's session out of another."""
        number, fresh, digest = _minted(TokenKind.PERSONAL)
        token = await self._engine.decide(
            lambda world, now: core.sign_in(world, secret, number, digest, source, lasts, now)
        )
        return Issued(token=token, secret=fresh)

    async def enter(
        self, person: Identified, name: str | None, source: str, refresh: bytes = b""
    ) -> Issued:
        """Sign a person in on his provider's word."""
        number, fresh, digest = _minted(TokenKind.PERSONAL)
        called = core.SESSION if name is None else name
        token = await self._engine.decide(
            lambda world, now: identities.enter(
                world, person, number, digest, called, source, now, refresh
            )
        )
        return Issued(token=token, secret=fresh)

    async def vouch_again(self, token_id: str, person: Identified, refresh: bytes) -> None:
        """Take in what a provider says again of somebody who is signed in by it."""
        await self._engine.decide(
            lambda world, now: identities.vouch_again(world, token_id, person, refresh, now)
        )

    async def unvouched(self, token_id: str, reason: str) -> None:
        """End a sign-in that its provider does not vouch for any more."""
        await self._engine.decide(lambda world, _now: identities.unvouched(world, token_id, reason))

    async def admit_workload(self, workload: Workload, source: str) -> Issued:
        """Make a short token for a job of a CI system."""
        number, fresh, digest = _minted(TokenKind.SERVICE)
        token = await self._engine.decide(
            lambda world, now: identities.admit_workload(
                world, workload, number, digest, source, now
            )
        )
        return Issued(token=token, secret=fresh)

    def vouched(self) -> tuple[Token, ...]:
        """Return the tokens whose providers can be asked again, those longest not judged first."""
        found = [token for token in self._directory.tokens() if token.refresh]
        return tuple(sorted(found, key=lambda token: (token.judged or token.created, token.id)))

    async def invite(self, caller: Caller, name: str, change: AccountChange) -> Issued:
        """Save an account and make a one-time token for it, which replaces an earlier one."""
        number, secret, digest = _minted(TokenKind.ONCE)

        def decide(world: World, now: datetime) -> Plan[tuple[Account, Token]]:
            saved = save_account(world, caller, name, change, now)
            return core.invite(world, caller, saved, number, digest, now)

        _, token = await self._engine.decide(decide, caller)
        return Issued(token=token, secret=secret)

    async def begin(self) -> Issued | None:
        """Make the first admin's one-time token; None once somebody has signed in."""
        number, secret, digest = _minted(TokenKind.ONCE)

        def decide(world: World, now: datetime) -> Plan[Token | None]:
            return core.begin(world, number, digest, now)

        token = await self._engine.decide(decide)
        return None if token is None else Issued(token=token, secret=secret)

    async def use(self, secret: str, kind: TokenKind, worker: str) -> Token:
        """Take one use of a counted token for a board. Raises UnauthenticatedError."""
        return await self._engine.decide(
            lambda world, now: core.use(world, secret, kind, worker, now)
        )


def _minted(kind: TokenKind) -> tuple[str, str, str]:
    """Return a new token's id, its secret text and that text's digest."""
    number = secrets.token_hex(ID_BYTES)
    secret = compose(kind, number, secrets.token_urlsafe(RANDOM_BYTES))
    return number, secret, digest_of(secret)

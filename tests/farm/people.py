"""A farm that knows people, in one process and without boards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from boruta_farm.farm.assembly import AssembledFarm
from boruta_farm.model.account import AccountChange, GroupChange
from boruta_farm.model.caller import Caller
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.token import Issued, NewToken, TokenKind
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.testing.boards import SimulatedBoards
from boruta_farm.testing.simulation import PlainCipher
from tests.store.making import HandClock

SOURCE = "192.0.2.7"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopledFarm:
    """Carry the farm, its store and its clock."""

    farm: AssembledFarm
    store: SqliteStore
    clock: HandClock

    async def admin(self) -> Caller:
        """Sign the first admin in and return him as a caller."""
        begun = await self.farm.tokens.begin()
        assert begun is not None
        issued = await self.farm.tokens.login(begun.secret, SOURCE, "desk")
        return self.farm.directory.admit(issued.secret, SOURCE)

    async def account(
        self,
        by: Caller,
        name: str,
        *groups: str,
        role: Role = Role.USER,
        scope: Scope = Scope.ADMIN,
    ) -> Issued:
        """Make an account with its groups and return a token of it."""
        for group in groups:
            await self.farm.accounts.save_group(by, group, GroupChange())
        change = AccountChange(role=role, groups=groups)
        await self.farm.accounts.save_account(by, name, change)
        new = NewToken(account=name, kind=TokenKind.SERVICE, scope=scope, name="test")
        return await self.farm.tokens.issue(by, new)


@asynccontextmanager
async def peopled_farm(
    path: Path, *, users: bool = True, settings: FarmSettings | None = None
) -> AsyncIterator[PeopledFarm]:
    """Run a farm's store, directory included, for the block."""
    clock = HandClock()
    settings = settings or FarmSettings()
    store = SqliteStore(path / "farm.db", clock, settings, inline=True)
    await store.start()
    try:
        links = SimulatedBoards(clock)
        farm = AssembledFarm(store, settings, clock, PlainCipher(), links, users=users)
        await farm.directory.load()
        yield PeopledFarm(farm=farm, store=store, clock=clock)
    finally:
        await store.close()

"""The contract Accounts in process."""

from dataclasses import replace

from boruta_farm.contracts import Cipher
from boruta_farm.core import accounts as core
from boruta_farm.core.permissions import may_see_account
from boruta_farm.farm.directory import Directory
from boruta_farm.farm.engine import Engine
from boruta_farm.farm.rehearsing import rehearse
from boruta_farm.model.account import Account, AccountChange, Group, GroupChange, RunningJobs
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import AccountNotFoundError
from boruta_farm.model.permission import Permission, RoleReach
from boruta_farm.model.webhook import Webhook, purpose_of, secret_text
from boruta_farm.model.wish import Refused, Wish


class FarmAccounts:
    """Show and change accounts and groups."""

    def __init__(self, engine: Engine, directory: Directory, cipher: Cipher) -> None:
        self._engine = engine
        self._directory = directory
        self._cipher = cipher

    async def list_accounts(self, caller: Caller) -> tuple[Account, ...]:
        """Return the accounts that the caller may see, by name."""
        caller.require(Permission.SEE_PEOPLE)
        return tuple(
            _seen_by(caller, a) for a in self._directory.accounts() if may_see_account(caller, a)
        )

    async def get_account(self, caller: Caller, name: str) -> Account:
        """Return one account."""
        found = core.visible_account(caller, name, self._directory.account_named(name))
        return _seen_by(caller, found)

    async def save_account(self, caller: Caller, name: str, change: AccountChange) -> Account:
        """Change an account, or make it, and return it."""
        return await self._engine.decide(
            lambda world, now: core.save_account(world, caller, name, change, now), caller
        )

    async def webhook(self, caller: Caller) -> Webhook:
        """Return the caller's own webhook with the secret that signs its messages."""
        caller.require(Permission.MANAGE_SELF)
        account = self._directory.account(caller.id)
        if account is None:
            raise AccountNotFoundError("a farm without users has nobody's webhook; see: notify")
        secret = secret_text(self._cipher.derive(purpose_of(account.id)))
        return Webhook(url=account.notify, secret=secret)

    async def remove_account(
        self, caller: Caller, name: str, running_jobs: RunningJobs = RunningJobs.END
    ) -> None:
        """Remove an account and its tokens, and end or keep its running jobs."""
        await self._engine.decide(
            lambda world, now: core.remove_account(world, caller, name, now, running_jobs), caller
        )

    async def list_groups(self, caller: Caller) -> tuple[Group, ...]:
        """Return all groups by name."""
        caller.require(Permission.SEE_PEOPLE)
        return self._directory.groups()

    async def save_group(self, caller: Caller, name: str, change: GroupChange) -> Group:
        """Change a group, or make it, and return it."""
        return await self._engine.decide(
            lambda world, now: core.save_group(world, caller, name, change, now), caller
        )

    async def rehearse(self, caller: Caller, wishes: tuple[Wish, ...]) -> tuple[Refused, ...]:
        """Return which wishes would be refused; nothing is changed."""
        return await rehearse(self._engine, caller, wishes)

    async def remove_group(self, caller: Caller, name: str) -> None:
        """Remove a group that has no members."""
        await self._engine.decide(
            lambda world, _now: core.remove_group(world, caller, name), caller
        )


def _seen_by(caller: Caller, account: Account) -> Account:
    """Return an account without what only itself and admins may see: a webhook may be a secret."""
    everybodys = caller.reach(Permission.MANAGE_PEOPLE) is RoleReach.ALL
    own = caller.id == account.id
    return account if everybodys or own or not account.notify else replace(account, notify="")

"""The contract Accounts over HTTP."""

from urllib.parse import quote

from boruta_farm.client.channel import Channel
from boruta_farm.client.wire import body, read, read_all
from boruta_farm.model.account import (
    Account,
    AccountChange,
    Group,
    GroupChange,
    Removal,
    RunningJobs,
)
from boruta_farm.model.answers import Self
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import AccountNotFoundError, GroupNotFoundError
from boruta_farm.model.webhook import Webhook
from boruta_farm.model.wish import Refused, Wish


class HttpAccounts:
    """Show and change a server's accounts and groups."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def me(self) -> Self:
        """Return who this client is to the server."""
        return read(Self, (await self._channel.get("me")).body)

    async def list_accounts(self, caller: Caller) -> tuple[Account, ...]:
        """Return the accounts that the caller may see, by name."""
        answer = await self._channel.get("users/")
        return read_all(Account, answer.body)

    async def get_account(self, caller: Caller, name: str) -> Account:
        """Return one account."""
        return read(Account, (await self._channel.get(account_path(name))).body)

    async def save_account(self, caller: Caller, name: str, change: AccountChange) -> Account:
        """Change an account, or make it, and return it."""
        answer = await self._channel.post(account_path(name), body(change))
        return read(Account, answer.body)

    async def webhook(self, caller: Caller) -> Webhook:
        """Return the caller's own webhook with the secret that signs its messages."""
        return read(Webhook, (await self._channel.get("me/webhook")).body)

    async def remove_account(
        self, caller: Caller, name: str, running_jobs: RunningJobs = RunningJobs.END
    ) -> None:
        """Remove an account and its tokens, and end or keep its running jobs."""
        wanted = body(Removal(running_jobs=running_jobs))
        await self._channel.post(f"{account_path(name)}/remove", wanted)

    async def list_groups(self, caller: Caller) -> tuple[Group, ...]:
        """Return all groups by name."""
        answer = await self._channel.get("groups/")
        return read_all(Group, answer.body)

    async def rehearse(self, caller: Caller, wishes: tuple[Wish, ...]) -> tuple[Refused, ...]:
        """Return which wishes would be refused; nothing is changed."""
        answer = await self._channel.post("rehearse", [body(wish) for wish in wishes])
        return read_all(Refused, answer.body)

    async def save_group(self, caller: Caller, name: str, change: GroupChange) -> Group:
        """Change a group, or make it, and return it."""
        answer = await self._channel.post(_group_path(name), body(change))
        return read(Group, answer.body)

    async def remove_group(self, caller: Caller, name: str) -> None:
        """Remove a group."""
        await self._channel.post(f"{_group_path(name)}/remove")


def account_path(name: str) -> str:
    """Return an account's place. Raises AccountNotFoundError for what can be none's name."""
    if not name or name in (".", ".."):
        raise AccountNotFoundError
    return f"users/{quote(name, safe='')}"


def _group_path(name: str) -> str:
    if not name or name in (".", ".."):
        raise GroupNotFoundError
    return f"groups/{quote(name, safe='')}"

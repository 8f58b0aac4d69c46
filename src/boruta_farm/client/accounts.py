"""The contract Accounts over HTTP."""

from urllib.parse import quote

from boruta_farm.client.channel import Channel
from boruta_farm.client.fields import items
from boruta_farm.client.people import (
    Self,
    account_body,
    group_body,
    read_account,
    read_group,
    read_self,
)
from boruta_farm.model.account import Account, AccountChange, Group, GroupChange
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import AccountNotFoundError, GroupNotFoundError


class HttpAccounts:
    """Show and change a server's accounts and groups."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def me(self) -> Self:
        """Return who this client is to the server."""
        return read_self((await self._channel.get("me")).body)

    async def list_accounts(self, caller: Caller) -> tuple[Account, ...]:
        """Return the accounts that the caller may see, by name."""
        answer = await self._channel.get("users/")
        return tuple(map(read_account, items(answer.body)))

    async def get_account(self, caller: Caller, name: str) -> Account:
        """Return one account."""
        return read_account((await self._channel.get(account_path(name))).body)

    async def save_account(self, caller: Caller, name: str, change: AccountChange) -> Account:
        """Change an account, or make it, and return it."""
        answer = await self._channel.post(account_path(name), account_body(change))
        return read_account(answer.body)

    async def remove_account(self, caller: Caller, name: str) -> None:
        """Remove an account and its tokens."""
        await self._channel.post(f"{account_path(name)}/remove")

    async def list_groups(self, caller: Caller) -> tuple[Group, ...]:
        """Return all groups by name."""
        answer = await self._channel.get("groups/")
        return tuple(map(read_group, items(answer.body)))

    async def save_group(self, caller: Caller, name: str, change: GroupChange) -> Group:
        """Change a group, or make it, and return it."""
        answer = await self._channel.post(_group_path(name), group_body(change))
        return read_group(answer.body)

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

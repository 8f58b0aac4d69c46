"""Calls on accounts and groups."""

from typing import Any

from boruta_farm.contracts.people import Accounts, Tokens
from boruta_farm.model.account import (
    AccountChange,
    GroupChange,
    Limits,
    Removal,
    RunningJobs,
    effective_limits,
)
from boruta_farm.model.answers import Self
from boruta_farm.model.wish import MOST_WISHES, Wish
from boruta_farm.web.answers import encode, told, write
from boruta_farm.web.bodies import Reader
from boruta_farm.web.calls import JSON_TYPE, NO_CONTENT, Answer, Call, Header, Stream
from boruta_farm.web.lists import whole_list
from boruta_farm.web.shapes import body, list_body, recorder

ACCOUNT_BODY = Reader(body(AccountChange), strict=True)
ACCOUNT_CHANGE = recorder(AccountChange)
GROUP_CHANGE = recorder(GroupChange)
REMOVAL_BODY = Reader(body(Removal), strict=True)
REMOVAL = recorder(Removal)
GROUP_BODY = Reader(body(GroupChange), strict=True)
WISHES_BODY: Reader[list[Any]] = Reader(list_body(Wish, MOST_WISHES), strict=True)
WISH = recorder(Wish)

JSON: tuple[Header, ...] = (JSON_TYPE,)
SECRET: tuple[Header, ...] = (JSON_TYPE, (b"cache-control", b"no-store"))


class AccountCalls:
    """Answer the calls below ``users/`` and ``groups/``, and ``me``."""

    def __init__(self, accounts: Accounts, tokens: Tokens) -> None:
        self._accounts = accounts
        self._tokens = tokens

    async def me(self, call: Call) -> Answer:
        """Tell the caller who he is here."""
        caller = call.caller
        limits, token = Limits(), None
        if caller.groups is not None:
            account = await self._accounts.get_account(caller, caller.name)
            groups = await self._accounts.list_groups(caller)
            mine = [group.limits for group in groups if group.name in caller.groups]
            limits = effective_limits(account.limits, mine)
            tokens = await self._tokens.list_tokens(caller, caller.name)
            token = next((token for token in tokens if token.id == caller.token), None)
        who = Self(
            name=caller.name,
            role=caller.role,
            groups=None if caller.groups is None else tuple(sorted(caller.groups)),
            scope=caller.scope,
            limits=limits,
            token=token,
        )
        return Answer(status=200, headers=JSON, body=told(who))

    async def webhook(self, call: Call) -> Answer:
        """Tell the caller's own webhook."""
        found = await self._accounts.webhook(call.caller)
        return Answer(status=200, headers=SECRET, body=told(found))

    async def list(self, call: Call) -> Stream:
        """List the accounts that the caller may see."""
        found = await self._accounts.list_accounts(call.caller)
        return whole_list(found, told)

    async def get(self, call: Call) -> Answer:
        """Show an account."""
        account = await self._accounts.get_account(call.caller, call.parameter)
        return Answer(status=200, headers=JSON, body=told(account))

    async def save(self, call: Call) -> Answer:
        """Change an account, or make it."""
        change = ACCOUNT_CHANGE(ACCOUNT_BODY.read(call.body))
        saved = await self._accounts.save_account(call.caller, call.parameter, change)
        return Answer(status=200, headers=JSON, body=told(saved))

    async def invite(self, call: Call) -> Answer:
        """Change an account, or make it, with a one-time token for its owner."""
        sent = ACCOUNT_BODY.read(call.body) if call.body else None
        change = ACCOUNT_CHANGE(sent)
        issued = await self._tokens.invite(call.caller, call.parameter, change)
        return Answer(status=201, headers=SECRET, body=told(issued))

    async def remove(self, call: Call) -> Answer:
        """Remove an account, and end or keep its running jobs."""
        removal = REMOVAL(REMOVAL_BODY.read(call.body) if call.body else None)
        jobs = removal.running_jobs or RunningJobs.END
        await self._accounts.remove_account(call.caller, call.parameter, jobs)
        return NO_CONTENT

    async def list_groups(self, call: Call) -> Stream:
        """List all groups."""
        found = await self._accounts.list_groups(call.caller)
        return whole_list(found, told)

    async def save_group(self, call: Call) -> Answer:
        """Change a group, or make it."""
        change = GROUP_CHANGE(GROUP_BODY.read(call.body))
        saved = await self._accounts.save_group(call.caller, call.parameter, change)
        return Answer(status=200, headers=JSON, body=told(saved))

    async def rehearse(self, call: Call) -> Answer:
        """Tell which of some wishes would be refused."""
        wishes = tuple(map(WISH, WISHES_BODY.read(call.body) or ()))
        refused = await self._accounts.rehearse(call.caller, wishes)
        return Answer(status=200, headers=JSON, body=encode([write(each) for each in refused]))

    async def remove_group(self, call: Call) -> Answer:
        """Remove a group."""
        await self._accounts.remove_group(call.caller, call.parameter)
        return NO_CONTENT

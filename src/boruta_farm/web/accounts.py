"""Calls on accounts and groups."""

from boruta_farm.contracts.people import Accounts, Tokens
from boruta_farm.model.account import Limits, effective_limits
from boruta_farm.web.answers import encode
from boruta_farm.web.bodies import Reader
from boruta_farm.web.calls import JSON_TYPE, NO_CONTENT, Answer, Call, Header
from boruta_farm.web.people import (
    AccountBody,
    GroupBody,
    SelfAnswer,
    account_answer,
    account_change,
    group_answer,
    group_change,
    issued_answer,
    limits_answer,
    token_answer,
)

ACCOUNT_BODY = Reader(AccountBody, strict=True)
GROUP_BODY = Reader(GroupBody, strict=True)

JSON: tuple[Header, ...] = (JSON_TYPE,)
SECRET: tuple[Header, ...] = (JSON_TYPE, (b"cache-control", b"no-store"))
_NO_ACCOUNT_CHANGE = AccountBody()
_NO_GROUP_CHANGE = GroupBody()


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
        answer = SelfAnswer(
            name=caller.name,
            role=caller.role.value,
            groups=None if caller.groups is None else sorted(caller.groups),
            scope=caller.scope.value,
            limits=limits_answer(limits),
            token=None if token is None else token_answer(token),
        )
        return Answer(status=200, headers=JSON, body=encode(answer))

    async def list(self, call: Call) -> Answer:
        """List the accounts that the caller may see."""
        found = await self._accounts.list_accounts(call.caller)
        return Answer(status=200, headers=JSON, body=encode([account_answer(a) for a in found]))

    async def get(self, call: Call) -> Answer:
        """Show an account."""
        account = await self._accounts.get_account(call.caller, call.parameter)
        return Answer(status=200, headers=JSON, body=encode(account_answer(account)))

    async def save(self, call: Call) -> Answer:
        """Change an account, or make it."""
        body = ACCOUNT_BODY.read(call.body) or _NO_ACCOUNT_CHANGE
        saved = await self._accounts.save_account(call.caller, call.parameter, account_change(body))
        return Answer(status=200, headers=JSON, body=encode(account_answer(saved)))

    async def invite(self, call: Call) -> Answer:
        """Change an account, or make it, with a one-time token for its owner."""
        body = (ACCOUNT_BODY.read(call.body) if call.body else None) or _NO_ACCOUNT_CHANGE
        issued = await self._tokens.invite(call.caller, call.parameter, account_change(body))
        return Answer(status=201, headers=SECRET, body=encode(issued_answer(issued)))

    async def remove(self, call: Call) -> Answer:
        """Remove an account."""
        await self._accounts.remove_account(call.caller, call.parameter)
        return NO_CONTENT

    async def list_groups(self, call: Call) -> Answer:
        """List all groups."""
        found = await self._accounts.list_groups(call.caller)
        return Answer(status=200, headers=JSON, body=encode([group_answer(g) for g in found]))

    async def save_group(self, call: Call) -> Answer:
        """Change a group, or make it."""
        body = GROUP_BODY.read(call.body) or _NO_GROUP_CHANGE
        saved = await self._accounts.save_group(call.caller, call.parameter, group_change(body))
        return Answer(status=200, headers=JSON, body=encode(group_answer(saved)))

    async def remove_group(self, call: Call) -> Answer:
        """Remove a group."""
        await self._accounts.remove_group(call.caller, call.parameter)
        return NO_CONTENT

"""Calls on tokens, and signing in."""

from dataclasses import replace

from boruta_farm.contracts.people import Tokens
from boruta_farm.model.errors import UnauthenticatedError
from boruta_farm.model.token import NewToken
from boruta_farm.web.accounts import SECRET
from boruta_farm.web.answers import told
from boruta_farm.web.auth import Entrance, source_of
from boruta_farm.web.bodies import LoginBody, Reader
from boruta_farm.web.calls import NO_CONTENT, Answer, Call, Stream
from boruta_farm.web.headers import presented
from boruta_farm.web.lists import whole_list
from boruta_farm.web.shapes import body, recorder

TOKEN_BODY = Reader(body(NewToken), strict=True)
NEW_TOKEN = recorder(NewToken)
LOGIN_BODY = Reader(LoginBody, strict=True)


class TokenCalls:
    """Answer the calls below ``tokens/``, and ``login``."""

    def __init__(self, tokens: Tokens, entrance: Entrance) -> None:
        self._tokens = tokens
        self._entrance = entrance

    async def login(self, call: Call) -> Answer:
        """Exchange the one-time token in the Authorization header for a personal one."""
        wishes = (LOGIN_BODY.read(call.body) if call.body else None) or LoginBody()
        secret = presented(call.header(b"authorization"))
        if secret is None:
            raise UnauthenticatedError(
                "signing in takes the one-time token: 'Authorization: Bearer TOKEN'"
            )
        source = source_of(call.scope)
        self._entrance.check_penalty(source, secret)
        try:
            issued = await self._tokens.login(secret, source, wishes.name)
        except UnauthenticatedError as refusal:
            await self._entrance.failed(source, secret, refusal)
            raise
        return Answer(status=201, headers=SECRET, body=told(issued))

    async def list(self, call: Call) -> Stream:
        """List the tokens that the caller may see, of ``account`` only where given."""
        account = next(iter(call.query("account")), None)
        found = await self._tokens.list_tokens(call.caller, account)
        return whole_list(found, told)

    async def issue(self, call: Call) -> Answer:
        """Make a token; its secret is in this answer and nowhere else."""
        new = NEW_TOKEN(TOKEN_BODY.read(call.body))
        if not new.account:
            new = replace(new, account=call.caller.name)
        issued = await self._tokens.issue(call.caller, new)
        return Answer(status=201, headers=SECRET, body=told(issued))

    async def revoke(self, call: Call) -> Answer:
        """Make a token worthless."""
        await self._tokens.revoke(call.caller, call.parameter)
        return NO_CONTENT

"""The contract Tokens over HTTP."""

from urllib.parse import quote

from boruta_farm.client.accounts import account_path
from boruta_farm.client.channel import Channel
from boruta_farm.client.wire import body, read, read_all
from boruta_farm.model.account import AccountChange
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import TokenNotFoundError
from boruta_farm.model.token import Issued, NewToken, Token


class HttpTokens:
    """Issue, show, exchange and revoke a server's tokens."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def list_tokens(self, caller: Caller, account: str | None = None) -> tuple[Token, ...]:
        """Return the tokens that the caller may see, of one account or of all."""
        query = {} if account is None else {"account": account}
        answer = await self._channel.get("tokens/", query)
        return read_all(Token, answer.body)

    async def issue(self, caller: Caller, new: NewToken) -> Issued:
        """Make a token; without an account it is the caller's own."""
        return read(Issued, (await self._channel.post("tokens/", body(new))).body)

    async def revoke(self, caller: Caller, token_id: str) -> None:
        """Make a token worthless."""
        if not token_id or token_id in (".", ".."):
            raise TokenNotFoundError
        await self._channel.post(f"tokens/{quote(token_id, safe='')}/revoke")

    async def invite(self, caller: Caller, name: str, change: AccountChange) -> Issued:
        """Save an account and make a one-time token for it."""
        path = f"{account_path(name)}/invite"
        return read(Issued, (await self._channel.post(path, body(change))).body)

    async def login(self, secret: str, source: str, name: str) -> Issued:
        """Exchange a one-time token; where it comes from is for the server to see."""
        headers = {"Authorization": f"Bearer {secret}"}
        answer = await self._channel.post("login", {"Name": name}, headers)
        return read(Issued, answer.body)

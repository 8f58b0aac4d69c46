"""Signing in with a browser: a short token of its own, in a cookie that no script can read."""

from datetime import timedelta
from typing import Final

from boruta_farm.clock import Clock
from boruta_farm.contracts.people import Tokens
from boruta_farm.model.errors import UnauthenticatedError
from boruta_farm.web.answers import told
from boruta_farm.web.auth import Entrance, source_of
from boruta_farm.web.calls import JSON_TYPE, Answer, Call, Header
from boruta_farm.web.cookies import session_cookie, session_of
from boruta_farm.web.headers import presented

SIGN_IN_LASTS: Final = timedelta(hours=12)
"""A working day; whoever is still there then signs in again."""


class SessionCalls:
    """Answer ``session`` and ``session/end``."""

    def __init__(self, tokens: Tokens, entrance: Entrance, clock: Clock) -> None:
        self._tokens = tokens
        self._entrance = entrance
        self._clock = clock

    async def begin(self, call: Call) -> Answer:
        """Exchange the token in the Authorization header for a session's cookie."""
        secret = presented(call.header(b"authorization"))
        if secret is None:
            raise UnauthenticatedError(
                "signing in takes a token: one-time, personal or of a service; an admin makes "
                "one-time ones by: boruta user invite NAME"
            )
        source = source_of(call.scope)
        self._entrance.check_penalty(source, secret)
        try:
            issued = await self._tokens.sign_in(secret, source, SIGN_IN_LASTS)
        except UnauthenticatedError as refusal:
            await self._entrance.failed(source, secret, refusal)
            raise
        lasts = int((issued.token.expires - self._clock.now()).total_seconds())
        cookie: Header = (b"set-cookie", session_cookie(call.scope, issued.secret, lasts))
        return Answer(status=201, headers=(JSON_TYPE, cookie), body=told(issued.token))

    async def end(self, call: Call) -> Answer:
        """Make the session's token worthless and have the browser forget it."""
        if session_of(call.scope) is not None and call.caller.token is not None:
            await self._tokens.revoke(call.caller, call.caller.token)
        cookie: Header = (b"set-cookie", session_cookie(call.scope, "", 0))
        return Answer(status=204, headers=(cookie,))

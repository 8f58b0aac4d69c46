"""The sign-in of a CI job: a short token, made anew while its CI system vouches for it."""

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from boruta_farm.model.errors import BorutaError, UnauthenticatedError, UnavailableError

if TYPE_CHECKING:
    import httpx

    from boruta_farm.model.sign_in import ExchangedToken

AGAIN_AFTER: Final = 60.0
"""Seconds between two tries where the CI system, or the farm, gave nothing new."""

Exchange = Callable[[str], Awaitable["ExchangedToken"]]
"""Return a token of the farm for one that a CI system gave. Raises UnauthenticatedError."""


class JobSignIn:
    """Hold the token of a job, for all connections of a configuration.

    What a CI system gives counts once, so that another is wanted for each. It is looked for when
    half of the token's life is over: GitHub gives as many as it is asked for, a file may be written
    anew (Kubernetes does), a variable stays as it is.
    """

    def __init__(
        self,
        server: str,
        environment: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        network: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        """Take for which farm; ``network`` replaces that to the CI system, for tests."""
        self._server = server
        self._environment = os.environ if environment is None else environment
        self._clock = clock
        self._network = network
        self._shown = ""
        self._token: str | None = None
        self._ends = 0.0
        self._next = 0.0

    @property
    def token(self) -> str | None:
        """Return the token at hand, None before the first sign-in."""
        return self._token

    @property
    def left(self) -> float | None:
        """Return in how many seconds it ends for good; None where it may be made anew."""
        from boruta_farm.client.workload import TOKEN

        given = self._environment.get(TOKEN, "").strip()
        return max(self._ends - self._clock(), 0.0) if given and self._token else None

    async def fresh(self, exchange: Exchange) -> str:
        """Return a token that is good, made anew if need be.

        Raises ConfigError where no CI system vouches for this job, UnauthenticatedError,
        UnavailableError.
        """
        now = self._clock()
        if self._token is None:
            return await self._sign_in(exchange)
        if now < self._next:
            return self._token
        try:
            return await self._sign_in(exchange)
        except BorutaError as error:
            self._next = min(now + AGAIN_AFTER, self._ends)
            if now < self._ends:
                return self._token
            if isinstance(error, UnavailableError):
                raise
            raise UnauthenticatedError(
                f"the sign-in of this CI job has ended, and there is no new one: {error.message}; "
                "let 'lasts' of the farm's workload rule be as long as the longest job, waiting "
                "included"
            ) from error

    async def _sign_in(self, exchange: Exchange) -> str:
        # A program that signs in by other ways has no need of the HTTP library yet.
        from boruta_farm.client.workload import audience_of, job_token

        audience = audience_of(self._server, self._environment)
        shown = await job_token(audience, self._environment, self._network)
        if shown == self._shown:
            raise UnauthenticatedError("the CI system has given this job no other token")
        made = await exchange(shown)
        self._shown, self._token = shown, made.access_token
        self._ends = self._clock() + made.expires_in
        self._next = self._ends - made.expires_in / 2
        return self._token

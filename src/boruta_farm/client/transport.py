"""One HTTP connection pool to one server."""

import asyncio
import json
import math
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from boruta_farm import __version__
from boruta_farm.client.channel import NO_TEXTS, GoodAnswer
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.proxy import proxy_for
from boruta_farm.model.errors import (
    BorutaError,
    LimitError,
    OutcomeUnknownError,
    ProtocolError,
    UnavailableError,
)

if TYPE_CHECKING:
    import ssl

    from boruta_farm.client.job_sign_in import JobSignIn

PREFIX = "/api/v1/"
CONNECT_WITHIN = 5.0
ANSWER_WITHIN = 30.0
SIGN_OF_LIFE_WITHIN = 60.0
QUESTIONS = frozenset({"reqs/list", "workers/list", "rehearse"})
"""What is asked by POST, for its filters' sake, and changes nothing."""
TOO_LONG = "what was given is too long for the address of a call; shorten names, values and filters"
"""An event stream says something every 15 s; four of these missed means a dead connection."""

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class JobAuth(httpx.Auth):
    """Have each call bear the token that a CI job has at that moment."""

    def __init__(self, job: "JobSignIn", stranger: "Transport") -> None:
        """Take how the farm is asked by somebody who has not signed in yet."""
        from boruta_farm.client.sign_ins import HttpSignIns

        self._job = job
        self._exchange = HttpSignIns(stranger).exchange
        self._signing_in = asyncio.Lock()

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Add the token, made anew if need be."""
        async with self._signing_in:
            token = await self._job.fresh(self._exchange)
        request.headers["Authorization"] = f"Bearer {token}"
        yield request


class Transport:
    """Call the API of one server; implements ``Channel``.

    ``inner`` replaces the network, for tests and for servers in the same process.
    """

    def __init__(self, config: ClientConfig, inner: httpx.AsyncBaseTransport | None = None) -> None:
        self.address = config.server
        parts = urlsplit(config.server)
        headers = {"User-Agent": f"boruta-farm/{__version__}"}
        if config.token is not None:
            headers["Authorization"] = f"Bearer {config.token}"
        if config.agent:
            headers["Boruta-Agent"] = config.agent
        self._host = parts.hostname or ""
        self._offset = timedelta()
        self._stranger: Transport | None = None
        auth = None
        if config.job is not None:
            self._stranger = Transport(replace(config, job=None), inner)
            auth = JobAuth(config.job, self._stranger)
        proxy = _proxy(config.server)
        self._proxy = "" if proxy is None else proxy.url.netloc.decode()
        self._http = httpx.AsyncClient(
            base_url=config.server + PREFIX,
            headers=headers,
            auth=auth,
            timeout=httpx.Timeout(ANSWER_WITHIN, connect=CONNECT_WITHIN),
            # A redirect could carry the token to another server, so none is followed and plain
            # HTTP needs no certificates at all.
            follow_redirects=False,
            verify=_trust(config) if parts.scheme == "https" else False,
            trust_env=False,
            proxy=proxy,
            transport=inner,
        )

    @property
    def host(self) -> str:
        """Return the host part of the server's address."""
        return self._host

    @property
    def offset(self) -> timedelta:
        """Return how far the server's clock was ahead of ours at its last answer."""
        return self._offset

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()
        if self._stranger is not None:
            await self._stranger.aclose()

    async def get(self, path: str, query: Mapping[str, str] = NO_TEXTS) -> GoodAnswer:
        """Read something."""
        with self._failures_told():
            response = await self._http.get(path, params=dict(query))
        return self._answer(response)

    async def post(
        self,
        path: str,
        body: object = None,
        headers: Mapping[str, str] = NO_TEXTS,
        patience: float = 0.0,
    ) -> GoodAnswer:
        """Change something."""
        if isinstance(body, bytes):
            content = body
        else:
            content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        extra = {"Content-Type": "application/json"} if content else {}
        with self._failures_told(changes=path not in QUESTIONS):
            response = await self._http.post(
                path,
                content=content,
                headers={**extra, **headers},
                timeout=httpx.Timeout(ANSWER_WITHIN + patience, connect=CONNECT_WITHIN),
            )
        return self._answer(response)

    @asynccontextmanager
    async def lines(
        self, path: str, query: Mapping[str, str] = NO_TEXTS, headers: Mapping[str, str] = NO_TEXTS
    ) -> AsyncIterator[AsyncIterator[str]]:
        """Open an answer that goes on, line by line."""
        async with self._stream(path, query, headers) as response:
            yield response.aiter_lines()

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str] = NO_TEXTS
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open an answer of bytes."""
        async with self._stream(path, query, NO_TEXTS) as response:
            yield response.aiter_bytes()

    @asynccontextmanager
    async def _stream(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        timeout = httpx.Timeout(SIGN_OF_LIFE_WITHIN, connect=CONNECT_WITHIN)
        with self._failures_told():
            async with self._http.stream(
                "GET", path, params=dict(query), headers=dict(headers), timeout=timeout
            ) as response:
                self._note_time(response)
                if response.status_code != 200:
                    await response.aread()
                    raise self._error(response)
                yield response

    @contextmanager
    def _failures_told(self, *, changes: bool = False) -> Iterator[None]:
        """Say in words how a call failed; one that ``changes`` may be done all the same."""
        try:
            yield
        except httpx.InvalidURL as error:
            raise LimitError(TOO_LONG) from error
        except httpx.TransportError as error:
            if not changes or isinstance(error, NOT_SENT):
                raise self._unreachable(error) from error
            why = str(error) or "no answer in time"
            raise OutcomeUnknownError(
                f"the connection to {self.address} broke before the answer came ({why}); "
                "look whether the change was made before you repeat it"
            ) from error

    def _answer(self, response: httpx.Response) -> GoodAnswer:
        self._note_time(response)
        if response.status_code >= 300:
            raise self._error(response)
        headers = {name.lower(): value for name, value in response.headers.items()}
        if not response.content:
            return GoodAnswer(headers=headers)
        try:
            return GoodAnswer(body=json.loads(response.content), headers=headers)
        except ValueError as error:
            raise ProtocolError(
                f"{self.address} answered with something that is no JSON; "
                "is this the address of a Boruta server?"
            ) from error

    def _unreachable(self, error: httpx.TransportError) -> UnavailableError:
        # Words for what went wrong are imported once something has: good answers come sooner so.
        from boruta_farm.client.failures import unreachable

        return UnavailableError(unreachable(self.address, error, self._proxy))

    def _error(self, response: httpx.Response) -> BorutaError:
        if response.is_redirect:
            place = response.headers.get("location", "elsewhere")
            return BorutaError(
                f"{self.address} sends us to {place}; give that server's address with --server"
            )
        from boruta_farm.client.failures import error_of

        return error_of(response.status_code, response.content, self.address)

    def _note_time(self, response: httpx.Response) -> None:
        """Learn the server's clock from its Date, which has whole seconds."""
        text = response.headers.get("date")
        if text is None:
            return
        try:
            told = parsedate_to_datetime(text)
        except ValueError:
            return
        ahead = told - datetime.now(UTC)
        # Up to a second of difference is the header's coarseness, not the clocks'.
        late = math.fabs(ahead.total_seconds() + 0.5) > 1.5
        self._offset = ahead if late else timedelta()


def _trust(config: ClientConfig) -> "ssl.SSLContext":
    from boruta_farm.client.trust import trust

    return trust(config)


def _proxy(server: str) -> httpx.Proxy | None:
    address = proxy_for(server, os.environ)
    return None if address is None else httpx.Proxy(address)

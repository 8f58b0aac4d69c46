"""Calls to those who vouch for others: bounded in time, size and number, never led elsewhere."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from boruta_farm.model.errors import ConfigError, ProviderUnreachableError

MOST_BYTES = 512 * 1024
"""Of one answer: the largest key sets in use have some ten thousand."""
PATIENCE = 10.0
"""Seconds for one call, name service and handshake included."""
AT_ONCE = 16
"""Calls to one issuer at once; others wait for their turn within their patience."""


class TooLargeError(httpx.TransportError):
    """an answer is larger than any that is meant"""


class BoundedTransport(httpx.AsyncBaseTransport):
    """Pass calls on, and refuse answers that are packed, too large, or late.

    Cookies are not kept: nothing that is asked here needs any, and they would pile up.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the whole answer to a call."""
        # What is packed may be a thousand times as large as what was sent.
        request.headers["accept-encoding"] = "identity"
        try:
            async with asyncio.timeout(PATIENCE), self._turns:
                response = await self._inner.handle_async_request(request)
                try:
                    content = await self._read(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise httpx.ReadTimeout(f"no answer within {PATIENCE:g} s") from None
        return httpx.Response(
            response.status_code, headers=response.headers, content=content, request=request
        )

    async def _read(self, response: httpx.Response) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise TooLargeError("the answer is packed although that was not asked for")
        content = bytearray()
        assert isinstance(response.stream, httpx.AsyncByteStream)
        async for piece in response.stream:
            content += piece
            if len(content) > MOST_BYTES:
                raise TooLargeError(f"the answer is larger than {MOST_BYTES} bytes")
        for name in ("transfer-encoding", "set-cookie"):
            response.headers.pop(name, None)
        return bytes(content)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()


def transport(ca_file: Path | None) -> httpx.AsyncBaseTransport:
    """Return the network, for issuers whose certificates these authorities sign.

    Raises ConfigError.
    """
    try:
        trusted = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        why = error.strerror if error.errno else "it holds no PEM certificate"
        raise ConfigError(f"ca_file: {ca_file} cannot be used: {why}") from None
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=2)
    return httpx.AsyncHTTPTransport(verify=trusted, limits=limits, trust_env=False)


@asynccontextmanager
async def unreachable_told(issuer: str) -> AsyncIterator[None]:
    """Raise ProviderUnreachableError, in words, for what goes wrong on the way inside the block."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        # The issuer chooses addresses, and some are found to be none on the way alone.
        why = str(error) or type(error).__name__
        raise ProviderUnreachableError(f"{issuer} cannot be asked: {why}") from error


async def fetch_object(
    client: httpx.AsyncClient, url: str, issuer: str, bearer: str = ""
) -> dict[str, Any]:
    """Return the JSON object at an address. Raises ProviderUnreachableError."""
    headers = {"accept": "application/json"}
    if bearer:
        headers["authorization"] = f"Bearer {bearer}"
    async with unreachable_told(issuer):
        response = await client.get(url, headers=headers)
    if response.status_code != 200:
        raise ProviderUnreachableError(f"{issuer} answers {response.status_code} at {url}")
    return parse_object(response.content, f"{url} of {issuer}")


def parse_object(content: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in an answer. Raises ProviderUnreachableError."""
    try:
        found = json.loads(content)
        check_texts(found)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ProviderUnreachableError(f"{what} holds no JSON object")
    return found


def check_texts(found: object) -> None:
    """Raise ValueError for JSON with a text in it that is none: half a character, in escapes.

    Whoever writes it anywhere later would fail there.
    """
    json.dumps(found, ensure_ascii=False).encode()

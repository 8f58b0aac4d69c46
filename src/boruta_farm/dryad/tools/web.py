"""The little HTTP that power sockets and cameras speak; a call that is called off ends at once."""

import asyncio
import base64
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from boruta_farm.model.errors import BoardError

LARGEST: Final = 16 << 20
"""Bytes of an answer that is read whole."""

_HEAD: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAnswer:
    """What a server answers: read it from ``reader``, ``length`` bytes or to its end."""

    status: int
    headers: Mapping[str, str]
    reader: asyncio.StreamReader

    async def read(self) -> bytes:
        """Return the whole body. Raises BoardError when it is too large."""
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return await self._chunks()
        length = self.headers.get("content-length", "")
        if length.isdecimal():
            return await self.reader.readexactly(_bounded(int(length)))
        data = bytearray()
        while piece := await self.reader.read(_HEAD):
            _bounded(len(data) + len(piece))
            data += piece
        return bytes(data)

    async def _chunks(self) -> bytes:
        data = bytearray()
        while size := int((await self.reader.readline()).partition(b";")[0], 16):
            _bounded(len(data) + size)
            data += await self.reader.readexactly(size)
            await self.reader.readline()
        return bytes(data)


@asynccontextmanager
async def opened(
    url: str, *, user: str = "", password: str = "", limit: float = 10.0
) -> AsyncIterator[WebAnswer]:
    """Ask for a URL and give its answer for the block, whatever its status.

    ``limit`` is in seconds, for everything up to the answer's head. Raises BoardError, also for
    what the block meets while it reads.
    """
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.hostname}"
    writer = None
    try:
        async with asyncio.timeout(limit):
            tls = ssl.create_default_context() if parts.scheme == "https" else None
            port = parts.port or (443 if tls else 80)
            reader, writer = await asyncio.open_connection(
                parts.hostname, port, ssl=tls, limit=_HEAD
            )
            writer.write(_request(url, user, password))
            await writer.drain()
            answer = await _head(reader)
        yield answer
    except TimeoutError:
        raise BoardError(
            f"{place} did not answer within {limit:g} s; see that it has power"
        ) from None
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise BoardError(f"{place} cannot be reached: {why}; see that it has power") from None
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        raise BoardError(f"{place} answered something that is no HTTP") from None
    finally:
        if writer is not None:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def fetch(url: str, *, user: str = "", password: str = "", limit: float = 10.0) -> bytes:
    """Return what a server answers, which must be a success. Raises BoardError."""
    async with (
        asyncio.timeout(2 * limit),
        opened(url, user=user, password=password, limit=limit) as answer,
    ):
        body = await answer.read()
    if answer.status // 100 != 2:
        said = "".join(c if c.isprintable() else "?" for c in body[:200].decode(errors="replace"))
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.hostname}"
        raise BoardError(f"{place} refused it with {answer.status}: {said or 'no words'}")
    return body


def _request(url: str, user: str, password: str) -> bytes:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {parts.netloc.rpartition('@')[2]}",
        "Connection: close",
        "Accept: */*",
    ]
    if user or password:
        word = base64.b64encode(f"{user}:{password}".encode()).decode()
        lines.append(f"Authorization: Basic {word}")
    return "\r\n".join([*lines, "", ""]).encode()


async def _head(reader: asyncio.StreamReader) -> WebAnswer:
    """Read status and headers. Raises ValueError, IncompleteReadError, LimitOverrunError."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    version, status, *_ = head[0].split(" ")
    if not version.startswith("HTTP/") or not status.isdecimal():
        raise ValueError(head[0])
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return WebAnswer(status=int(status), headers=headers, reader=reader)


def _bounded(size: int) -> int:
    if size > LARGEST:
        raise BoardError(f"an answer of more than {LARGEST >> 20} MiB is not read")
    return size

"""One message sent over HTTP to whoever the receiver is, of whom no more is read than a status.

Anybody with an account names a receiver, and what a library reads of an answer's head is parsed in
the server's loop: a hundred kilobytes of it, or interim answers without end, keep all others
waiting. So the little that is needed is written and read here.
"""

import asyncio
import re
import ssl
from typing import Final
from urllib.parse import quote, urlsplit

from boruta_farm.notify.guard import PORTS, JudgedAddress

MOST_BYTES: Final = 8192
"""Of an answer up to its status: some gateways tell interim ones (1xx) before."""
STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: .*)?")
FINAL: Final = 200
PATH_SAFE: Final = "/:?@!$&'()*+,;=%~[]"
"""What stands in a request's first line as it was given; all else is written in percent."""


class HttpSender:
    """Send over HTTP to the judged address; the answer's status alone is read.

    Redirects are not followed: they could lead anywhere. Certificates are judged by the system's
    authorities, unless others are told, and the name that was given, not by the address.
    """

    def __init__(self, trust: ssl.SSLContext | None = None) -> None:
        self._trust = trust

    async def __call__(self, place: JudgedAddress, body: bytes, headers: dict[str, str]) -> int:
        """Send one message and return the answer's status. Raises OSError, ValueError."""
        parts = urlsplit(place.url)
        trust = await self._trusted() if parts.scheme == "https" else None
        reader, writer = await asyncio.open_connection(
            parts.hostname,
            parts.port or PORTS[parts.scheme],
            ssl=trust,
            server_hostname=None if trust is None else place.name,
            limit=MOST_BYTES,
        )
        try:
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            told = {
                **headers,
                "Host": place.host,
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                "User-Agent": "boruta-farm",
                "Connection": "close",
            }
            lines = (
                f"POST {quote(target, safe=PATH_SAFE)} HTTP/1.1",
                *map(": ".join, told.items()),
            )
            writer.write("\r\n".join((*lines, "", "")).encode("ascii") + body)
            return await _status(reader)
        finally:
            # Nobody waits for how the other side ends it.
            writer.transport.abort()

    async def _trusted(self) -> ssl.SSLContext:
        if self._trust is None:
            # Reading all authorities takes a while.
            self._trust = await asyncio.to_thread(ssl.create_default_context)
        return self._trust


async def _status(reader: asyncio.StreamReader) -> int:
    """Return the status of the first answer that is not interim."""
    left = MOST_BYTES
    heading = True
    while left > 0:
        line = await reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("the answer ends before its status")
        left -= len(line)
        text = line.rstrip(b"\r\n")
        if heading:
            found = STATUS.fullmatch(text)
            if found is None:
                raise ValueError("what answers speaks no HTTP")
            if (status := int(found[1])) >= FINAL:
                return status
        # After an interim head's empty line the next one begins.
        heading = not text
    raise ValueError("interim answers without end")

"""What all connections of the HTTP port share, and what each of them becomes."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import uvicorn
from uvicorn.server import ServerState

from boruta_farm.access.handover import hand_over
from boruta_farm.server.http.bounds import Bounds, Crowd
from boruta_farm.server.http.call import Ends
from boruta_farm.server.http.framing import Head
from boruta_farm.server.http.hosts import Hosts
from boruta_farm.server.http.refusals import LastAnswer
from boruta_farm.server.http.websocket import WebSocket

STREAM_PATH: Final = b"/api/v1/stream"
"""Where agents' WebSockets for streams come, which are the relay's."""


class Door:
    """Hold what connections share: bounds, who is there, the relay's folder.

    ``hosts`` are the names it goes by; None lets it go by any. ``data`` is the data folder, in
    which the relay takes streams; None hands none over.
    """

    def __init__(
        self,
        *,
        bounds: Bounds | None = None,
        crowd: Crowd | None = None,
        hosts: Hosts | None = None,
        data: Path | None = None,
    ) -> None:
        self.bounds = bounds or Bounds()
        self.crowd = crowd or Crowd(self.bounds)
        self._hosts = hosts
        self._data = data
        self._dates: tuple[list[tuple[bytes, bytes]] | None, bytes] = (None, b"")

    def date(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the headers of every answer as they are written; they change once a second."""
        if self._dates[0] is not headers:
            self._dates = (headers, b"".join(b"%b: %b\r\n" % header for header in headers))
        return self._dates[1]

    def judge(self, head: Head, source: str, ends: Ends) -> LastAnswer | None:
        """Return why a call is refused before any work is done for it, if it is."""
        refusal = None if self._hosts is None else self._hosts.judge(head)
        return refusal or self.crowd.judge(source, ends.host)

    def takes_stream(self, url: bytes) -> bool:
        """Tell whether a WebSocket is the relay's."""
        return self._data is not None and url.partition(b"?")[0] == STREAM_PATH

    def hand_over(self, transport: asyncio.Transport, words: bytes) -> None:
        """Give a connection to the relay, with what was read from it. Raises OSError."""
        assert self._data is not None
        hand_over(self._data, transport.get_extra_info("socket").fileno(), words)

    def websocket(
        self, config: uvicorn.Config, state: ServerState, leave: Callable[[], None]
    ) -> WebSocket:
        """Return what speaks to the application's WebSockets."""
        return WebSocket(config, state, self.bounds, self.crowd, leave)

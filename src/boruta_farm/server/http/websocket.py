"""Uvicorn's WebSocket with a rate: frames are taken as fast as they may come, and no faster."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import uvicorn
from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame

from boruta_farm.link.mailbox import Mailbox
from boruta_farm.server.http.bounds import Bounds, Crowd
from boruta_farm.server.http.reader import ReaderWatch

logger = logging.getLogger(__name__)
quiet = logging.getLogger(f"{__name__}.library")
"""For what the library tells: its lines about calls hold their whole address, where a caller may
have put a token, and say of who is refused in words that he was accepted."""
quiet.setLevel(logging.WARNING)

PIECE: Final = 512
"""Bytes parsed at once: the smallest frame has six, so no more than 85 frames are."""
LARGEST_PIECE: Final = 8 * PIECE
"""The same where the piece before it ended no frame; what is too many is waited for then."""
PIECES: Final = 32
"""Pieces taken in one go; whoever sends more lets others in between."""
FRAGMENTS: Final = 1024
"""Frames of one message; empty ones would cost memory without end."""
TOO_MUCH: Final = 1008


class WebSocket(WebSocketsSansIOProtocol):
    """Take frames piece by piece, at a bounded rate, from a caller who reads what he is told.

    Whoever is too fast waits: nothing is read from him meanwhile. Pings have a rate of their own,
    beyond which the connection ends, since no honest agent comes near it.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        bounds: Bounds,
        crowd: Crowd,
        leave: Callable[[], None],
    ) -> None:
        """Take what connections share; ``leave`` is called at the end."""
        super().__init__(config=config, server_state=state, app_state={})
        self.queue = Mailbox()  # type: ignore[assignment]  # it has all that is asked of one
        self.logger = self.conn.logger = quiet
        self.conn.debug = False
        self._bounds = bounds
        self._leave = leave
        self._reader = ReaderWatch(self.loop, bounds, crowd)
        self._kept = b""
        self._again: asyncio.Handle | None = None
        self._frames_left = bounds.websocket_frames
        self._pings_left = bounds.websocket_pings
        self._filled_at = self.loop.time()
        self._over = False
        self._greeting = True

    def begin(self, transport: asyncio.Transport, source: str, head: bytes, rest: bytes) -> None:
        """Take the connection over, with what was read from it."""
        super().connection_made(transport)
        self._reader.begin(transport, source)
        super().data_received(head)
        if rest:
            self.data_received(rest)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give everything back."""
        self._over = True
        self._kept = b""
        self._reader.catch_up()
        self._leave()
        if self._again is not None:
            self._again.cancel()
        super().connection_lost(exc)
        # Each holds the other: what is left of thousands that came and went would be there until
        # the collector runs through everything, which it seldom does.
        self.transport.set_protocol(asyncio.Protocol())

    def pause_writing(self) -> None:
        """Take nothing more from a caller who does not read."""
        super().pause_writing()
        self._reader.fall_behind()

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._reader.catch_up()
        self._settle()

    def data_received(self, data: bytes) -> None:
        """Take what came, as far as it may be taken now."""
        self._kept += data
        if self._again is None:
            self._take()

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next message, and take what was kept meanwhile."""
        if self.handshake_complete and self._greeting:
            # Nobody asks for them any more; they would be kept as long as an agent is connected.
            self._greeting = False
            del self.request, self.response
        message = await super().receive()
        self._settle()
        return message

    def handle_cont(self, event: Frame) -> None:
        """Count a frame; a message is not made of endlessly many."""
        self._frames_left -= 1
        if len(self.frames) >= FRAGMENTS:
            self._break_off("a message of too many frames")
            return
        super().handle_cont(event)

    def handle_text(self, event: Frame) -> None:
        """Count a frame."""
        self._frames_left -= 1
        super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        """Count a frame."""
        self._frames_left -= 1
        super().handle_bytes(event)

    def handle_pong(self, event: Frame) -> None:
        """Count a frame."""
        self._frames_left -= 1
        super().handle_pong(event)

    def handle_ping(self) -> None:
        """Answer a ping unless there were too many."""
        self._frames_left -= 1
        self._pings_left -= 1
        if self._pings_left < 0:
            self._break_off("too many pings")
            return
        super().handle_ping()

    def _take(self) -> None:
        """Parse what was kept, piece by piece, until the caller has to wait."""
        self._again = None
        self._fill()
        # What is kept is cut once, not for each piece: a tunnel sends much.
        kept, self._kept = self._kept, b""
        taken, piece = 0, PIECE
        for _ in range(PIECES):
            if taken >= len(kept) or self._must_wait:
                break
            before = self._frames_left
            super().data_received(kept[taken : taken + piece])
            taken += piece
            # In the middle of a large frame there are no small ones.
            piece = min(2 * piece, LARGEST_PIECE) if self._frames_left == before else PIECE
        self._kept = kept[taken:] + self._kept
        self._settle()

    def _settle(self) -> None:
        """Read on, or let the caller wait and come back to what was kept."""
        if self._over or self.transport.is_closing():
            self._kept = b""
            return
        if not self._kept:
            if not self.read_paused and self.writable.is_set():
                self.transport.resume_reading()
            return
        self.transport.pause_reading()
        if self._again is not None or self.read_paused or not self.writable.is_set():
            return
        wait = -self._frames_left / self._bounds.websocket_frames
        self._again = self.loop.call_later(max(wait, 0.0), self._take)

    @property
    def _must_wait(self) -> bool:
        waits = self.read_paused or not self.writable.is_set() or self._frames_left < 0
        return waits or self._over

    def _fill(self) -> None:
        """Let time give back what was used up, a second's worth at most."""
        now = self.loop.time()
        passed, self._filled_at = now - self._filled_at, now
        frames, pings = self._bounds.websocket_frames, self._bounds.websocket_pings
        self._frames_left = min(frames, self._frames_left + passed * frames)
        self._pings_left = min(pings, self._pings_left + passed * pings)

    def _break_off(self, words: str) -> None:
        """End the connection, in words."""
        if self._over:
            return
        self._over = True
        logger.warning("%s sent %s: its WebSocket was closed", self.client, words)
        self.conn.fail(TOO_MUCH, words)
        self.handle_parser_exception()

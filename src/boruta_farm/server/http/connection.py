"""HTTP on one connection, plain or under TLS: calls in turn, bounded in memory and time."""

import asyncio
import logging
from collections.abc import Coroutine
from enum import StrEnum
from typing import Any, Final, cast

import uvicorn
from uvicorn.server import ServerState

from boruta_farm.server.http import refusals
from boruta_farm.server.http.bounds import CrowdSeat
from boruta_farm.server.http.call import Ends, HttpCall
from boruta_farm.server.http.door import Door
from boruta_farm.server.http.framing import Framing, Head
from boruta_farm.server.http.patience import Patience
from boruta_farm.server.http.reader import ReaderWatch
from boruta_farm.server.http.refusals import LastAnswer, RefusedCallError

logger = logging.getLogger(__name__)

BODY_AHEAD: Final = 64 * 1024
"""Bytes of a body that may wait for the application; then the caller waits."""
PIECES: Final = 64
"""Pieces taken in one go; whoever sends more lets others in between."""
IDLE: Final = 75.0
"""Seconds a connection is kept without a call."""
STRANGER: Final = 15.0
"""Seconds after which a WebSocket has said whose it is: the link cuts others before."""
TLS_HELLO: Final = b"\x16\x03"


class Stage(StrEnum):
    """What is read from the connection next."""

    HEAD = "head"
    BODY = "body"
    NOTHING = "nothing"
    """The call is whole; the next one waits for its answer."""
    REST = "rest"
    """The last answer is out; what still comes is thrown away, so that it arrives."""


class HttpConnection(asyncio.Protocol):
    """Serve one connection, one call after the other.

    What comes behind a call is kept, unparsed, until its answer is out; beyond ``Bounds.ahead``
    it is left to the network. A caller who does not read is not read from either, and is cut off
    after a while.
    """

    def __init__(
        self,
        door: Door,
        config: uvicorn.Config,
        state: ServerState,
        seat: str | None = None,
    ) -> None:
        """Take what all connections share; ``seat`` is the source of one counted already."""
        self.loop = asyncio.get_running_loop()
        self.reader = ReaderWatch(self.loop, door.bounds, door.crowd)
        self._door = door
        self._config = config
        self._state = state
        self._counted = seat
        self._seat: CrowdSeat
        self._framing = Framing(self)
        self._transport: asyncio.Transport
        self._patience = Patience(self.loop, self._lost_patience)
        self._call: HttpCall | None = None
        self._begun = True
        self._stage = Stage.HEAD
        self._called = False
        self._said_close = False
        self._unwanted = 0
        self._kept = b""
        self._scheduled = False
        self._reading = True
        self._eof = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect a first call."""
        # uvloop's transports are no subclass of asyncio's.
        self._transport = transport = cast("asyncio.Transport", transport)
        self._ends = Ends.of(transport)
        self._state.connections.add(self)  # type: ignore[arg-type]  # all that is asked of one
        crowd, host, source = self._door.crowd, self._ends.host, self._counted
        if source is None:
            source = crowd.enter(host)
        counted = self._counted is None and source is not None
        self._seat = CrowdSeat(crowd, source or "", host, transport.abort, counted=counted)
        if source is None:
            self._stage = Stage.REST
            transport.write(crowd.full().answer())
            transport.close()
            return
        self.reader.begin(transport, source)
        self._patience.within(self._door.bounds.head_patience)
        self._seat.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the call, and give everything back."""
        self._state.connections.discard(self)
        self._patience.end()
        self.reader.catch_up()
        self._seat.leave()
        self._kept = b""
        self._stage = Stage.REST
        if self._call is not None:
            self._call.lose()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._stage is Stage.REST:
            self._throw_away(len(data))
        elif self._kept:
            self._kept += data
            self._bound_kept()
        else:
            self._take(data)

    def eof_received(self) -> bool:
        """Note that the caller sends nothing more; return whether he may still be answered."""
        self._eof = True
        if self._stage is Stage.REST or (self._call is None and not self._kept):
            return False
        if self._call is not None:
            if self._stage is Stage.BODY:
                self._call.keep_alive = False
            self._call.hang_up()
        return True

    def pause_writing(self) -> None:
        """Wait for the caller to read, with patience; nothing more is taken from him."""
        self._pause()
        self.reader.fall_behind()

    def resume_writing(self) -> None:
        """Go on."""
        self.reader.catch_up()
        if self._stage is Stage.REST:
            self._patience.within(self._door.bounds.body_patience)
        else:
            self._go_on_soon()

    def shutdown(self) -> None:
        """End the connection after the call under way; the server stops."""
        if self._call is None:
            self._transport.close()
        else:
            self._call.keep_alive = False

    # What a call asks for.

    def write(self, data: bytes) -> None:
        """Write to the caller."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def abort(self) -> None:
        """Break the connection off."""
        self._transport.abort()

    def refuse(self, refusal: LastAnswer) -> None:
        """Answer in the application's stead and end the connection."""
        if self._stage is Stage.REST or self._transport.is_closing():
            return
        if self._call is not None:
            started = self._call.started
            self._call.lose()
            self._call = None
            if started:
                self.abort()
                return
        self.write(refusal.answer())
        self._end()

    def in_task(self, serving: Coroutine[Any, Any, None]) -> None:
        """Have a task go on with it."""
        task = self.loop.create_task(serving)
        task.add_done_callback(self._state.tasks.discard)
        self._state.tasks.add(task)

    def read_on(self) -> None:
        """Take more of the body, unless the caller should read first."""
        if self._stage is Stage.BODY:
            self._resume()

    def date(self) -> bytes:
        """Return the header that tells the time."""
        return self._door.date(self._state.default_headers)

    def can_go_on(self, call: HttpCall) -> bool:
        """Tell whether the rest of the call's body is little enough to be waited for."""
        if self._stage is not Stage.BODY:
            return True
        return not call.awaits_continue and 0 < self._framing.left <= BODY_AHEAD

    def answered(self, call: HttpCall) -> None:
        """Go on with the next call, or end."""
        self._state.total_requests += 1
        self._call = None
        if not call.keep_alive:
            self._end()
        elif self._stage is Stage.NOTHING:
            self._next()
        else:
            # Its body is still to come; it must not be taken for the next call.
            self._unwanted = 0
            self._patience.within(self._door.bounds.body_patience)
            self._resume()

    # What comes of the bytes.

    def begin(self, head: Head) -> None:
        """Have the application answer a call. Raises RefusedError."""
        refusal = self._door.judge(head, self._seat.source, self._ends)
        if refusal is not None:
            raise RefusedCallError(refusal)
        self._stage = Stage.BODY
        self._called = True
        self._said_close = not head.keep_alive
        self._patience.rest()
        self._call = HttpCall(
            self,
            self._ends.scope(head, self._config.asgi_version),
            keep_alive=head.keep_alive,
            awaits_continue=head.expects,
        )
        self._begun = False

    def body(self, data: bytes) -> None:
        """Take a part of the body, or throw it away where the answer is out."""
        if self._call is None:
            self._throw_away(len(data))
            return
        self._call.feed(data)
        if self._body_waits:
            self._pause()

    def complete(self) -> None:
        """Read nothing more until the answer is out."""
        self._seat.wake()
        if self._call is not None:
            self._stage = Stage.NOTHING
            self._call.end_body()
        else:
            self._next()

    def _take(self, data: bytes) -> None:
        """Take what belongs to the call under way, keep the rest, and have the call answered."""
        self._divide(data)
        # Not within the parser, and with all of the body that has come.
        if not self._begun:
            self._begun = True
            if self._call is not None:
                self._call.begin(self._config.loaded_app)

    def _divide(self, data: bytes) -> None:
        start, size = 0, len(data)
        for _ in range(PIECES):
            if start == size or self._is_over:
                return
            new = not self._framing.begun and self._stage is Stage.HEAD
            if self._stage is Stage.NOTHING or (self.reader.behind and new):
                break
            try:
                start = self._framing.feed(data, start)
            except RefusedCallError as error:
                self._tell_of(data, error)
                self.refuse(error.refusal)
                return
            if self._framing.websocket is not None:
                self._leave_http(self._framing.websocket, data[start:])
                return
            if new and self._called and self._stage is Stage.HEAD:
                # A head that comes in parts has so much time for all of them; a connection's
                # first one has it from the beginning on.
                self._patience.within(self._door.bounds.head_patience)
        else:
            self._go_on_soon()
        if start < size:
            self._kept = data[start:]
            self._bound_kept()

    def _tell_of(self, data: bytes, error: RefusedCallError) -> None:
        if not self._called and data.startswith(TLS_HELLO) and self._ends.scheme == "http":
            logger.warning(
                "%s spoke TLS to the plain HTTP port: it must call http://, or the server needs "
                "tls_certificate and tls_key",
                self._ends.host or "somebody",
            )
        else:
            logger.debug("refused a call of %s: %s", self._ends.host, error)

    def _leave_http(self, head: Head, rest: bytes) -> None:
        """Give the connection to the relay or to the application's WebSocket."""
        refusal = self._door.judge(head, self._seat.source, self._ends)
        if refusal is not None:
            self.refuse(refusal)
        elif self._ends.scheme == "http" and self._door.takes_stream(head.url):
            try:
                self._door.hand_over(self._transport, head.write() + rest)
            except OSError as error:
                logger.warning("an agent's stream was not handed over to the relay: %s", error)
                self.refuse(refusals.NO_RELAY)
            else:
                # A connection with TLS of ours cannot change processes: behind a proxy is none.
                self.abort()
        else:
            self._state.connections.discard(self)
            self._patience.end()
            self.reader.catch_up()
            self._seat.wake_after(self.loop, STRANGER)
            self._stage = Stage.REST
            websocket = self._door.websocket(self._config, self._state, self._seat.leave)
            self._transport.set_protocol(websocket)
            websocket.begin(self._transport, self._seat.source, head.write(), rest)

    # Going on and ending.

    def _next(self) -> None:
        """Expect the next call."""
        self._stage = Stage.HEAD
        self._seat.wait()
        self._framing.expect()
        if self._kept:
            self._go_on_soon()
        elif self._eof:
            self._end()
        else:
            self._patience.within(IDLE)
            self._resume()

    def _go_on_soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Take what was kept."""
        self._scheduled = False
        kept, self._kept = self._kept, b""
        if kept:
            self._take(kept)
        if self._kept or self._is_over:
            return
        if self._eof and self._call is None and self._stage is Stage.HEAD:
            self._end()
        elif not self._body_waits:
            self._resume()

    @property
    def _is_over(self) -> bool:
        return self._stage is Stage.REST or self._transport.is_closing()

    @property
    def _body_waits(self) -> bool:
        return self._call is not None and self._call.waiting > BODY_AHEAD

    def _bound_kept(self) -> None:
        if len(self._kept) >= self._door.bounds.ahead:
            self._pause()

    def _pause(self) -> None:
        if self._reading and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def _resume(self) -> None:
        if not self._reading and not self._transport.is_closing():
            if self.reader.behind or len(self._kept) >= self._door.bounds.ahead:
                return
            self._reading = True
            self._transport.resume_reading()

    def _throw_away(self, size: int) -> None:
        """Count what nobody wants; too much of it ends the connection."""
        self._unwanted += size
        if self._unwanted > self._door.bounds.refused_body:
            self.abort()

    def _end(self) -> None:
        """Close once everything is written, and read what still comes so that it arrives.

        A connection that is closed while something lies unread is reset, and the caller may lose
        the answer that he has not read yet.
        """
        if self._transport.is_closing():
            return
        clean = self._stage is Stage.NOTHING and not self._kept and self._said_close
        self._stage = Stage.REST
        self._seat.wait()
        self._kept = b""
        self._unwanted = 0
        unsent = self._transport.get_write_buffer_size() > 0
        self._patience.within(self._door.bounds.body_patience)
        if self._eof or (clean and not unsent) or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.write_eof()
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()

    def _lost_patience(self) -> None:
        if self._stage is Stage.HEAD and (self._framing.begun or not self._called):
            self.refuse(refusals.SLOW_HEAD)
        elif self._stage is Stage.HEAD and not self._transport.get_write_buffer_size():
            self._transport.close()
        elif self.reader.behind:
            # The last answer is on its way; whoever watches its reader decides.
            self._patience.within(self._door.bounds.body_patience)
        else:
            self.abort()

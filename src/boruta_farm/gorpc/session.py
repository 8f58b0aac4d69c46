"""One connection of a server: reads calls, runs each in a task of its own, writes the replies."""

import asyncio
import logging
from typing import Final

from boruta_farm.gorpc.callers import CallerPlace
from boruta_farm.gorpc.decoder import NEED_MORE
from boruta_farm.gorpc.encoder import Encoder
from boruta_farm.gorpc.errors import BrokenStreamError, StreamLimitError
from boruta_farm.gorpc.limits import GobLimits
from boruta_farm.gorpc.pace import Pace
from boruta_farm.gorpc.routes import Call, RouteTable, RpcPeer
from boruta_farm.gorpc.rpc import (
    NO_REPLY,
    REQUEST,
    RESPONSE,
    Incoming,
    Receiver,
    RequestHeader,
    ResponseHeader,
)
from boruta_farm.gorpc.schema import Empty, GoStruct
from boruta_farm.gorpc.streams import close_stream
from boruta_farm.model.errors import BorutaError

logger = logging.getLogger(__name__)

_CHUNK: Final = 16 * 1024
_LONGEST_ERROR: Final = 4096
_INTERNAL_ERROR: Final = "the server failed to answer; its log tells why"


class RpcSession:
    """Serve one peer until it leaves, breaks the protocol, idles too long or stops reading.

    As with Go's server, calls that have begun are finished and answered although the peer has
    sent its last request. Cancelling ``run`` cancels them.
    """

    def __init__(
        self,
        routes: RouteTable,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        peer: RpcPeer,
        limits: GobLimits,
        *,
        place: CallerPlace,
        pace: Pace | None = None,
    ) -> None:
        self._routes = routes
        self._reader = reader
        self._writer = writer
        self._peer = peer
        self._limits = limits
        self._place = place
        self._pace = pace
        self._receiver = Receiver(REQUEST, limits)
        self._encoder = Encoder(limits)
        self._writing = asyncio.Lock()
        self._calls: dict[asyncio.Task[None], int] = {}
        self._deadline: float | None = None

    async def serve(self) -> None:
        """Serve the connection to its end and close it."""
        try:
            async with asyncio.TaskGroup() as group:
                try:
                    while (request := await self._next_request()) is not None:
                        # Who makes too many calls is no better than who makes none.
                        await self._place.turn()
                        self._place.busy()
                        await self._take_turn()
                        self._start(request, group)
                        await self._wait_for_room()
                        if self._writer.is_closing():
                            break
                except (BrokenStreamError, OSError) as error:
                    logger.info("closing the Go RPC connection of %s: %s", self._peer, error)
        except asyncio.CancelledError:
            self._writer.transport.abort()
            raise
        finally:
            await close_stream(self._writer, self._limits.write_seconds)

    async def _take_turn(self) -> None:
        """Wait before the first call alone: who says nothing holds up nobody."""
        pace, self._pace = self._pace, None
        if pace is not None:
            await pace.turn()

    async def _next_request(self) -> Incoming[RequestHeader] | None:
        while (request := self._receiver.next_message()) is NEED_MORE:
            data = await self._read()
            if not data:
                if self._receiver.inside_message:
                    logger.debug("%s left in the middle of a Go RPC call", self._peer)
                return None
            self._receiver.feed(data)
        self._deadline = None
        return request

    async def _read(self) -> bytes:
        """Read what there is; nothing at the peer's end or after too long an idle time."""
        if self._receiver.inside_message:
            loop = asyncio.get_running_loop()
            self._deadline = self._deadline or loop.time() + self._limits.value_seconds
            try:
                async with asyncio.timeout_at(self._deadline):
                    return await self._reader.read(_CHUNK)
            except TimeoutError as error:
                seconds = self._limits.value_seconds
                raise StreamLimitError(f"a call was not complete within {seconds:g} s") from error
        while True:
            try:
                async with asyncio.timeout(self._limits.idle_seconds):
                    return await self._reader.read(_CHUNK)
            except TimeoutError:
                if not self._calls:
                    logger.debug("closing the idle Go RPC connection of %s", self._peer)
                    return b""

    def _start(self, request: Incoming[RequestHeader], group: asyncio.TaskGroup) -> None:
        header = request.header
        try:
            route = self._routes.find(header.method)
            call = route.bind(self._receiver, request.body, self._peer)
        except BorutaError as error:
            answering = self._refuse(header, str(error))
        else:
            answering = self._answer(header, call, route.reply)
        task = group.create_task(answering)
        self._calls[task] = request.body.memory
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._calls.pop(task, None)
        if not self._calls:
            self._place.idle()

    async def _wait_for_room(self) -> None:
        while len(self._calls) >= self._limits.calls or (
            sum(self._calls.values()) >= self._limits.memory
        ):
            await asyncio.wait(self._calls, return_when=asyncio.FIRST_COMPLETED)

    async def _answer(self, header: RequestHeader, call: Call, schema: GoStruct[object]) -> None:
        try:
            await self._send(header, "", schema, await call())
        except BorutaError as error:
            await self._refuse(header, str(error))
        except Exception:
            logger.exception("%s failed for %s", header.method, self._peer)
            await self._refuse(header, _INTERNAL_ERROR)

    async def _refuse(self, header: RequestHeader, text: str) -> None:
        await self._send(header, text[:_LONGEST_ERROR] or _INTERNAL_ERROR, NO_REPLY, Empty())

    async def _send(
        self, header: RequestHeader, error: str, schema: GoStruct[object], reply: object
    ) -> None:
        response = ResponseHeader(method=header.method, sequence=header.sequence, error=error)
        try:
            # Definitions must leave in the order in which they were encoded.
            async with self._writing, asyncio.timeout(self._limits.write_seconds):
                if self._writer.is_closing():
                    return
                self._writer.write(self._encoder.encode((RESPONSE, response), (schema, reply)))
                await self._writer.drain()
        except TimeoutError:
            logger.info("closing the Go RPC connection of %s: it reads no replies", self._peer)
            self._writer.transport.abort()
        except OSError:
            logger.debug("nobody is left to answer %s at %s", header.method, self._peer)

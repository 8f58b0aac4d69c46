"""One end of a link: calls both ways on one socket, none of which waits for another."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from boruta_farm.link.failures import FrameError, UnknownMethodError
from boruta_farm.link.frames import (
    CallId,
    CallOutcome,
    IncomingCall,
    JsonObject,
    decode,
    encode_call,
    encode_failure,
    encode_result,
)
from boruta_farm.link.mailbox import Mailbox
from boruta_farm.link.socket import Socket
from boruta_farm.model.errors import (
    AgentUnreachableError,
    BorutaError,
    OverloadedError,
    UnavailableError,
)
from boruta_farm.race import race

logger = logging.getLogger(__name__)

CALLS: Final = 64
"""Calls under way in each direction; one more is refused."""

OUTBOX: Final = 64
SEND_WITHIN: Final = 15.0
CLOSE_WITHIN: Final = 5.0
NORMAL: Final = 1000
PROTOCOL_BROKEN: Final = 1002
NOT_READING: Final = 1008

Handler = Callable[[JsonObject], Awaitable[JsonObject]]
"""Answer one call of the other side; a BorutaError travels to it, by its code."""


class Peer:
    """Call the other side and serve its calls while ``run`` runs.

    ``lost`` is the error of calls that the end of the link cut off or that took too long.
    """

    def __init__(
        self,
        socket: Socket,
        handlers: Mapping[str, Handler],
        lost: type[UnavailableError] = AgentUnreachableError,
    ) -> None:
        self._socket = socket
        self._handlers = handlers
        self._lost = lost
        self._outbox: Mailbox[str | None] = Mailbox(OUTBOX)
        self._pending: dict[CallId, asyncio.Future[CallOutcome | None]] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._calls_made = 0
        self._farewell: tuple[int, str] = (NORMAL, "")
        self._closing: asyncio.Future[None] | None = None
        self._aborted = False
        self._over = False

    async def serve(self) -> None:
        """Serve until either side ends the link; then every pending call has failed.

        Raises ProtocolError when the other side sent what is no JSON-RPC.
        """
        closing = self._closing = asyncio.get_running_loop().create_future()
        if self._aborted:
            closing.set_result(None)
        try:
            await race(self._read(), self._write(), closing)
        except FrameError as error:
            self._farewell = (PROTOCOL_BROKEN, error.message)
            raise
        finally:
            await self._end()

    async def call(self, method: str, params: JsonObject, timeout: float) -> JsonObject:
        """Call the other side and return its answer, waiting at most ``timeout`` seconds.

        Raises what the other side raised, OverloadedError, LimitError for too large a message,
        and the ``lost`` error when no answer came.
        """
        if self._over:
            raise self._lost
        if len(self._pending) >= CALLS:
            raise OverloadedError(f"{CALLS} calls of this link wait for an answer; try again")
        self._calls_made += 1
        number = self._calls_made
        answer: asyncio.Future[CallOutcome | None] = asyncio.get_running_loop().create_future()
        text = encode_call(number, method, params)
        self._pending[number] = answer
        try:
            async with asyncio.timeout(timeout):
                await self._outbox.put(text)
                outcome = await answer
        except TimeoutError:
            raise self._lost from None
        finally:
            del self._pending[number]
        if outcome is None:
            raise self._lost
        if outcome.error is not None:
            raise outcome.error
        return outcome.result

    async def notify(self, method: str, params: JsonObject) -> None:
        """Tell the other side something that needs no answer; nothing happens after the end."""
        text = encode_call(None, method, params)
        try:
            async with asyncio.timeout(SEND_WITHIN):
                if not self._over:
                    await self._outbox.put(text)
        except TimeoutError:
            logger.debug("dropped the message %r: the other side does not read", method)

    async def close(self, code: int, reason: str) -> None:
        """End the link once what was already told has been sent."""
        self._farewell = (code, reason)
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await self._outbox.put(None)
        except TimeoutError:
            self._abort()

    def abort(self, code: int, reason: str) -> None:
        """End the link at once."""
        self._farewell = (code, reason)
        self._abort()

    def _abort(self) -> None:
        self._aborted = True
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)

    async def _read(self) -> None:
        while (text := await self._receive()) is not None:
            try:
                message = decode(text)
            except FrameError as error:
                await self._send_last(encode_failure(None, error))
                raise
            if isinstance(message, IncomingCall):
                await self._start(message)
            else:
                self._settle(message)

    async def _receive(self) -> str | None:
        try:
            return await self._socket.receive()
        except Exception:
            # Each library has errors of its own for a lost connection or a message of bytes.
            logger.debug("the link broke while reading", exc_info=True)
            return None

    async def _start(self, call: IncomingCall) -> None:
        if len(self._serving) < CALLS:
            task = asyncio.get_running_loop().create_task(self._serve(call))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        elif call.id is not None:
            # Waiting for room here would keep answers to our own calls from being read.
            error = OverloadedError(f"{CALLS} calls of this link are under way; try again")
            await self._outbox.put(encode_failure(call.id, error))
        else:
            logger.warning("dropped the message %r: too many calls are under way", call.method)

    async def _serve(self, call: IncomingCall) -> None:
        answer = await self._answer(call)
        if call.id is not None:
            await self._outbox.put(answer)

    async def _answer(self, call: IncomingCall) -> str:
        call_id = call.id if call.id is not None else 0
        try:
            handler = self._handlers.get(call.method)
            if handler is None:
                raise UnknownMethodError(f"there is no call {call.method!r}")
            return encode_result(call_id, await handler(call.params))
        except BorutaError as error:
            if call.id is None:
                logger.warning("the message %r was refused: %s", call.method, error)
            return encode_failure(call_id, error)
        except Exception:
            # A fault of ours must neither end the link nor show its insides to the other side.
            logger.exception("the call %r failed unexpectedly", call.method)
            return encode_failure(call_id, BorutaError("the call failed; the log there tells why"))

    def _settle(self, outcome: CallOutcome) -> None:
        if outcome.id is None:
            logger.warning("the other side could not read a message: %s", outcome.error)
            return
        answer = self._pending.get(outcome.id)
        if answer is not None and not answer.done():
            answer.set_result(outcome)

    async def _write(self) -> None:
        while (text := await self._outbox.get()) is not None:
            try:
                async with asyncio.timeout(SEND_WITHIN):
                    await self._socket.send(text)
            except TimeoutError:
                self._farewell = (NOT_READING, "messages were not read in time")
                return
            except Exception:
                # As in reading: what a socket raises when its other end has gone is its own.
                logger.debug("the link broke while sending", exc_info=True)
                return

    async def _send_last(self, text: str) -> None:
        """Send a message right before the end, past those that wait."""
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await self._socket.send(text)
        except Exception:
            logger.debug("the other side does not read why the link ends", exc_info=True)

    async def _end(self) -> None:
        self._over = True
        for answer in self._pending.values():
            if not answer.done():
                answer.set_result(None)
        self._outbox.clear()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await self._socket.close(*self._farewell)
        except Exception:
            # Sockets of different libraries raise different errors when the other side was first.
            logger.debug("closing a link that has gone already", exc_info=True)

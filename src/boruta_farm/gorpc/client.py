"""A client for Go's ``net/rpc`` servers, on TCP and unix sockets."""

import asyncio
import logging
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias

from boruta_farm.gorpc.decoder import NEED_MORE
from boruta_farm.gorpc.encoder import Encoder
from boruta_farm.gorpc.errors import (
    BrokenStreamError,
    CallTimeoutError,
    DisconnectedError,
    ServerError,
)
from boruta_farm.gorpc.limits import DEFAULT_LIMITS, GobLimits
from boruta_farm.gorpc.rpc import (
    REQUEST,
    RESPONSE,
    ArgumentT,
    Incoming,
    Receiver,
    ReplyT,
    RequestHeader,
    ResponseHeader,
    RpcMethod,
)
from boruta_farm.gorpc.streams import close_stream

logger = logging.getLogger(__name__)

Address: TypeAlias = tuple[str, int] | Path
"""A host and a port, or the path of a unix socket."""

_CHUNK: Final = 16 * 1024
_STREAM_BUFFER: Final = 16 * 1024


async def connect(
    address: Address, *, timeout: float = 5.0, limits: GobLimits = DEFAULT_LIMITS
) -> "RpcClient":
    """Connect within ``timeout`` seconds; raise ``DisconnectedError`` or ``CallTimeoutError``."""
    try:
        async with asyncio.timeout(timeout):
            if isinstance(address, Path):
                streams = await asyncio.open_unix_connection(address, limit=_STREAM_BUFFER)
            else:
                host, port = address
                streams = await asyncio.open_connection(host, port, limit=_STREAM_BUFFER)
    except TimeoutError as error:
        raise CallTimeoutError(f"{_name(address)} did not accept within {timeout:g} s") from error
    except OSError as error:
        raise DisconnectedError(f"cannot connect to {_name(address)}: {error}") from error
    return RpcClient(*streams, limits=limits)


async def call_once(
    address: Address,
    method: RpcMethod[ArgumentT, ReplyT],
    argument: ArgumentT,
    *,
    connect_timeout: float = 5.0,
    reply_timeout: float = 30.0,
    limits: GobLimits = DEFAULT_LIMITS,
) -> ReplyT:
    """Connect, call, close, as the original does it towards boards. Times are in seconds."""
    async with await connect(address, timeout=connect_timeout, limits=limits) as client:
        return await client.call(method, argument, timeout=reply_timeout)


class RpcClient:
    """Call methods over one connection, as many at once as the caller likes.

    Replies may come in any order. A lost connection stays lost: connect anew. At most
    ``limits.calls`` calls are under way, further ones wait for their turn.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        limits: GobLimits = DEFAULT_LIMITS,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._receiver = Receiver(RESPONSE, limits)
        self._encoder = Encoder(limits)
        self._limits = limits
        self._turns = asyncio.Semaphore(limits.calls)
        self._draining = asyncio.Lock()
        self._pending: dict[int, asyncio.Future[Incoming[ResponseHeader] | None]] = {}
        self._sequence = 0
        self._unasked = 0
        self._lost: str | None = None
        self._receiving = asyncio.get_running_loop().create_task(self._receive())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def call(
        self, method: RpcMethod[ArgumentT, ReplyT], argument: ArgumentT, *, timeout: float | None
    ) -> ReplyT:
        """Call and wait for the reply, ``timeout`` seconds at most.

        Raises ``ServerError`` with the text of an error reply, ``CallTimeoutError``,
        ``DisconnectedError``, or ``MismatchError`` when argument or reply are not of the
        method's types. After a timeout or a cancellation the connection is still good; whether
        the method was carried out is unknown.
        """
        try:
            async with asyncio.timeout(timeout), self._turns:
                reply = await self._exchange(method, argument)
        except TimeoutError as error:
            raise CallTimeoutError(f"{method.name} was not answered in {timeout} s") from error
        if reply.header.error:
            raise ServerError(reply.header.error)
        return self._receiver.bind(reply.body, method.reply)

    async def lost(self) -> str:
        """Wait until the connection is lost, without asking the peer anything; return why."""
        await asyncio.wait((self._receiving,))
        return self._lost or "connection is shut down"

    async def close(self) -> None:
        """Close the connection; calls under way end with ``DisconnectedError``."""
        self._receiving.cancel()
        await asyncio.gather(self._receiving, return_exceptions=True)
        self._writer.transport.abort()
        await close_stream(self._writer, self._limits.write_seconds)

    async def _exchange(
        self, method: RpcMethod[ArgumentT, ReplyT], argument: ArgumentT
    ) -> Incoming[ResponseHeader]:
        if self._lost is not None:
            raise DisconnectedError(self._lost)
        sequence = self._sequence
        header = RequestHeader(method=method.name, sequence=sequence)
        data = self._encoder.encode((REQUEST, header), (method.argument, argument))
        self._sequence += 1
        answered: asyncio.Future[Incoming[ResponseHeader] | None] = (
            asyncio.get_running_loop().create_future()
        )
        self._pending[sequence] = answered
        try:
            # Encoding and writing without a pause between keeps the definitions in order.
            self._writer.write(data)
            async with self._draining:
                await self._writer.drain()
            reply = await answered
        except ConnectionError as error:
            raise DisconnectedError(f"connection is shut down: {error}") from error
        finally:
            del self._pending[sequence]
        if reply is None:
            raise DisconnectedError(self._lost)
        return reply

    async def _receive(self) -> None:
        lost = "connection is shut down"
        try:
            while data := await self._reader.read(_CHUNK):
                self._receiver.feed(data)
                self._hand_out()
            if self._receiver.inside_message or self._pending:
                lost = "unexpected EOF"
        except (BrokenStreamError, OSError) as error:
            lost = f"connection is shut down: {error}"
        finally:
            self._lost = lost
            self._writer.close()
            for answered in self._pending.values():
                if not answered.done():
                    answered.set_result(None)

    def _hand_out(self) -> None:
        while (reply := self._receiver.next_message()) is not NEED_MORE:
            answered = self._pending.get(reply.header.sequence)
            if answered is None or answered.done():
                # Its caller has given up waiting; Go's client drops such replies too.
                logger.debug("dropped a late reply to %s", reply.header.method)
                self._unasked += 1
                if self._unasked > self._sequence:
                    raise BrokenStreamError("it sends replies that nobody asked for")
            else:
                answered.set_result(reply)


def _name(address: Address) -> str:
    return str(address) if isinstance(address, Path) else "{} port {}".format(*address)

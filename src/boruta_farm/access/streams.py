"""Streams that boards' agents open to the relay: asked for with a token, claimed, or given up."""

import asyncio
import hashlib
import logging
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)

LIFE = 15.0
"""Seconds in which the agent has to present a token; afterwards it is asked with another."""

PATIENCE = 45.0
"""Seconds a user's connection waits for a stream while server or agent are away."""


class StreamRefusedError(OSError):
    """the board's agent cannot or will not open a stream"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOrder:
    """Ask a board's agent for one stream: whoever presents the token first is its other end."""

    worker: str
    epoch: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    wish: StreamOrder
    stream: "asyncio.Future[socket.socket]"


class Streams:
    """Match users' connections with streams that agents open for them.

    A token is good for one stream of one worker in one epoch, for ``life`` seconds, and is kept
    as a hash only. Nothing is asked while no server listens: who waits, waits on.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, life: float = LIFE, patience: float = PATIENCE
    ) -> None:
        self.life = life
        self._loop = loop
        self._patience = patience
        self._asked: dict[bytes, _Asked] = {}
        self._ask: Callable[[StreamOrder], None] | None = None
        self._askable = asyncio.Event()

    def serve(self, ask: Callable[[StreamOrder], None] | None) -> None:
        """Ask by this from now on, also for what is asked already; None while nobody listens."""
        self._ask = ask
        if ask is None:
            self._askable.clear()
            return
        self._askable.set()
        for asked in tuple(self._asked.values()):
            ask(asked.wish)

    async def open(self, worker: str, epoch: int) -> socket.socket:
        """Return a stream to the board. Raises TimeoutError, StreamRefusedError."""
        async with asyncio.timeout(self._patience):
            while True:
                await self._askable.wait()
                try:
                    async with asyncio.timeout(self.life):
                        return await self._once(worker, epoch)
                except TimeoutError:
                    logger.info("worker %r epoch %d: no stream yet, asking again", worker, epoch)

    def claim(self, worker: str, epoch: int, token: str) -> "asyncio.Future[socket.socket] | None":
        """Use a token up and return where its stream goes; None for one that is good for nothing.

        A token presented for another worker or epoch is used up too.
        """
        asked = self._asked.pop(_digest(token), None)
        if asked is None or asked.stream.done():
            return None
        if (asked.wish.worker, asked.wish.epoch) != (worker, epoch):
            asked.stream.set_exception(
                StreamRefusedError("its token was presented for another board or epoch")
            )
            return None
        return asked.stream

    def refuse(self, token: str, reason: str) -> None:
        """Give up what was asked for with a token, because the agent will not do it."""
        asked = self._asked.get(_digest(token))
        if asked is not None and not asked.stream.done():
            asked.stream.set_exception(StreamRefusedError(reason))

    async def _once(self, worker: str, epoch: int) -> socket.socket:
        token = secrets.token_urlsafe(32)
        stream: asyncio.Future[socket.socket] = self._loop.create_future()
        wish = StreamOrder(worker=worker, epoch=epoch, token=token)
        digest = _digest(token)
        self._asked[digest] = _Asked(wish=wish, stream=stream)
        if self._ask is not None:
            self._ask(wish)
        try:
            return await stream
        except asyncio.CancelledError:
            # It may have come in the very moment in which nobody wants it any more.
            if stream.done() and not stream.cancelled() and stream.exception() is None:
                stream.result().close()
            raise
        finally:
            self._asked.pop(digest, None)


def hand_in(stream: "asyncio.Future[socket.socket]", board: socket.socket) -> bool:
    """Give a claimed stream its socket; False, and closed, when nobody waits any more."""
    if stream.done():
        board.close()
        return False
    stream.set_result(board)
    return True


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

"""What relays ask of boards' agents, on its way through the server: the bytes never are."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from boruta_farm.access import messages
from boruta_farm.access.link import RelayLink
from boruta_farm.access.messages import Message
from boruta_farm.contracts import StreamingBoards, StreamingDryad
from boruta_farm.model.errors import BorutaError, UnavailableError

logger = logging.getLogger(__name__)

MOST = 1024
"""Wishes that may wait or be under way; one more is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamWish:
    """Ask a worker's agent for one stream to the relay's ``port``, within ``life`` seconds."""

    relay: RelayLink
    worker: str
    epoch: int
    port: int
    life: float
    token: str = field(repr=False)

    @classmethod
    def read(cls, relay: RelayLink, message: Message) -> "StreamWish":
        """Return the wish that a relay's line carries. Raises ProtocolError."""
        return cls(
            relay=relay,
            worker=message.text("worker"),
            epoch=message.whole("epoch"),
            port=message.whole("port"),
            life=message.seconds_or_none("life") or 0.0,
            token=message.text("token"),
        )

    def refuse(self, reason: str) -> None:
        """Tell the relay that no stream will come."""
        self.relay.tell(messages.REFUSE, token=self.token, reason=reason)


class Wishes:
    """Keep what relays ask for until somebody takes it up; implements ``WishSource``."""

    def __init__(self) -> None:
        self._waiting: deque[StreamWish] = deque()
        self._come = asyncio.Event()

    def put(self, wish: StreamWish) -> None:
        """Add a wish, or refuse it when too many wait."""
        if len(self._waiting) >= MOST:
            wish.refuse("the server is asked for too many streams at once; try again")
            return
        self._waiting.append(wish)
        self._come.set()

    async def wish(self) -> StreamWish:
        """Wait for the next wish."""
        while not self._waiting:
            self._come.clear()
            await self._come.wait()
        return self._waiting.popleft()


class WishSource(Protocol):
    """Where wishes come from."""

    async def wish(self) -> StreamWish:
        """Wait for the next wish."""
        ...


class OutboundStreams:
    """Ask boards' agents for the streams that relays wish for.

    An agent that is away is waited for; when it does not come in time, or the link breaks, nobody
    answers the relay, which then asks again with another token. What an agent refuses is told.
    """

    def __init__(self, boards: StreamingBoards, wishes: WishSource) -> None:
        self._boards = boards
        self._wishes = wishes

    async def serve(self) -> NoReturn:
        """Take up wish after wish until cancelled."""
        room = asyncio.Semaphore(MOST)
        async with asyncio.TaskGroup() as group:
            while True:
                await room.acquire()
                task = group.create_task(self._fulfil(await self._wishes.wish()))
                task.add_done_callback(lambda _: room.release())

    async def _fulfil(self, wish: StreamWish) -> None:
        try:
            async with asyncio.timeout(wish.life):
                board = await self._board(wish.worker)
                await board.open_stream(wish.epoch, wish.token, wish.port)
        except (TimeoutError, UnavailableError) as error:
            logger.info(
                "worker %s epoch %d: its agent did not open a stream yet: %s",
                wish.worker,
                wish.epoch,
                error or "it is away",
            )
        except BorutaError as error:
            logger.warning(
                "worker %s epoch %d: no stream: %s", wish.worker, wish.epoch, error.message
            )
            wish.refuse(error.message)

    async def _board(self, worker: str) -> StreamingDryad:
        watch = self._boards.watch()
        try:
            while (board := self._boards.streaming(worker)) is None:
                await watch.next()
            return board
        finally:
            watch.close()

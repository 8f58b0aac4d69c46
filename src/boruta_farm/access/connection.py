"""One user's connection: it waits for a live job, reaches the board, carries bytes, is cut."""

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from boruta_farm.access.flow import Copier, Flow
from boruta_farm.access.liveness import Watch, answered

logger = logging.getLogger(__name__)

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Say for which live job a connection is, and how its board is reached.

    ``reach`` raises OSError and TimeoutError; ``name`` is for the log.
    """

    epoch: int
    name: str
    reach: Callable[[], Awaitable[socket.socket]]


Granted = Callable[[], Awaitable[Target | None]]


class Connection:
    """Carry one connection from acceptance to its end; ``closed`` is called once at the end.

    Until the board is reached nothing is read from the client: early bytes stay in the kernel
    and keep their order.
    """

    def __init__(
        self,
        copier: Copier,
        client: socket.socket,
        granted: Granted,
        closed: Callable[["Connection"], None],
    ) -> None:
        self.epoch: int | None = None
        self._copier = copier
        self._client = client
        self._board: socket.socket | None = None
        self._closed = closed
        self._flows: tuple[Flow, ...] = ()
        self._watches = (Watch(), Watch())
        self._cut = False
        self._over = False
        self._setup = copier.loop.create_task(self._set_up(granted))
        self._setup.add_done_callback(self._set_up_over)

    def cut(self) -> None:
        """End the connection now, whatever is still on its way."""
        if self._cut or self._over:
            return
        self._cut = True
        self._setup.cancel()
        for flow in self._flows:
            flow.stop()
        if any(flow.in_thread for flow in self._flows):
            # Wakes the threads and, unlike a full shutdown, tells the peers no clean end.
            for side in self._sides():
                with suppress(OSError):
                    side.shutdown(socket.SHUT_RD)
        self._close_when_over()

    def check(self) -> None:
        """Cut the connection when one of its peers is gone."""
        for side, watch in zip(self._sides(), self._watches, strict=False):
            if watch.dead(answered(side)):
                self.cut()
                return

    def _sides(self) -> tuple[socket.socket, ...]:
        return (self._client,) if self._board is None else (self._client, self._board)

    async def _set_up(self, granted: Granted) -> socket.socket | None:
        target = await granted()
        if target is None:
            return None
        self.epoch = target.epoch
        try:
            return await target.reach()
        except (OSError, TimeoutError) as error:
            logger.warning("%s: %s", target.name, str(error) or "no answer in time")
            return None

    def _set_up_over(self, setup: "asyncio.Task[socket.socket | None]") -> None:
        board = None if setup.cancelled() else setup.result()
        if self._over:
            if board is not None:
                board.close()
            return
        self._board = board
        if board is None or self._cut:
            self._close()
            return
        self._flows = (
            Flow(self._copier, self._client, board, self._flow_ended),
            Flow(self._copier, board, self._client, self._flow_ended),
        )
        for flow in self._flows:
            flow.start()

    def _flow_ended(self, clean: bool) -> None:
        if not clean:
            self.cut()
        self._close_when_over()

    def _close_when_over(self) -> None:
        if self._setup.done() and all(flow.over for flow in self._flows):
            self._close()

    def _close(self) -> None:
        if self._over:
            return
        self._over = True
        for side in self._sides():
            if self._cut:
                # A reset frees both peers at once and drops what the kernel still holds.
                with suppress(OSError):
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            side.close()
        self._closed(self)

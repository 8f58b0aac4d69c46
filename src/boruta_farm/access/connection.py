"""One user's connection: it waits for a live job, reaches the board, carries bytes, is cut."""

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from boruta_farm.access.flow import Copier, Flow
from boruta_farm.access.liveness import LifeWatch, answered

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


class Host(Protocol):
    """The port that a connection came to."""

    @property
    def patience(self) -> float:
        """Return the seconds in which a client must say something."""
        ...

    async def granted(self) -> Target | None:
        """Return the live job's target, after waiting for it a while; None without one."""
        ...

    def session(self, connection: "TunnelConnection") -> bool | None:
        """Tell whether a connection has a session, as the board's agent says; None: not known."""
        ...

    async def turn(self, connection: "TunnelConnection") -> None:
        """Return when the connection may go on to the board: few may that say nothing."""
        ...

    def heard(self, connection: "TunnelConnection") -> None:
        """Hear that a connection's client has spoken."""
        ...

    def gone(self, connection: "TunnelConnection") -> None:
        """Hear that a connection has ended."""
        ...


SIGNS_OF_LIFE = 900
"""Bytes a minute, both ways, that need not be anybody's doing.

SSH's question whether the other side is there and its answer take 80 to 120 bytes and come every
10 to 15 s; a key that is typed, with its echo, takes some 100.
"""
PROVEN_BYTES = 8192
PROVEN_AFTER = 150.0
"""What a session has carried, or how many seconds it has lasted, that got through its sign-in.

An SSH server hangs up on whoever has not signed in after two minutes, or sends anything else.
"""


class TunnelConnection:
    """Carry one connection from acceptance to its end, of which its port is told once.

    Until the board is reached nothing is read from the client: early bytes stay in the kernel
    and keep their order. Who says nothing is cut when the port's patience ends. ``source`` is for
    whom the client counts.
    """

    def __init__(
        self,
        copier: Copier,
        client: socket.socket,
        source: str,
        port: "Host",
    ) -> None:
        self.epoch: int | None = None
        self.source = source
        self.born = copier.loop.time()
        self.silent = True
        """Whether the client has not said anything yet: SSH's begin with their version."""
        self._copier = copier
        self._client = client
        self._board: socket.socket | None = None
        self._port = port
        self._spoken = asyncio.Event()
        self._flows: tuple[Flow, ...] = ()
        self._watches = (LifeWatch(), LifeWatch())
        self._counted = 0
        self._cut = False
        self._over = False
        self._hearing = True
        copier.loop.add_reader(client, self._hear)
        self._patience = copier.loop.call_later(port.patience, self._lose_patience)
        self._setup = copier.loop.create_task(self._set_up())
        self._setup.add_done_callback(self._set_up_over)

    @property
    def ending(self) -> bool:
        """Tell whether the connection was cut, and will be gone in a moment."""
        return self._cut

    def dialled_from(self, target: int) -> int | None:
        """Return our port of a connection that was dialled to this one of the board, else None."""
        board = self._board
        if board is None or self._over or board.family == socket.AF_UNIX:
            return None
        try:
            return int(board.getsockname()[1]) if board.getpeername()[1] == target else None
        except OSError:
            # It has just broken.
            return None

    @property
    def proven(self) -> bool:
        """Tell whether there is a session: the agent's word, else what age and bytes tell."""
        if self.silent:
            return False
        known = self._port.session(self)
        if known is not None:
            return known
        carried = sum(flow.carried for flow in self._flows)
        old = self._copier.loop.time() - self.born >= PROVEN_AFTER
        return old or carried >= PROVEN_BYTES

    def take_use(self) -> bool:
        """Tell whether more than signs of life has passed since this was asked last."""
        carried = sum(flow.carried for flow in self._flows)
        passed, self._counted = carried - self._counted, carried
        return passed > SIGNS_OF_LIFE or any(flow.in_thread for flow in self._flows)

    async def spoken(self) -> None:
        """Return once the client has said something."""
        await self._spoken.wait()

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

    def _hear(self) -> None:
        """Look whether the client has said something, without reading it."""
        try:
            said = self._client.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.cut()
            return
        self._hear_no_more()
        if said:
            self._speak()

    def _hear_no_more(self) -> None:
        if self._hearing:
            self._hearing = False
            self._copier.loop.remove_reader(self._client)

    def _speak(self) -> None:
        if self.silent:
            self.silent = False
            self._patience.cancel()
            self._spoken.set()
            self._port.heard(self)

    def _lose_patience(self) -> None:
        if self.silent:
            logger.info("%s said nothing for %g s: cut", self.source, self._port.patience)
            self.cut()

    async def _set_up(self) -> socket.socket | None:
        target = await self._port.granted()
        if target is None:
            return None
        self.epoch = target.epoch
        await self._port.turn(self)
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
        self._hear_no_more()
        if board is None or self._cut:
            self._close()
            return
        self._flows = (
            Flow(self._copier, self._client, board, self._flow_ended, self._speak),
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
        self._patience.cancel()
        self._hear_no_more()
        for side in self._sides():
            if self._cut:
                # A reset frees both peers at once and drops what the kernel still holds.
                with suppress(OSError):
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            side.close()
        self._port.gone(self)

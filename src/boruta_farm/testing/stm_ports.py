"""Lines to an emulated controller: in memory, for virtual time, and a real pseudo-terminal."""

import asyncio
import os
import tty
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from boruta_farm.dryad.stm.errors import PortError
from boruta_farm.testing.stm import Firmware


class MemoryLine:
    """Connect to a firmware without the system; ``open`` is what a ``Line`` is made with.

    ``piece`` is how many bytes a read returns at most, ``latency`` how many seconds they are on
    their way. ``unplug`` loses whatever port is open
    and refuses new ones until ``plug``.
    """

    def __init__(
        self, *, echo_sticks: bool = True, piece: int = 4096, latency: float = 0.0
    ) -> None:
        self.firmware = Firmware(self._send, echo_sticks=echo_sticks)
        self.opened = 0
        self._piece = piece
        self._latency = latency
        self._on_the_way: deque[bytes] = deque()
        self._port: MemoryPort | None = None
        self._plugged = True

    def open(self) -> "MemoryPort":
        """Open the line, as ``SerialPort`` opens a device."""
        if not self._plugged:
            raise PortError("cannot open the line in memory: it is unplugged")
        self.opened += 1
        self._port = MemoryPort(self.firmware, self._piece)
        return self._port

    def deliver(self, data: bytes) -> None:
        """Let bytes arrive at whoever reads: the firmware's, or noise."""
        if self._port is not None:
            self._port.deliver(data)

    def unplug(self) -> None:
        """Lose the line."""
        self._plugged = False
        if self._port is not None:
            self._port.lose()

    def plug(self) -> None:
        """Have the line again."""
        self._plugged = True

    def _send(self, data: bytes) -> None:
        if not self._latency:
            self.deliver(data)
            return
        self._on_the_way.append(data)
        asyncio.get_running_loop().call_later(
            self._latency, lambda: self.deliver(self._on_the_way.popleft())
        )


class MemoryPort:
    """Be a ``Port`` whose other end is a firmware in the same process."""

    name = "the line in memory"

    def __init__(self, firmware: Firmware, piece: int) -> None:
        self._firmware = firmware
        self._piece = piece
        self._received = bytearray()
        self._changed = asyncio.Event()
        self._lost = False

    async def read(self) -> bytes:
        """Wait for bytes and return the first piece of them."""
        while not self._received:
            self._check()
            self._changed.clear()
            await self._changed.wait()
        self._check()
        piece = bytes(self._received[: self._piece])
        del self._received[: self._piece]
        return piece

    def read_waiting(self) -> bytes:
        """Return all that has come."""
        self._check()
        waiting = bytes(self._received)
        self._received.clear()
        return waiting

    async def write(self, data: bytes) -> None:
        """Let the firmware take all bytes at once."""
        self._check()
        self._firmware.receive(data)

    def close(self) -> None:
        """Lose the line from this side."""
        self.lose()

    def deliver(self, data: bytes) -> None:
        """Add bytes for the reader."""
        self._received += data
        self._changed.set()

    def lose(self) -> None:
        """Fail from now on, and whoever waits."""
        self._lost = True
        self._changed.set()

    def _check(self) -> None:
        if self._lost:
            raise PortError("lost the line in memory")


class PseudoTerminal:
    """Run a firmware behind a device file of its own, ``path``, within the running loop.

    ``latency`` is how many seconds its words are on their way.
    """

    def __init__(
        self,
        *,
        echo_sticks: bool = True,
        latency: float = 0.0,
        after: Callable[[], None] | None = None,
    ) -> None:
        self.firmware = Firmware(self._send, echo_sticks=echo_sticks, after=after)
        self._latency = latency
        self._loop = asyncio.get_running_loop()
        self._master, self._slave = os.openpty()
        # The other end sets the line up for itself; until then nothing must be echoed.
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = Path(os.ttyname(self._slave))
        self._loop.add_reader(self._master, self._receive)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def deliver(self, data: bytes) -> None:
        """Send bytes to whoever has the device open; what nobody reads is lost in the end."""
        if self._master >= 0:
            # There is no flow control on the real line either.
            with suppress(BlockingIOError):
                os.write(self._master, data)

    def close(self) -> None:
        """Hang up; whoever has the device open loses it."""
        if self._master < 0:
            return
        self.firmware.close()
        self._loop.remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = -1

    def _send(self, data: bytes) -> None:
        if self._latency:
            self._loop.call_later(self._latency, self.deliver, data)
        else:
            self.deliver(data)

    def _receive(self) -> None:
        self.firmware.receive(os.read(self._master, 4096))

"""The serial line itself: 115200 baud, 8 data bits, no parity, 1 stop bit, no flow control.

pyserial opens it, sets it up and locks it. Bytes are moved on its descriptor by the event loop,
since pyserial itself only waits in threads.
"""

import asyncio
import errno
import fcntl
import os
import termios
from pathlib import Path
from typing import Final, Protocol

import serial

from boruta_farm.dryad.stm.errors import PortError

DEFAULT_PATH: Final = Path("/dev/ttyS2")
"""Where a MuxPi's NanoPi has it; ``ttyS1`` is the console of the device under test."""

_BAUD: Final = 115200
_CHUNK: Final = 1024
_MOST_WAITING: Final = 64 * 1024
_RETRY: Final = frozenset({errno.EAGAIN, errno.EINTR})


class Port(Protocol):
    """Carry bytes to the chip and back. Everything that fails is a ``PortError``."""

    @property
    def name(self) -> str:
        """Return what to call the line in messages."""
        ...

    async def read(self) -> bytes:
        """Wait for bytes and return them, one byte at least. One reader at a time."""
        ...

    def read_waiting(self) -> bytes:
        """Return what has come already, without waiting."""
        ...

    async def write(self, data: bytes) -> None:
        """Hand over all bytes."""
        ...

    def close(self) -> None:
        """Give the line up; whoever waits on it gets a ``PortError``."""
        ...


class SerialPort:
    """Hold a serial device open, for this process alone.

    Two readers would steal each other's replies, so the device is locked, against programs that
    look (``flock``) and against those that do not (``TIOCEXCL``).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiter: asyncio.Future[None] | None = None
        self._serial = _open(path)
        self._descriptor = self._serial.fileno()
        fcntl.ioctl(self._descriptor, termios.TIOCEXCL)

    @property
    def name(self) -> str:
        """Return the device's path."""
        return str(self._path)

    async def read(self) -> bytes:
        """Wait for bytes; raise ``PortError`` when the device is gone or closed."""
        while (data := self._read()) is None:
            await self._wait(readable=True)
        return data

    def read_waiting(self) -> bytes:
        """Return what the system has kept since the last read."""
        waiting = bytearray()
        while len(waiting) < _MOST_WAITING and (data := self._read()) is not None:
            waiting += data
        return bytes(waiting)

    async def write(self, data: bytes) -> None:
        """Write all bytes, waiting while the system takes no more."""
        rest = memoryview(data)
        while rest:
            self._check_open()
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except OSError as error:
                if error.errno not in _RETRY:
                    raise self._lost(error) from error
                await self._wait(readable=False)

    def close(self) -> None:
        """Unlock and close the device."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        if self._waiter is not None and not self._waiter.done():
            loop = self._waiter.get_loop()
            loop.remove_reader(descriptor)
            loop.remove_writer(descriptor)
            self._waiter.set_exception(PortError(f"{self._path} was closed"))
        try:
            # Exclusive use would outlive us while anybody else has the device open.
            fcntl.ioctl(descriptor, termios.TIOCNXCL)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.ENOTTY, errno.ENXIO):
                raise
        finally:
            self._serial.close()

    def _check_open(self) -> None:
        if self._descriptor < 0:
            raise PortError(f"{self._path} was closed")

    def _read(self) -> bytes | None:
        """Return bytes, or None when there are none yet."""
        self._check_open()
        try:
            data = os.read(self._descriptor, _CHUNK)
        except OSError as error:
            if error.errno in _RETRY:
                return None
            raise self._lost(error) from error
        if not data:
            raise self._lost(OSError(errno.EIO, "it was hung up"))
        return data

    def _lost(self, error: OSError) -> PortError:
        return PortError(f"lost the serial line {self._path}: {error.strerror}")

    async def _wait(self, *, readable: bool) -> None:
        self._check_open()
        loop = asyncio.get_running_loop()
        descriptor, self._waiter = self._descriptor, loop.create_future()
        waiter = self._waiter
        add, remove = (
            (loop.add_reader, loop.remove_reader)
            if readable
            else (loop.add_writer, loop.remove_writer)
        )
        add(descriptor, _wake, waiter)
        try:
            await waiter
        finally:
            if self._descriptor == descriptor:
                remove(descriptor)
            self._waiter = None


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _open(path: Path) -> serial.Serial:
    """Open, lock and set up the device. Raises PortError with what to do."""
    try:
        return serial.Serial(
            str(path),
            _BAUD,
            timeout=0,
            # Reads then need one character: with none the system would report "nothing yet" as
            # the end of the line.
            inter_byte_timeout=0,
            exclusive=True,
        )
    except serial.SerialException as error:
        words = os.strerror(error.errno) if error.errno else str(error)
        match error.errno:
            case errno.EAGAIN | errno.EBUSY:
                raise PortError(
                    f"{path} is in use by another process; only one may read replies there: "
                    "use its socket instead, or stop it"
                ) from error
            case errno.ENOTTY | None:
                raise PortError(f"{path} is no serial line: {words}") from error
            case _:
                raise PortError(f"cannot open {path}: {words}") from error

"""A stream of bytes from and to the device under test: a serial port, or what stands for one."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Console(Protocol):
    """Carry bytes as they are. The port is open from the tool's start to its close.

    A port that vanishes (a USB adapter was pulled) raises BoardError from every method until
    ``reopen`` has succeeded.
    """

    async def read(self) -> bytes:
        """Wait for bytes and return them; may be called off without losing any."""
        ...

    async def write(self, data: bytes) -> None:
        """Send all bytes; return when the port has taken them."""
        ...

    async def send_break(self) -> None:
        """Send a break, where the port knows one."""
        ...

    async def reopen(self) -> None:
        """Open a port anew that had vanished. Raises BoardError while it is not back."""
        ...

"""The network of the device under test: its named ports, and files that are served to it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Protocol, runtime_checkable


@runtime_checkable
class Net(Protocol):
    """Reach the device by its ports' names (``ssh``, ``gdb``, ``adb``). All raise BoardError."""

    def ports(self) -> Mapping[str, str]:
        """Return ``HOST:PORT`` by name, as the supervisor reaches them."""
        ...

    async def connect(self, port: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection to one of them; the caller closes it."""
        ...

    async def publish(self, name: str, content: AsyncIterator[bytes]) -> str:
        """Serve a file to the device (TFTP, HTTP) and return the address it has there."""
        ...

    async def withdraw(self) -> tuple[str, ...]:
        """Serve nothing any more; return the names of what was served."""
        ...

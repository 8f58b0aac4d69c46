"""The one channel that the link needs from whatever carries it."""

from typing import Protocol


class Socket(Protocol):
    """Carry text messages both ways, in order, to one other side."""

    async def send(self, text: str) -> None:
        """Send one message, waiting while the other side does not read."""
        ...

    async def receive(self) -> str | None:
        """Return the next message, None once the other side has gone."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close the channel with a WebSocket close code and words for the other side's log."""
        ...

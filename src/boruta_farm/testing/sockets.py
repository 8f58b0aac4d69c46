"""Two sockets joined in memory, with the faults of a network on request."""

import asyncio


class MemorySocket:
    """Be one end of a pair; what is sent here is received there.

    ``stalled`` holds back what this end sends: the other end hears nothing, as over a dead
    network path, until the event is cleared by ``resume``.
    """

    def __init__(self) -> None:
        self.other: MemorySocket = self
        self.closed: tuple[int, str] | None = None
        self.inbox: asyncio.Queue[str | None] = asyncio.Queue()
        self._ended = False
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def send(self, text: str) -> None:
        """Send one message. Raises ConnectionResetError once either end was closed."""
        await self._flowing.wait()
        if self.closed is not None or self.other.closed is not None:
            raise ConnectionResetError("the other end has gone")
        self.other.inbox.put_nowait(text)

    async def receive(self) -> str | None:
        """Return the next message, None once either end was closed."""
        if self._ended:
            return None
        text = await self.inbox.get()
        self._ended = text is None
        return text

    async def close(self, code: int, reason: str) -> None:
        """Close both ends; harmless when repeated. The other end's ``closed`` stays None."""
        if self.closed is None:
            self.closed = (code, reason)
            self.inbox.put_nowait(None)
            self.other.inbox.put_nowait(None)

    def stall(self) -> None:
        """Hold back whatever this end sends from now on."""
        self._flowing.clear()

    def resume(self) -> None:
        """Let what was held back go on."""
        self._flowing.set()


def socket_pair() -> tuple[MemorySocket, MemorySocket]:
    """Return two joined ends."""
    left, right = MemorySocket(), MemorySocket()
    left.other, right.other = right, left
    return left, right

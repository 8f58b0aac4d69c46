"""A wire in this process, between a site's relay and a server."""

import asyncio


class LocalWire:
    """One end of a wire; what is sent at one end is received at the other."""

    def __init__(self) -> None:
        self._come: asyncio.Queue[str | None] = asyncio.Queue()
        self.other: LocalWire | None = None
        self.closed: tuple[int, str] | None = None
        self.cut = False
        """Whether what is sent is lost without a word, as by a cable that was pulled."""
        self._reading = False

    async def send(self, text: str) -> None:
        """Send one message."""
        assert self.other is not None
        if not self.cut and not self.other.cut:
            self.other._come.put_nowait(text)

    async def receive(self) -> str | None:
        """Return the next message."""
        if self._reading:
            self._come.task_done()
        self._reading = True
        return await self._come.get()

    async def taken(self) -> None:
        """Return once the other end has done with all that was sent."""
        assert self.other is not None
        await self.other._come.join()

    async def close(self, code: int, reason: str) -> None:
        """Close both ends."""
        assert self.other is not None
        if self.closed is None:
            self.closed = (code, reason)
        self._come.put_nowait(None)
        if not self.cut and not self.other.cut:
            self.other._come.put_nowait(None)


def wire() -> tuple[LocalWire, LocalWire]:
    """Return both ends."""
    near, far = LocalWire(), LocalWire()
    near.other, far.other = far, near
    return near, far

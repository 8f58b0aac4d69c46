"""What a request's console said, read from the farm when its job has ended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from boruta_farm.client.channel import Channel


class HttpConsoles:
    """Read consoles' logs."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    @asynccontextmanager
    async def log(
        self,
        request_id: int,
        name: str = "",
        *,
        times: bool = False,
        cast: bool = False,
        tail: int = 0,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open what a console said, byte by byte as it came.

        ``tail`` takes only so many of the last lines, ``times`` puts its time before each, ``cast``
        makes a recording of all of it. Raises ConsoleLogNotFoundError, also while the job runs:
        then the board has it.
        """
        query = {
            "name": name,
            "tail": str(tail or ""),
            "times": "1" if times else "",
            "cast": "1" if cast else "",
        }
        given = {key: value for key, value in query.items() if value}
        async with self._channel.stream(f"reqs/{request_id}/console", given) as data:
            yield data

    async def tail(self, request_id: int, lines: int) -> list[str]:
        """Return the last lines, in words that cannot steer a terminal. Raises as ``log``."""
        async with self.log(request_id, tail=lines) as data:
            text = b"".join([piece async for piece in data]).decode(errors="replace")
        kept = (line.rstrip("\r") for line in text.split("\n"))
        shown = ["".join(c if c.isprintable() else "?" for c in line) for line in kept]
        return shown[:-1] if shown[-1:] == [""] else shown

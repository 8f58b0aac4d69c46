"""Messages for one reader, kept in little memory."""

import asyncio
from typing import Generic, TypeVar

Message = TypeVar("Message")


class Mailbox(Generic[Message]):
    """Hold messages until the one who reads them has time.

    asyncio's queue keeps four deques, 3 KiB, and each of thousands of agents had two queues.
    Where ``most`` messages are there, ``put`` waits for room; 0 is any number.
    """

    __slots__ = ("_letters", "_most", "_reader", "_room")

    def __init__(self, most: int = 0) -> None:
        self._most = most
        self._letters: list[Message] = []
        self._reader: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        """Tell whether nothing waits to be read."""
        return not self._letters

    def put_nowait(self, message: Message) -> None:
        """Take a message in, room or not."""
        self._letters.append(message)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def put(self, message: Message) -> None:
        """Take a message in once there is room."""
        while self._most and len(self._letters) >= self._most:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            # Others may wait for the same.
            await asyncio.shield(self._room)
        self.put_nowait(message)

    async def get(self) -> Message:
        """Return the next message; one reader at a time waits for it."""
        while not self._letters:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        message = self._letters.pop(0)
        self._make_room()
        return message

    def clear(self) -> None:
        """Forget what nobody reads any more."""
        self._letters.clear()
        self._make_room()

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set_result(None)
            self._room = None

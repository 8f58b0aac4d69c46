"""A door that is open or shut: connections that come in are handed on."""

import asyncio
import logging
import socket
from collections.abc import Callable

from boruta_farm.dryad.tools.door import ToolDoor
from boruta_farm.model.errors import BorutaError

logger = logging.getLogger(__name__)


class DoorListener:
    """Listen at a door; ``take`` gets each connection, and closes it in the end."""

    def __init__(self, door: ToolDoor, take: Callable[[socket.socket, ToolDoor], None]) -> None:
        self._door = door
        self._take = take
        self._listener: socket.socket | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether somebody could come in."""
        return self._listener is not None

    def open(self) -> None:
        """Listen afresh; what waits at the old socket is gone. A failure is told in the log."""
        self.shut()
        try:
            self._listener = self._door.open()
        except BorutaError as error:
            logger.error("nobody can come to the tools: %s", error.message)
            return
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    def shut(self) -> None:
        """Listen no more, and remove the socket."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
            self._door.close()

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError as error:
            logger.info("a caller was gone at once: %s", error)
            return
        self._take(connection, self._door)

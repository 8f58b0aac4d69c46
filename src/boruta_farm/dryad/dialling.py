"""Dial the farm: the link's socket to the server's port, with the board's credential."""

from collections.abc import Callable
from pathlib import Path

from boruta_farm.dialling import ServerPort
from boruta_farm.link.agent import PATH
from boruta_farm.link.socket import Socket
from boruta_farm.model.addresses import websocket_url

OPEN_WITHIN = 10.0
MAX_MESSAGE = 1 << 20


class Dialler:
    """Open sockets to one farm."""

    def __init__(
        self, server: str, credential: Callable[[], str], ca_file: Path | None = None
    ) -> None:
        """Take where the farm is; ``ca_file`` replaces the authorities that the system trusts.

        ``credential`` is asked at every dial, since it changes.
        """
        self._port = ServerPort(
            url=websocket_url(server, PATH),
            ca_file=ca_file,
            caller="the agent",
            naming_it="set ca_file (dryad join: --ca-file) to",
            within=OPEN_WITHIN,
            largest=MAX_MESSAGE,
        )
        self._credential = credential
        self.local_ip: str | None = None
        """Return the address from which the farm was last dialled, as this machine sees it."""

    async def dial(self) -> Socket:
        """Return an open socket. Raises UnavailableError, RefusedError."""
        socket = await self._port.dial(self._credential())
        self.local_ip = socket.local_ip
        return socket

    @property
    def exposed(self) -> bool:
        """Tell whether the credential travels to another machine without TLS."""
        return self._port.exposed

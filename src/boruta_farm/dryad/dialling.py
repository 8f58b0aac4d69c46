"""Dial the farm: one WebSocket to the server's port, with the board's credential."""

import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from boruta_farm.link.agent import PATH
from boruta_farm.link.socket import Socket
from boruta_farm.model.addresses import is_loopback
from boruta_farm.model.errors import RefusedError, UnavailableError

OPEN_WITHIN = 10.0
MAX_MESSAGE = 1 << 20
REFUSALS = (401, 403)


class Dialler:
    """Open sockets to one farm."""

    def __init__(
        self, server: str, credential: Callable[[], str], ca_file: Path | None = None
    ) -> None:
        """Take where the farm is; ``ca_file`` replaces the authorities that the system trusts.

        ``credential`` is asked at every dial, since it changes.
        """
        self._url = link_url(server)
        self._credential = credential
        self._ca_file = ca_file
        self.local_ip: str | None = None
        """Return the address from which the farm was last dialled, as this machine sees it."""

    async def dial(self) -> Socket:
        """Return an open socket. Raises UnavailableError, RefusedError."""
        try:
            connection = await connect(
                self._url,
                additional_headers={"Authorization": f"Bearer {self._credential()}"},
                open_timeout=OPEN_WITHIN,
                max_size=MAX_MESSAGE,
                compression=None,
                proxy=None,
                ping_interval=None,
                ssl=self._trust(),
            )
        except InvalidStatus as error:
            status = error.response.status_code
            if status in REFUSALS:
                raise RefusedError(f"{self._url} turned the agent away ({status})") from error
            if status == 400 and b"HTTPS" in (error.response.body or b""):
                raise UnavailableError(
                    f"{self._url} speaks TLS there: write https:// instead of http:// as server"
                ) from error
            raise UnavailableError(f"{self._url} answered {status}") from error
        except ssl.SSLCertVerificationError as error:
            raise UnavailableError(
                f"{self._url} cannot be trusted: {error.verify_message}; set ca_file (dryad join: "
                "--ca-file) to the file of the authority that signed the farm's certificate"
            ) from error
        except ssl.SSLError as error:
            raise UnavailableError(
                f"no TLS with {self._url}: {error.reason or error}; if the farm serves without "
                "TLS, write http:// instead of https:// as server"
            ) from error
        except (OSError, TimeoutError, WebSocketException) as error:
            raise UnavailableError(f"{self._url} is out of reach: {error}") from error
        self.local_ip = str(connection.local_address[0])
        return ClientSocket(connection)

    @property
    def exposed(self) -> bool:
        """Tell whether the credential travels to another machine without TLS."""
        parts = urlsplit(self._url)
        return parts.scheme == "ws" and not is_loopback(parts.hostname)

    def _trust(self) -> ssl.SSLContext | None:
        """Return what the farm's certificate is checked with; read anew, since it may change."""
        if not self._url.startswith("wss:"):
            return None
        return ssl.create_default_context(cafile=self._ca_file)


class ClientSocket:
    """Show a WebSocket as the link wants it."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, text: str) -> None:
        """Send one message; once the farm has gone it is lost, as ``receive`` will tell."""
        try:
            await self._connection.send(text)
        except ConnectionClosed:
            return

    async def receive(self) -> str | None:
        """Return the next message, None after the farm has gone."""
        try:
            message = await self._connection.recv()
        except ConnectionClosed:
            return None
        return message if isinstance(message, str) else None

    async def close(self, code: int, reason: str) -> None:
        """Close the channel."""
        await self._connection.close(code, reason)


def link_url(server: str) -> str:
    """Return where the farm takes agents, below the server's address."""
    parts = urlsplit(server)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + PATH, "", ""))

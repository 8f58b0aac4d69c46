"""A WebSocket to a server of the farm, dialled with a credential: by agents, by sites' relays."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from boruta_farm.model.addresses import is_exposed
from boruta_farm.model.errors import RefusedError, UnavailableError

REFUSALS = (401, 403)


class ClientSocket:
    """Carry text messages both ways, in order, as the link and the lines of sites want it."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @property
    def local_ip(self) -> str:
        """Return the address from which the server was dialled, as this machine sees it."""
        return str(self._connection.local_address[0])

    async def send(self, text: str) -> None:
        """Send one message; once the server has gone it is lost, as ``receive`` will tell."""
        try:
            await self._connection.send(text)
        except ConnectionClosed:
            return

    async def receive(self) -> str | None:
        """Return the next message, None after the server has gone or sent what is no text."""
        try:
            message = await self._connection.recv()
        except ConnectionClosed:
            return None
        return message if isinstance(message, str) else None

    async def close(self, code: int, reason: str) -> None:
        """Close the channel."""
        await self._connection.close(code, reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPort:
    """Say where a server is dialled, and who dials it.

    ``ca_file`` takes the place of the authorities that the system trusts; ``naming_it`` is how
    its reader names that file, as in "set ca_file to". A message has at most ``largest`` bytes.
    """

    url: str
    ca_file: Path | None
    caller: str
    naming_it: str
    within: float
    """Seconds."""
    largest: int

    @property
    def exposed(self) -> bool:
        """Tell whether the credential travels to another machine without TLS."""
        return is_exposed(self.url)

    async def dial(self, credential: str) -> ClientSocket:
        """Return an open socket. Raises UnavailableError, RefusedError."""
        url = self.url
        try:
            connection = await connect(
                url,
                additional_headers={"Authorization": f"Bearer {credential}"},
                open_timeout=self.within,
                max_size=self.largest,
                compression=None,
                proxy=None,
                ping_interval=None,
                ssl=self._trust(),
            )
        except InvalidStatus as error:
            status = error.response.status_code
            if status in REFUSALS:
                raise RefusedError(f"{url} turned {self.caller} away ({status})") from error
            if status == 400 and b"HTTPS" in (error.response.body or b""):
                raise UnavailableError(
                    f"{url} speaks TLS there: write https:// instead of http:// as server"
                ) from error
            raise UnavailableError(f"{url} answered {status}") from error
        except ssl.SSLCertVerificationError as error:
            raise UnavailableError(
                f"{url} cannot be trusted: {error.verify_message}; {self.naming_it} the file of "
                "the authority that signed the farm's certificate"
            ) from error
        except ssl.SSLError as error:
            raise UnavailableError(
                f"no TLS with {url}: {error.reason or error}; if the farm serves without TLS, "
                "write http:// instead of https:// as server"
            ) from error
        except (OSError, TimeoutError, WebSocketException) as error:
            why = str(error) or "it took too long"
            raise UnavailableError(f"{url} is out of reach: {why}") from error
        return ClientSocket(connection)

    def _trust(self) -> ssl.SSLContext | None:
        """Return what the certificate is checked with; read anew, since it may change."""
        if not self.url.startswith("wss:"):
            return None
        return ssl.create_default_context(cafile=self.ca_file)

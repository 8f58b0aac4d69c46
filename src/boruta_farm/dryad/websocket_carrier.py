"""A stream over a WebSocket, for networks that pass nothing but HTTP."""

import ssl

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from boruta_farm.dryad.carriers import check_answer
from boruta_farm.model.addresses import websocket_url
from boruta_farm.model.errors import UnavailableError

PATH = "/api/v1/stream"
"""Where streams are taken below the server's address."""

OPEN_WITHIN = 5.0
LONGEST_MESSAGE = 1 << 20
PING_EVERY = 20.0


class WebSocketCarrier:
    """Carry a stream's bytes in binary messages; an empty one is the end of its direction."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def receive(self) -> bytes:
        """Return the next message's bytes."""
        try:
            message = await self._connection.recv(decode=False)
        except ConnectionClosed as error:
            raise OSError(f"the WebSocket was closed: {error}") from None
        return message

    async def send(self, data: bytes | memoryview) -> None:
        """Send all of it in one message, waiting while too much is on its way."""
        try:
            await self._connection.send(data)
        except ConnectionClosed as error:
            raise OSError(f"the WebSocket was closed: {error}") from None

    async def end(self) -> None:
        """Send the empty message."""
        await self.send(b"")

    async def finish(self) -> None:
        """Close with a goodbye, which leaves after everything else."""
        await self._connection.close()

    def abort(self) -> None:
        """Let go of the connection."""
        self._connection.transport.abort()


async def connect_websocket(
    url: str, greeting: bytes, trust: ssl.SSLContext | None
) -> WebSocketCarrier:
    """Return a stream that the relay has opened behind a WebSocket.

    Raises UnavailableError when there is no way, BoardError when the relay refuses.
    """
    try:
        connection = await connect(
            url,
            open_timeout=OPEN_WITHIN,
            max_size=LONGEST_MESSAGE,
            compression=None,
            proxy=None,
            ping_interval=PING_EVERY,
            ssl=trust,
        )
    except (OSError, TimeoutError, WebSocketException) as error:
        raise UnavailableError(f"{url} takes no stream: {error or 'no answer'}") from None
    carrier = WebSocketCarrier(connection)
    try:
        await carrier.send(greeting)
        check_answer(await carrier.receive())
    except OSError as error:
        carrier.abort()
        raise UnavailableError(f"{url} does not answer as the relay: {error}") from None
    except BaseException:
        carrier.abort()
        raise
    return carrier


def stream_url(server: str) -> str:
    """Return where streams are taken below a server's address."""
    return websocket_url(server, PATH)

"""A board's ssh over the server's own port: one WebSocket, its bytes on a pair of pipes.

``python -m boruta_farm.client.tunnel ID`` is what ssh is given as its ProxyCommand. It takes the
farm from the environment and the profile, imports little, and says on stderr why it ended.
"""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from boruta_farm.client.config import ClientConfig, load
from boruta_farm.client.proxy import proxy_for
from boruta_farm.client.trust import trust
from boruta_farm.client.way import AGENT
from boruta_farm.model.addresses import websocket_url
from boruta_farm.model.errors import (
    BorutaError,
    TunnelError,
    UnauthenticatedError,
    UnavailableError,
)
from boruta_farm.model.token import conceal
from boruta_farm.model.tunnel import BOARD_CLOSED, PIECE, TUNNEL
from boruta_farm.race import race

OPENS_WITHIN: Final = 15.0
PING_EVERY: Final = 30.0
"""Seconds: what stands between may end connections in which nothing is said."""
LEFT_UNREAD: Final = 4
"""Messages that may wait for a reader before the server is not read from any more."""
FAILED: Final = 1
SERVER_LEFT: Final = (1001, 1012)
"""With what a server closes that ends, and one that starts anew (RFC 6455, IANA)."""


@asynccontextmanager
async def tunnel(config: ClientConfig, request_id: int) -> AsyncIterator[ClientConnection]:
    """Have a connection to the ssh of a running request's board for the block.

    Raises UnavailableError, UnauthenticatedError, ConfigError. That the server refuses is told by
    ``ended`` once it has closed.
    """
    headers = {} if config.bearer is None else {"Authorization": f"Bearer {config.bearer}"}
    if config.agent:
        headers["Boruta-Agent"] = config.agent
    url = websocket_url(config.server, f"/api/v1/{TUNNEL.format(request_id=request_id)}")
    try:
        connection = await connect(
            url,
            additional_headers=headers,
            ssl=trust(config) if url.startswith("wss:") else None,
            proxy=proxy_for(config.server, os.environ),
            compression=None,
            open_timeout=OPENS_WITHIN,
            ping_interval=PING_EVERY,
            max_size=2 * PIECE,
            max_queue=LEFT_UNREAD,
        )
    except InvalidStatus as error:
        raise _refused(config.server, error.response.status_code) from error
    except (OSError, TimeoutError, WebSocketException) as error:
        why = str(error) or "it took too long"
        raise UnavailableError(f"{config.server} opens no tunnel: {why}") from error
    try:
        yield connection
    finally:
        await connection.close()


def ended(closed: ConnectionClosed) -> None:
    """Tell why a tunnel has ended; return where its board hung up. Raises TunnelError.

    A running ssh cannot be led to another connection: what was under way in the old one is lost.
    """
    if closed.rcvd is None or closed.rcvd.code in SERVER_LEFT:
        how = "broke off" if closed.rcvd is None else "ends or starts anew"
        raise TunnelError(
            f"the server {how}, and with it what goes by its port; the board is yours while its "
            "job lasts: connect again. What goes by --via tunnel or --via door survives the server"
        )
    if closed.rcvd.code not in (1000, BOARD_CLOSED):
        raise TunnelError(closed.rcvd.reason or f"the server closed it ({closed.rcvd.code})")


def _refused(server: str, status: int) -> BorutaError:
    if status == 401:
        return UnauthenticatedError(f"{server} asks who calls; sign in with: boruta login")
    words = "it, or what stands before it, takes no WebSockets"
    return UnavailableError(f"{server} opens no tunnel ({status}): {words}")


async def carry(config: ClientConfig, request_id: int, source: int, sink: int) -> None:
    """Carry bytes between a board's ssh and two descriptors until either side has ended.

    Neither side is read faster than the other takes it. Raises as ``tunnel`` and ``ended`` do.
    """
    for descriptor in (source, sink):
        _check_pipe(descriptor, request_id)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=PIECE)
    incoming, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(source, "rb", 0, closefd=False)
    )
    outgoing, taking = await loop.connect_write_pipe(
        _Taking, os.fdopen(sink, "wb", 0, closefd=False)
    )
    try:
        async with tunnel(config, request_id) as connection:
            try:
                await race(_up(reader, connection), _down(connection, outgoing, taking))
            except ConnectionClosed as closed:
                ended(closed)
            except BrokenPipeError:
                return
    finally:
        incoming.close()
        outgoing.close()


def _check_pipe(descriptor: int, request_id: int) -> None:
    """Refuse what is neither a pipe, a socket nor a terminal. Raises TunnelError."""
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)):
        raise TunnelError(
            "the bytes of ssh come and go by pipes; have ssh start this: "
            f"ssh -o 'ProxyCommand=boruta proxy {request_id}' boruta-user@board"
        )


async def _up(reader: asyncio.StreamReader, connection: ClientConnection) -> None:
    while data := await reader.read(PIECE):
        await connection.send(data)


async def _down(
    connection: ClientConnection, outgoing: asyncio.WriteTransport, taking: "_Taking"
) -> None:
    while True:
        data = await connection.recv(decode=False)
        outgoing.write(data)
        await taking.ready()


class _Taking(asyncio.BaseProtocol):
    """Know whether what is written is taken."""

    def __init__(self) -> None:
        self._writable = asyncio.Event()
        self._writable.set()
        self._lost = False

    def pause_writing(self) -> None:
        """Have the writer wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Have him go on."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nobody takes it any more."""
        self._lost = True
        self._writable.set()

    async def ready(self) -> None:
        """Return once more may be written. Raises BrokenPipeError."""
        await self._writable.wait()
        if self._lost:
            raise BrokenPipeError


def main(config: ClientConfig, request_id: int) -> int:
    """Be ssh's ProxyCommand on our own input and output; return the exit status."""
    try:
        asyncio.run(carry(config, request_id, 0, 1))
    except KeyboardInterrupt:
        return 128 + 2
    except BorutaError as error:
        sys.stderr.write(f"boruta: {conceal(error.message)}\n")
        return FAILED
    return 0


if __name__ == "__main__":
    told = replace(load(), agent=os.environ.get(AGENT, ""))
    sys.exit(main(told, int(sys.argv[1])))

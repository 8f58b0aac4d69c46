"""Bytes to the ssh of boards over the server's own port, for people whom no other port is open to.

What passes is ssh, end to end between the caller and the board: nothing of it can be read here.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Final, TypeVar

from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from boruta_farm.contracts import Requests
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import TunnelError
from boruta_farm.model.tunnel import BOARD_CLOSED, PIECE, TUNNEL
from boruta_farm.race import race
from boruta_farm.web.board_sockets import BoardSockets, close
from boruta_farm.web.errors import OriginError
from boruta_farm.web.redirects import PREFIX

logger = logging.getLogger(__name__)

TUNNEL_PATH: Final = PREFIX + TUNNEL
PER_REQUEST: Final = 64
PER_ACCOUNT: Final = 256
IN_ALL: Final = 1024
"""Tunnels that may be open at once: each costs two descriptors and some 200 KiB at worst."""
REACHES_WITHIN: Final = 10.0

Key = TypeVar("Key", int, str)


class TunnelSockets:
    """Serve the WebSockets: one is one connection to the ssh of the board of a running request.

    There is nothing in a call to say another port or host by. The connection goes through the
    relay, as one from outside does: who may come, until when, and how many are its rules too.
    Neither side is read faster than the other takes it.
    """

    def __init__(self, tunnels_at: str, requests: Requests, sockets: BoardSockets) -> None:
        self._host = tunnels_at
        self._requests = requests
        self._sockets = sockets
        self._of_request: Counter[int] = Counter()
        self._of_account: Counter[str] = Counter()

    async def serve(self, websocket: WebSocket) -> None:
        """Carry bytes, as they are, until either side hangs up or the job ends."""
        await self._sockets.serve(websocket, _check_program, self._carry)

    async def _carry(self, websocket: WebSocket, caller: Caller, request_id: int) -> None:
        access = await self._requests.acquire_worker(caller, request_id)
        with self._counted(caller, request_id):
            try:
                async with asyncio.timeout(REACHES_WITHIN):
                    reader, writer = await asyncio.open_connection(
                        self._host, access.port, limit=PIECE
                    )
            except (OSError, TimeoutError) as error:
                logger.warning("the tunnel of request %d cannot be reached: %s", request_id, error)
                raise TunnelError from error
            try:
                await race(_up(websocket, writer), _down(reader, websocket))
            except OSError:
                # The relay cuts a connection by a reset; what ended it is told by who knows.
                await close(websocket, BOARD_CLOSED, "the board hung up")
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    @contextlib.contextmanager
    def _counted(self, caller: Caller, request_id: int) -> Iterator[None]:
        """Count one in for the block. Raises TunnelError where there are enough."""
        for count, most, whose in (
            (self._of_request[request_id], PER_REQUEST, f"of request {request_id}"),
            (self._of_account[caller.id], PER_ACCOUNT, "of your account"),
            (self._of_request.total(), IN_ALL, "by this server's port"),
        ):
            if count >= most:
                raise TunnelError(f"{most} connections {whose} are open, the most; close some")
        self._of_request[request_id] += 1
        self._of_account[caller.id] += 1
        try:
            yield
        finally:
            _subtract(self._of_request, request_id)
            _subtract(self._of_account, caller.id)


def _check_program(scope: Scope) -> None:
    """Refuse pages, which alone send an Origin. Raises OriginError."""
    if any(name == b"origin" for name, _ in scope["headers"]):
        raise OriginError("a tunnel is for programs; a page has its terminal")


async def _up(websocket: WebSocket, writer: asyncio.StreamWriter) -> None:
    """Carry what the caller sends until he goes."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        data = message.get("bytes")
        if data is None:
            raise TunnelError("a tunnel takes bytes, no text")
        writer.write(data)
        await writer.drain()


async def _down(reader: asyncio.StreamReader, websocket: WebSocket) -> None:
    """Carry what the board sends until it hangs up."""
    while data := await reader.read(PIECE):
        await websocket.send_bytes(data)
    await close(websocket, BOARD_CLOSED, "the board hung up")


def _subtract(counts: Counter[Key], key: Key) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]

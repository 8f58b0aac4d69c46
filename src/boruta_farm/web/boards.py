"""Where boards' agents dial in: a WebSocket handed to the link's hub."""

from typing import Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from boruta_farm.link.agent import PATH as PATH
from boruta_farm.link.socket import Socket as Socket
from boruta_farm.model.addresses import canonical, is_loopback
from boruta_farm.web.headers import bearer

FORBIDDEN = 4403
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "via")
"""Whoever sends one of these came through a proxy, whatever its address seems to be."""


class BoardHub(Protocol):
    """Serves one agent at a time on each socket."""

    async def serve(
        self, socket: Socket, peer_ip: str, credential: str | None, *, local: bool = False
    ) -> None:
        """Talk to the agent until its socket is closed; ``local``: it runs on this machine."""
        ...


class BoardEndpoint:
    """Accept agents' sockets; browsers, which alone send an Origin, are turned away."""

    def __init__(self, hub: BoardHub) -> None:
        self._hub = hub

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one agent until it goes."""
        if "origin" in websocket.headers:
            await websocket.close(FORBIDDEN, "agents only")
            return
        credential = bearer(websocket.headers.get("authorization"))
        ip = canonical(websocket.client.host) if websocket.client else ""
        forwarded = any(name in websocket.headers for name in FORWARDED)
        await websocket.accept()
        await self._hub.serve(
            BoardSocket(websocket), ip, credential, local=is_loopback(ip) and not forwarded
        )


class BoardSocket:
    """Show Starlette's WebSocket as the link wants it."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def send(self, text: str) -> None:
        """Send one message; to an agent that has gone it is lost, as ``receive`` will tell."""
        try:
            await self._websocket.send_text(text)
        except (WebSocketDisconnect, RuntimeError):
            # Starlette raises the latter once either side has closed.
            return

    async def receive(self) -> str | None:
        """Return the next message, None after the agent has gone or sent what is no text."""
        try:
            return await self._websocket.receive_text()
        except (WebSocketDisconnect, RuntimeError, KeyError):
            # The latter two: we have closed already, or a binary message came.
            return None

    async def close(self, code: int, reason: str) -> None:
        """Close the channel, with words for the agent's log."""
        try:
            await self._websocket.close(code, reason)
        except RuntimeError:
            # Closed already, by either side.
            return

"""Where boards' agents dial in: a WebSocket handed to the link's hub."""

from typing import Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from boruta_farm.web.headers import bearer

PATH = "/api/v1/link"
FORBIDDEN = 4403


class Socket(Protocol):
    """One text channel to an agent."""

    async def send(self, text: str) -> None:
        """Send one message."""
        ...

    async def receive(self) -> str | None:
        """Return the next message, None after the agent has gone."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close the channel, with words for the agent's log."""
        ...


class Hub(Protocol):
    """Serves one agent at a time on each socket."""

    async def serve(self, socket: Socket, peer_ip: str, credential: str | None) -> None:
        """Talk to the agent until its socket is closed."""
        ...


class BoardEndpoint:
    """Accept agents' sockets; browsers, which alone send an Origin, are turned away."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one agent until it goes."""
        if "origin" in websocket.headers:
            await websocket.close(FORBIDDEN, "agents only")
            return
        credential = bearer(websocket.headers.get("authorization"))
        peer = websocket.client
        await websocket.accept()
        await self._hub.serve(BoardSocket(websocket), peer.host if peer else "", credential)


class BoardSocket:
    """Show Starlette's WebSocket as the link wants it."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def send(self, text: str) -> None:
        """Send one message."""
        await self._websocket.send_text(text)

    async def receive(self) -> str | None:
        """Return the next message, None after the agent has gone."""
        try:
            return await self._websocket.receive_text()
        except WebSocketDisconnect:
            return None

    async def close(self, code: int, reason: str) -> None:
        """Close the channel, with words for the agent's log."""
        await self._websocket.close(code, reason)

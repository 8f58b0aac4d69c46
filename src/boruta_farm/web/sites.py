"""Where the relays of sites dial in: a WebSocket handed to those who keep them."""

from typing import Protocol

from starlette.websockets import WebSocket

from boruta_farm.link.socket import Socket
from boruta_farm.model.addresses import canonical
from boruta_farm.web.boards import FORBIDDEN, BoardSocket
from boruta_farm.web.headers import bearer


class SiteHub(Protocol):
    """Serves the relays of sites."""

    def admits(self, site: str, credential: str | None) -> bool:
        """Tell whether a credential is that of a site's relay."""
        ...

    async def serve(self, wire: Socket, site: str, peer: str) -> None:
        """Talk to a site's relay until it is gone."""
        ...


class NoSites:
    """A farm without sites."""

    def admits(self, site: str, credential: str | None) -> bool:
        """Admit nobody."""
        return False

    async def serve(self, wire: Socket, site: str, peer: str) -> None:
        """Serve nobody."""


class SiteEndpoint:
    """Accept the relays of sites; whoever has no credential is turned away unheard (403)."""

    def __init__(self, hub: SiteHub) -> None:
        self._hub = hub

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one relay until it goes."""
        site = str(websocket.path_params["site"])
        credential = bearer(websocket.headers.get("authorization"))
        if "origin" in websocket.headers or not self._hub.admits(site, credential):
            await websocket.close(FORBIDDEN, "relays of sites only")
            return
        peer = canonical(websocket.client.host) if websocket.client else ""
        await websocket.accept()
        await self._hub.serve(BoardSocket(websocket), site, peer)

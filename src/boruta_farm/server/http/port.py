"""What a connection to the HTTP port is made into."""

import asyncio
import ssl
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState

from boruta_farm.server.http.connection import HttpConnection
from boruta_farm.server.http.door import Door
from boruta_farm.server.http.encrypted import Encrypted


def http_protocol(door: Door, context: ssl.SSLContext | None = None) -> type[asyncio.Protocol]:
    """Return what uvicorn makes its connections with: plain ones, or with a context under TLS."""

    def connection(
        *,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> asyncio.Protocol:
        if context is None:
            return HttpConnection(door, config, server_state)
        return Encrypted(
            door, server_state, context, partial(HttpConnection, door, config, server_state)
        )

    # A class is asked for, and nothing done with it but calling it.
    return cast("type[asyncio.Protocol]", connection)

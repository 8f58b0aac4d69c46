"""Go's ``net/rpc`` over gob, as far as the services of the original system need it.

A server is a table of routes, a client a connection; both are typed by the methods of
``services``:

    async def register(request: RegisterRequest, peer: Peer) -> Empty: ...

    async with Server([route(REGISTER, register)]) as server:
        port = await server.listen_tcp(None, 7175)
        ...

    await call_once(("board7", 7175), PREPARE, PrepareRequest(key=key))

The codec below them does no input or output: ``Decoder`` and ``Receiver`` eat bytes in any
pieces, ``Encoder`` makes them. The room knows nothing of the farm.
"""

from boruta_farm.gorpc.client import Address, Client, call_once, connect
from boruta_farm.gorpc.decoder import NEED_MORE, Decoder, More
from boruta_farm.gorpc.encoder import Encoder
from boruta_farm.gorpc.limits import DEFAULT_LIMITS, GobLimits
from boruta_farm.gorpc.routes import Peer, RpcRoute, route
from boruta_farm.gorpc.rpc import Method, Receiver
from boruta_farm.gorpc.schema import Empty, Field, Struct
from boruta_farm.gorpc.server import Server

__all__ = [
    "DEFAULT_LIMITS",
    "NEED_MORE",
    "Address",
    "Client",
    "Decoder",
    "Empty",
    "Encoder",
    "Field",
    "GobLimits",
    "Method",
    "More",
    "Peer",
    "Receiver",
    "RpcRoute",
    "Server",
    "Struct",
    "call_once",
    "connect",
    "route",
]

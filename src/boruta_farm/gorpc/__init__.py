"""Go's ``net/rpc`` over gob, as far as the services of the original system need it.

A server is a table of routes, a client a connection; both are typed by the methods of
``services``:

    async def register(request: RegisterRequest, peer: RpcPeer) -> Empty: ...

    async with RpcServer([route(REGISTER, register)]) as server:
        port = await server.listen_tcp(None, 7175)
        ...

    await call_once(("board7", 7175), PREPARE, PrepareRequest(key=key))

The codec below them does no input or output: ``Decoder`` and ``Receiver`` eat bytes in any
pieces, ``Encoder`` makes them. The room knows nothing of the farm.
"""

from boruta_farm.gorpc.client import Address, RpcClient, call_once, connect
from boruta_farm.gorpc.decoder import NEED_MORE, Decoder, More
from boruta_farm.gorpc.encoder import Encoder
from boruta_farm.gorpc.limits import DEFAULT_LIMITS, GobLimits
from boruta_farm.gorpc.routes import RpcPeer, RpcRoute, route
from boruta_farm.gorpc.rpc import Receiver, RpcMethod
from boruta_farm.gorpc.schema import Empty, GoField, GoStruct
from boruta_farm.gorpc.server import RpcServer

__all__ = [
    "DEFAULT_LIMITS",
    "NEED_MORE",
    "Address",
    "Decoder",
    "Empty",
    "Encoder",
    "GoField",
    "GoStruct",
    "GobLimits",
    "More",
    "Receiver",
    "RpcClient",
    "RpcMethod",
    "RpcPeer",
    "RpcRoute",
    "RpcServer",
    "call_once",
    "connect",
    "route",
]

"""Which coroutine answers which method."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from boruta_farm.gorpc.errors import ServerError
from boruta_farm.gorpc.parser import Decoded
from boruta_farm.gorpc.rpc import ArgumentT, Receiver, ReplyT, RequestHeader, RpcMethod
from boruta_farm.gorpc.schema import GoStruct

Call: TypeAlias = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcPeer:
    """Tell who calls: the address of a TCP peer, nothing for a unix socket."""

    host: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        return "a local process" if self.host is None else f"{self.host} port {self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcRoute:
    """Hold a method whose argument and reply types were checked when it was made by ``route``."""

    name: str
    reply: GoStruct[object]
    bind: Callable[[Receiver[RequestHeader], Decoded, RpcPeer], Call]


def route(
    method: RpcMethod[ArgumentT, ReplyT], handler: Callable[[ArgumentT, RpcPeer], Awaitable[ReplyT]]
) -> RpcRoute:
    """Let ``handler`` answer ``method``.

    What the handler raises of the ``BorutaError`` tree becomes the reply's error text; any other
    exception is logged and answered in general words. The connection goes on either way.
    """

    def bind(receiver: Receiver[RequestHeader], body: Decoded, peer: RpcPeer) -> Call:
        argument = receiver.bind(body, method.argument)
        return lambda: handler(argument, peer)

    return RpcRoute(name=method.name, reply=method.reply, bind=bind)


class RouteTable:
    """Find routes the way Go's server does, with its texts for what is not found."""

    def __init__(self, routes: Iterable[RpcRoute]) -> None:
        self._routes = {each.name: each for each in routes}
        self._services = {name.rpartition(".")[0] for name in self._routes}

    def find(self, name: str) -> RpcRoute:
        """Return the route of ``Service.Method``; raise ``ServerError`` with the reply's text."""
        found = self._routes.get(name)
        if found is not None:
            return found
        service, dot, _ = name.rpartition(".")
        if not dot:
            raise ServerError(f"rpc: service/method request ill-formed: {name}")
        if service not in self._services:
            raise ServerError(f"rpc: can't find service {name}")
        raise ServerError(f"rpc: can't find method {name}")

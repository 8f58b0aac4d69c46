"""A site's relay: the ports of its boards, as one of the farm's servers wants them."""

import logging

from boruta_farm.access import messages
from boruta_farm.access.control import Wanted
from boruta_farm.access.messages import Message, RouteEntry, encode
from boruta_farm.access.outbox import MessageWire, Outbox, converse
from boruta_farm.access.switchboard import Switchboard
from boruta_farm.model.errors import BorutaError, ProtocolError

logger = logging.getLogger(__name__)


class ServerEnd:
    """Know one connected server: its name for the log, and what waits to be told to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.outbox = Outbox()
        self.wanted: Wanted | None = None


class SiteRelay:
    """Do what one of the connected servers says, and tell all of them what the ports do.

    When that server is gone another one is asked for all that it wants; while none is there, what
    is live goes on, and ends on time.
    """

    def __init__(self, board: Switchboard, listen: str, version: str) -> None:
        """Take the ports, and the address on which they are to be bound."""
        self._board = board
        self._listen = listen
        self._version = version
        self._servers: list[ServerEnd] = []
        self._followed: ServerEnd | None = None
        self._ports: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        board.tell(self)

    async def serve(self, wire: MessageWire, name: str) -> None:
        """Talk to a server until it is gone."""
        server = ServerEnd(name)
        server.outbox.put(encode(messages.HELLO, version=self._version))
        for worker, port in self._ports.items():
            server.outbox.put(encode(messages.BOUND, worker=worker, port=port))
        for worker, count in self._counts.items():
            server.outbox.put(encode(messages.CONNECTIONS, worker=worker, count=count))
        self._servers.append(server)
        logger.info("connected to %s", name)
        self._choose()
        why = "it hung up"
        try:
            await converse(wire, server.outbox, lambda message: self._obey(server, message))
        except BorutaError as error:
            why = error.message
        finally:
            logger.warning("%s is gone (%s); what is live goes on", name, why)
            self._servers.remove(server)
            if self._followed is server:
                self._followed = None
                self._choose()

    def bound(self, worker: str, port: int) -> None:
        """Tell that a worker's port is ours."""
        self._ports[worker] = port
        self._report(messages.BOUND, worker=worker, port=port)

    def bind_failed(self, worker: str, port: int, reason: str) -> None:
        """Tell that a port is not to be had here."""
        self._ports.pop(worker, None)
        self._report(messages.BIND_FAILED, worker=worker, port=port, reason=reason)

    def released(self, worker: str, port: int) -> None:
        """Tell that a port is no longer ours."""
        self._ports.pop(worker, None)
        self._counts.pop(worker, None)
        self._report(messages.RELEASED, worker=worker, port=port)

    def counted(self, worker: str, connections: int) -> None:
        """Tell how many connections a worker has."""
        self._counts[worker] = connections
        self._report(messages.CONNECTIONS, worker=worker, count=connections)

    def used(self, worker: str, epoch: int) -> None:
        """Tell that a worker's board is used."""
        self._report(messages.USED, worker=worker, epoch=epoch)

    def idle(self) -> None:
        """Stay: a site's relay has its boards even while none is lent."""

    def _report(self, kind: str, **fields: messages.Value) -> None:
        line = encode(kind, **fields)
        for server in self._servers:
            server.outbox.put(line)

    def _choose(self) -> None:
        if self._followed is None and self._servers:
            self._followed = self._servers[0]
            self._followed.outbox.put(encode(messages.FOLLOW))
            logger.info("%s tells which boards are lent", self._followed.name)

    def _obey(self, server: ServerEnd, message: Message) -> None:
        if message.kind == messages.PING:
            sequence = message.whole("sequence")
            server.outbox.put(encode(messages.PONG, sequence=sequence))
            return
        if server is not self._followed:
            raise ProtocolError(f"relay protocol: {message.kind!r} was not asked for")
        match message.kind:
            case messages.BEGIN:
                server.wanted = Wanted.begin(message)
            case messages.ROUTE if server.wanted is not None:
                server.wanted.entries.append(RouteEntry.read(message))
            case messages.COMMIT if server.wanted is not None:
                wanted, server.wanted = server.wanted, None
                self._board.bound(wanted.bounds)
                self._board.replace(self._listen, wanted.entries)
            case messages.PUT:
                self._board.put(RouteEntry.read(message))
            case messages.DROP:
                self._board.drop(message.text("worker"))
            case messages.SESSIONS:
                self._board.signed_in(
                    message.text("worker"), message.whole("epoch"), message.ports("ports")
                )
            case other:
                logger.info("%s says %r, which this version ignores", server.name, other)

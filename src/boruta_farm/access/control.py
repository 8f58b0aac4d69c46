"""The relay's side of the socket on which servers tell it what to do."""

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from boruta_farm.access import messages
from boruta_farm.access.messages import Message, RouteEntry, TunnelBounds, decode, encode
from boruta_farm.access.rendezvous import Seat
from boruta_farm.access.streams import StreamOrder
from boruta_farm.access.switchboard import Switchboard
from boruta_farm.model.errors import ProtocolError

logger = logging.getLogger(__name__)

MOST_UNREAD = 4 * 1024 * 1024
"""Bytes of reports that may wait for a server that does not read; it resyncs afterwards."""


@dataclass(slots=True, kw_only=True)
class Wanted:
    """Gather a full set; ``streams`` is where agents' streams are to arrive."""

    listen: str
    streams: tuple[str, int] | None
    bounds: TunnelBounds
    entries: list[RouteEntry] = field(default_factory=list)

    @classmethod
    def begin(cls, message: Message) -> "Wanted":
        """Return an empty set. Raises ProtocolError."""
        port = message.whole_or_none("streams_port")
        streams = None if port is None else (message.text("streams_host"), port)
        return cls(
            listen=message.text("listen"), streams=streams, bounds=TunnelBounds.read(message)
        )


class Control:
    """Greet whoever connects, obey the newest server, report to it.

    ``finish`` is called when the relay has nothing left to do: told to stop, drained, or idle
    for ``idle_exit`` seconds (None: never) without a server.
    """

    def __init__(
        self,
        seat: Seat,
        board: Switchboard,
        version: str,
        idle_exit: float | None,
        finish: Callable[[], None],
    ) -> None:
        self._seat = seat
        self._board = board
        self._version = version
        self._idle_exit = idle_exit
        self._finish = finish
        self._server: asyncio.StreamWriter | None = None
        self._callers: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._wanted: dict[asyncio.StreamWriter, Wanted] = {}
        self._idle_since: float | None = None
        board.tell(self)
        board.gate.failed = self._no_streams

    async def serve(self) -> asyncio.Server:
        """Listen on the seat."""
        return await asyncio.start_unix_server(
            self._talk, sock=self._seat.listener, limit=messages.LINE_LIMIT
        )

    async def close(self) -> None:
        """Hang up on everybody."""
        self._board.tell(None)
        tasks = tuple(self._callers.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def bound(self, worker: str, port: int) -> None:
        """Say nothing: the server pings to learn that all it has told is done."""

    def bind_failed(self, worker: str, port: int, reason: str) -> None:
        """Report a port that is not to be had, so that the server assigns another."""
        self._report(messages.BIND_FAILED, worker=worker, port=port, reason=reason)

    def released(self, worker: str, port: int) -> None:
        """Report a port that another relay may bind now."""
        self._report(messages.RELEASED, worker=worker, port=port)
        if self._board.draining and not self._board.live:
            self._finish()

    def counted(self, worker: str, connections: int) -> None:
        """Report how many connections a worker has."""
        self._report(messages.CONNECTIONS, worker=worker, count=connections)

    def used(self, worker: str, epoch: int) -> None:
        """Report that a worker's board is used."""
        self._report(messages.USED, worker=worker, epoch=epoch)

    def idle(self) -> None:
        """Finish when no server has been there and no job live for long enough."""
        now = asyncio.get_running_loop().time()
        if self._server is not None or self._idle_exit is None:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        elif now - self._idle_since >= self._idle_exit:
            logger.info("no server and no job for %g s: the relay ends", self._idle_exit)
            self._finish()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a caller is talked to in a task"
        self._callers[writer] = task
        try:
            self._greet(writer)
            while line := await reader.readline():
                self._obey(writer, decode(line))
        except (ProtocolError, ValueError) as error:
            logger.error("a caller was hung up on: %s", error)
        except ConnectionError:
            logger.info("a caller went away")
        except asyncio.CancelledError:
            # Only close() cancels; asyncio would log the cancellation of a talk as an error.
            logger.debug("hanging up")
        finally:
            self._leave(writer)

    def _leave(self, writer: asyncio.StreamWriter) -> None:
        self._callers.pop(writer, None)
        self._wanted.pop(writer, None)
        if self._server is writer:
            logger.info("the server went away; what is live goes on")
            self._server = None
            self._idle_since = None
            self._board.streams.serve(None)
        writer.close()

    def _greet(self, writer: asyncio.StreamWriter) -> None:
        live = self._board.live
        hello = encode(
            messages.HELLO,
            version=self._version,
            pid=os.getpid(),
            draining=self._board.draining,
            held=len(live),
            sessions=True,
        )
        holds = (
            encode(
                messages.HOLDS,
                worker=port.worker,
                port=port.entry.port,
                epoch=port.entry.epoch,
                connections=len(port.connections),
            )
            for port in live
        )
        writer.writelines([hello, *holds])

    def _obey(self, writer: asyncio.StreamWriter, message: Message) -> None:
        match message.kind:
            case messages.PING:
                self._send(writer, messages.PONG, sequence=message.whole("sequence"))
            case messages.BEGIN:
                self._wanted[writer] = Wanted.begin(message)
            case messages.ROUTE:
                self._wanted_of(writer).entries.append(RouteEntry.read(message))
            case messages.COMMIT:
                wanted = self._wanted_of(writer)
                del self._wanted[writer]
                self._follow(writer)
                self._board.bound(wanted.bounds)
                if wanted.streams is not None and not self._board.draining:
                    self._board.gate.listen(*wanted.streams)
                self._board.replace(wanted.listen, wanted.entries)
                self._board.streams.serve(self._ask)
            case messages.PUT:
                self._of_server(writer, message)
                self._board.put(RouteEntry.read(message))
            case messages.DROP:
                self._of_server(writer, message)
                self._board.drop(message.text("worker"))
            case messages.SESSIONS:
                self._of_server(writer, message)
                self._board.signed_in(
                    message.text("worker"), message.whole("epoch"), message.ports("ports")
                )
            case messages.REFUSE:
                self._of_server(writer, message)
                self._board.streams.refuse(message.text("token"), message.text("reason"))
            case messages.DRAIN:
                self._drain()
            case messages.STOP:
                logger.info("told to stop")
                self._finish()
            case other:
                raise ProtocolError(f"relay protocol: {other!r} is no known command")

    def _drain(self) -> None:
        logger.info("draining: %d jobs go on to their ends", len(self._board.live))
        self._seat.give_up()
        self._board.drain()
        if not self._board.live:
            self._finish()

    def _ask(self, wish: StreamOrder) -> None:
        """Have the server ask a board's agent for a stream."""
        self._report(
            messages.STREAM,
            worker=wish.worker,
            epoch=wish.epoch,
            token=wish.token,
            port=self._board.gate.port,
            life=self._board.streams.life,
        )

    def _no_streams(self, reason: str) -> None:
        logger.error("agents' streams cannot arrive: %s", reason)
        self._report(messages.NO_STREAMS, reason=reason)

    def _wanted_of(self, writer: asyncio.StreamWriter) -> Wanted:
        if writer not in self._wanted:
            raise ProtocolError("relay protocol: a wanted set starts with 'begin'")
        return self._wanted[writer]

    def _follow(self, writer: asyncio.StreamWriter) -> None:
        """Obey this server from now on."""
        if self._server is not None and self._server is not writer:
            logger.warning("another server took over")
            self._report(messages.REPLACED)
            self._server.close()
        self._server = writer

    def _of_server(self, writer: asyncio.StreamWriter, message: Message) -> None:
        if self._server is not writer:
            raise ProtocolError(f"relay protocol: {message.kind!r} before a full wanted set")

    def _report(self, kind: str, **fields: messages.Value) -> None:
        if self._server is not None:
            self._send(self._server, kind, **fields)

    def _send(self, writer: asyncio.StreamWriter, kind: str, **fields: messages.Value) -> None:
        """Write a line; who reads nothing is hung up on before it fills the memory."""
        writer.write(encode(kind, **fields))
        if writer.transport.get_write_buffer_size() > MOST_UNREAD:
            logger.error("a caller does not read what it is told: hanging up on it")
            writer.transport.abort()

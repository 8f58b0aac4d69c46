"""Streams for boards that the farm cannot dial: from the board's own sshd to the farm's relay."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from boruta_farm.dryad.carriers import Carrier, connect, connect_raw, greeting
from boruta_farm.dryad.state import OPEN, AgentState
from boruta_farm.dryad.websocket_carrier import connect_websocket, stream_url
from boruta_farm.model.addresses import is_anywhere
from boruta_farm.model.errors import BoardError, StaleEpochError, UnavailableError

logger = logging.getLogger(__name__)

MOST = 64
"""Streams at a time; the relay lets no more users in per board."""

LOOPBACK = "127.0.0.1"


class Way(Enum):
    """How a stream comes to the relay, in the order in which it is tried."""

    RAW = "TCP to the relay's port"
    WEBSOCKET = "a WebSocket to the relay's port"
    SERVER = "a WebSocket to the server's port, or to a proxy in front of it"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayPlace:
    """Where the farm's relay is, as the board's own configuration says.

    ``port`` None leaves the port, and the port only, to the farm. ``url`` is where a WebSocket
    leads to the relay, tried when raw TCP gets no answer.
    """

    host: str
    port: int | None = None
    url: str | None = None
    ca_file: Path | None = None

    @classmethod
    def of(cls, server: str, relay_address: str, ca_file: Path | None = None) -> "RelayPlace":
        """Return the relay's place: what is configured, else the server's host."""
        url = stream_url(server) if server else None
        host, _, port = relay_address.rpartition(":")
        if host:
            host = host.removeprefix("[").removesuffix("]")
            return cls(host=host, port=int(port), url=url, ca_file=ca_file)
        return cls(host=urlsplit(server).hostname or LOOPBACK, url=url, ca_file=ca_file)

    def trust(self) -> ssl.SSLContext | None:
        """Return what a certificate is checked with; read anew, since it may change."""
        if self.url is None or not self.url.startswith("wss:"):
            return None
        return ssl.create_default_context(cafile=self.ca_file)


class AgentStreams:
    """Open streams when the farm asks; implements the contract ``StreamingDryad``.

    The two ends are the board's own SSH server and the farm's relay, both from the board's own
    configuration: a farm that was taken over can ask for nothing else. A stream lives no longer
    than the session of its epoch, whatever the farm says.
    """

    def __init__(self, worker: str, relay: RelayPlace, sshd: Callable[[], str]) -> None:
        self._worker = worker
        self._relay = relay
        self._sshd = sshd
        self._state: AgentState | None = None
        self._worked = Way.RAW
        self._open: dict[asyncio.Task[None], int] = {}

    def look(self, state: AgentState) -> None:
        """Learn where the board stands; streams of a session that is over end."""
        self._state = state
        for task, epoch in tuple(self._open.items()):
            if not _admits(state, epoch):
                task.cancel()

    async def open_stream(self, epoch: int, token: str, port: int) -> None:
        """Open a stream for the session of ``epoch`` and return when it stands."""
        self._admit(epoch)
        host, local = sshd_address(self._sshd())
        try:
            board = await connect(host, local)
        except UnavailableError as error:
            raise BoardError(f"the board's SSH server does not answer: {error.message}") from None
        try:
            relay = await self._reach_relay(greeting(self._worker, epoch, token), port)
        except BaseException:
            board.abort()
            raise
        self._start(epoch, board, relay)
        logger.info("epoch %d: a stream to %s is open (%d)", epoch, host, len(self._open))
        if self._state is not None:
            # The session may have ended while the connections were made.
            self.look(self._state)

    async def close(self) -> None:
        """End every stream."""
        tasks = tuple(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, epoch: int, board: Carrier, relay: Carrier) -> None:
        def over(task: "asyncio.Task[None]") -> None:
            # Here and not in the task, which may be cancelled before its first step.
            del self._open[task]
            board.abort()
            relay.abort()

        task = asyncio.get_running_loop().create_task(carry(board, relay))
        self._open[task] = epoch
        task.add_done_callback(over)

    async def _reach_relay(self, hello: bytes, port: int) -> Carrier:
        """Open the relay's end: raw TCP, else a WebSocket; what worked last is tried first."""
        port = self._relay.port or port
        troubles = []
        for way in sorted(Way, key=lambda way: way is not self._worked):
            try:
                carrier = await self._go(way, hello, port)
            except UnavailableError as error:
                troubles.append(error.message)
                continue
            self._worked = way
            return carrier
        raise BoardError(
            f"the board's agent cannot reach the relay: {'; '.join(troubles)}; let it through, or "
            "name the right place in the agent's relay_address"
        )

    async def _go(self, way: Way, hello: bytes, port: int) -> Carrier:
        place = self._relay
        match way:
            case Way.RAW | Way.WEBSOCKET if not port:
                raise UnavailableError("the relay listens at no port for streams just now")
            case Way.RAW:
                return await connect_raw(place.host, port, hello)
            case Way.WEBSOCKET:
                host = f"[{place.host}]" if ":" in place.host else place.host
                url = stream_url(f"http://{host}:{port}")
                return await connect_websocket(url, hello, None)
            case Way.SERVER if place.url is not None:
                return await connect_websocket(place.url, hello, place.trust())
            case _:
                raise UnavailableError("no server is configured for a WebSocket")

    def _admit(self, epoch: int) -> None:
        if self._state is None or not _admits(self._state, epoch):
            raise StaleEpochError(f"no session of epoch {epoch} is open")
        if len(self._open) >= MOST:
            raise BoardError(f"{MOST} streams are open: close a connection first")


async def carry(one: Carrier, other: Carrier) -> None:
    """Copy both ways until both directions have ended or one breaks.

    Nothing is read that was not sent before: a side that does not read holds the other back.
    """
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(one, other))
            group.create_task(_copy(other, one))
        await one.finish()
        await other.finish()
    except* OSError as errors:
        logger.debug("a stream broke: %s", errors.exceptions[0])


async def _copy(source: Carrier, sink: Carrier) -> None:
    while data := await source.receive():
        await sink.send(data)
    await sink.end()


def sshd_address(address: str) -> tuple[str, int]:
    """Return where on this machine an SSH server answers that is announced so."""
    host, _, port = address.rpartition(":")
    return (LOOPBACK if is_anywhere(host) else host.removeprefix("[").removesuffix("]")), int(port)


def _admits(state: AgentState, epoch: int) -> bool:
    return state.epoch == epoch and state.phase in OPEN

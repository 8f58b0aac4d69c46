"""A server for Go's ``net/rpc`` clients, on TCP and unix sockets."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from boruta_farm.gorpc.callers import Callers, Places
from boruta_farm.gorpc.limits import DEFAULT_LIMITS, GobLimits
from boruta_farm.gorpc.pace import Pace
from boruta_farm.gorpc.routes import RouteTable, RpcPeer, RpcRoute
from boruta_farm.gorpc.session import RpcSession
from boruta_farm.gorpc.streams import close_stream
from boruta_farm.model.addresses import canonical

logger = logging.getLogger(__name__)

_STREAM_BUFFER: Final = 16 * 1024


def admit_everyone(_peer: RpcPeer) -> bool:
    """Accept every peer; the protocol itself knows no authentication."""
    return True


class RpcServer:
    """Answer calls on any number of sockets until closed.

    ``places`` bounds how many peers are served at once; where there is none left, one that has no
    call under way makes room, or the newcomer is closed, as are those that ``admit`` turns away.
    ``pace`` spreads the first calls of many that come at once. Use as an asynchronous context
    manager, or ``close`` it.
    """

    def __init__(
        self,
        routes: Iterable[RpcRoute],
        *,
        limits: GobLimits = DEFAULT_LIMITS,
        places: Places | None = None,
        admit: Callable[[RpcPeer], bool] = admit_everyone,
        pace: Pace | None = None,
    ) -> None:
        self._routes = RouteTable(routes)
        self._limits = limits
        self._callers = Callers(places or Places())
        self._admit = admit
        self._pace = pace
        self._listeners: list[asyncio.Server] = []
        self._paths: list[Path] = []
        self._sessions: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def listen_tcp(self, host: str | None, port: int) -> int:
        """Listen on an address, or on all of them for None; return the port, chosen for 0."""
        listener = await asyncio.start_server(self._serve, host, port, limit=_STREAM_BUFFER)
        self._listeners.append(listener)
        return int(listener.sockets[0].getsockname()[1])

    async def listen_unix(self, path: Path, *, mode: int = 0o600) -> None:
        """Listen on a unix socket with these permissions; one left by a dead process is replaced.

        The file is removed at ``close``.
        """
        await self.listen_socket(_bind_unix(path, mode))
        self._paths.append(path)

    async def listen_socket(self, bound: socket.socket) -> None:
        """Listen on a socket bound by somebody else, such as systemd's socket activation."""
        is_unix = bound.family == socket.AF_UNIX
        start = asyncio.start_unix_server if is_unix else asyncio.start_server
        self._listeners.append(await start(self._serve, sock=bound, limit=_STREAM_BUFFER))

    async def close(self) -> None:
        """Stop listening, cancel the calls in flight, close every connection."""
        for listener in self._listeners:
            listener.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._listeners.clear()
        self._paths.clear()

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.get_running_loop().create_task(self._serve_peer(reader, writer))
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)

    async def _serve_peer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = _peer(writer)
        if not self._admit(peer):
            logger.warning("refusing the Go RPC connection of %s", peer)
            await close_stream(writer, self._limits.write_seconds)
            return
        task = asyncio.current_task()
        assert task is not None
        place = self._callers.enter(peer.host, task.cancel)
        if place is None:
            logger.warning("refusing %s: too many Go RPC connections are open already", peer)
            await close_stream(writer, self._limits.write_seconds)
            return
        session = RpcSession(
            self._routes, reader, writer, peer, self._limits, place=place, pace=self._pace
        )
        try:
            await session.serve()
        finally:
            place.leave()


def _peer(writer: asyncio.StreamWriter) -> RpcPeer:
    match writer.get_extra_info("peername"):
        case (str(host), int(port), *_):
            return RpcPeer(host=canonical(host), port=port)
        case _:
            return RpcPeer()


def _bind_unix(path: Path, mode: int) -> socket.socket:
    _remove_stale(path)
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        unix.bind(str(path))
        # Nobody can connect before listen, so nobody slips in under the umask's permissions.
        path.chmod(mode)
    except OSError:
        unix.close()
        raise
    return unix


def _remove_stale(path: Path) -> None:
    """Remove the socket of a server that is gone; leave a living one, on which bind then fails."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            if path.is_socket():
                path.unlink()
        except FileNotFoundError:
            return

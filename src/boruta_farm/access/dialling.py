"""Reach a board's SSH server: by dialling it, by a stream that its agent opens, or by either."""

import asyncio
import logging
import socket

from boruta_farm.access.liveness import keep_alive
from boruta_farm.access.messages import RouteEntry
from boruta_farm.access.streams import Streams
from boruta_farm.lookups import Lookups
from boruta_farm.model.addresses import is_loopback, is_ours_alone, parse_ip
from boruta_farm.model.worker import Reach

logger = logging.getLogger(__name__)

LOOKUPS = Lookups()

DIAL_TIMEOUT = 5.0
HEAD_START = 0.3
"""Seconds that dialling gets before the agent is asked as well."""


async def reach(
    loop: asyncio.AbstractEventLoop, streams: Streams, entry: RouteEntry, epoch: int
) -> socket.socket:
    """Return a connection to the board of a live job. Raises OSError, TimeoutError."""
    match entry.reach:
        case Reach.DIRECT:
            return await dial(loop, entry.host, entry.target, entry.worker)
        case Reach.OUTBOUND:
            return await streams.open(entry.worker, epoch)
        case Reach.AUTO:
            return await _either(loop, streams, entry, epoch)


async def dial(
    loop: asyncio.AbstractEventLoop, host: str, port: int, worker: str = ""
) -> socket.socket:
    """Connect to a worker's board within ``DIAL_TIMEOUT``. Raises OSError, TimeoutError."""
    async with asyncio.timeout(DIAL_TIMEOUT):
        error: OSError | None = None
        for family, address in await _resolve(host, port, worker):
            board = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                await loop.sock_connect(board, address)
                keep_alive(board)
            except OSError as failure:
                board.close()
                error = failure
            except BaseException:
                board.close()
                raise
            else:
                return board
        raise error or OSError(f"{host} has no address")


async def _either(
    loop: asyncio.AbstractEventLoop, streams: Streams, entry: RouteEntry, epoch: int
) -> socket.socket:
    """Take whichever comes first; what fails leaves it to the other."""
    tries = {loop.create_task(dial(loop, entry.host, entry.target, entry.worker))}
    try:
        await asyncio.wait(tries, timeout=HEAD_START)
        if any(each.done() and each.exception() is None for each in tries):
            return tries.pop().result()
        tries.add(loop.create_task(streams.open(entry.worker, epoch)))
        while True:
            done, _ = await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                if each.exception() is None:
                    tries.discard(each)
                    return each.result()
            tries -= done
            if not tries:
                raise _worst([each.exception() for each in done])
    finally:
        for each in tries:
            each.cancel()
            each.add_done_callback(_close_late)


def _worst(errors: list[BaseException | None]) -> BaseException:
    return next((error for error in errors if error is not None), TimeoutError())


def _close_late(late: "asyncio.Task[socket.socket]") -> None:
    """Close a connection that came although another had come first."""
    if not late.cancelled() and late.exception() is None:
        late.result().close()


async def _resolve(
    host: str, port: int, worker: str
) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """Return where a board may be, for a name without what only this machine calls so.

    Its agent chose the name, and whoever answers for the name chooses the address: one that
    leads to this machine or this cable would turn users' connections against the server.
    """
    ip = parse_ip(host)
    if ip is None:
        return [
            (family, (address, port))
            for family, address in await LOOKUPS.find(host, worker)
            if is_loopback(host) or not is_ours_alone(address)
        ]
    return [(socket.AF_INET6 if ip.version == 6 else socket.AF_INET, (str(ip), port))]

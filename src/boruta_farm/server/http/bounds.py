"""How much of the server's memory and time connections may take, together and each."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from boruta_farm.model.addresses import Network, network_of, within
from boruta_farm.server.http.refusals import LastAnswer

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Carry the limits. Times are in seconds, sizes in bytes, rates per second.

    ``reader_patience`` is how long a caller may leave unread what was written to him; within it he
    takes at least 64 KiB, or all there is. ``ahead`` is what is kept of calls that wait for the
    answer to the one before them.
    """

    connections: int = 10_000
    connections_per_source: int = 4_000
    unread: int = 256 * MEBIBYTE
    unread_per_source: int = 64 * MEBIBYTE
    head_patience: float = 10.0
    body_patience: float = 10.0
    reader_patience: float = 30.0
    refused_body: int = 8 * MEBIBYTE
    ahead: int = 64 * 1024
    websocket_frames: float = 2_000.0
    websocket_pings: float = 10.0


class Crowd:
    """Count connections, and bytes that callers leave unread, per source and in all.

    Many callers come from the address of a trusted proxy: only the limits over all hold for it.

    Where there is no room left over all, the oldest connection without a whole call goes, of the
    source that has most: a few addresses that say little must not keep everybody else out.
    """

    def __init__(self, bounds: Bounds, proxies: tuple[Network, ...] = ()) -> None:
        self._bounds = bounds
        self._proxies = proxies
        self._open = 0
        self._open_of: Counter[str] = Counter()
        self._waiting: dict[str, dict[object, Callable[[], None]]] = {}
        self._notes: dict[object, tuple[str, int]] = {}
        self._unread = 0
        self._unread_of: Counter[str] = Counter()

    def enter(self, host: str) -> str | None:
        """Count a connection in and return its source, None where there is no room for it."""
        source = network_of(host)
        bounds = self._bounds
        if self._open_of[source] >= bounds.connections_per_source and not self._proxied(host):
            return None
        if self._open >= bounds.connections and not self._made_room(source):
            return None
        self._open += 1
        self._open_of[source] += 1
        return source

    def leave(self, source: str) -> None:
        """Count a connection out."""
        self._open -= 1
        _subtract(self._open_of, source, 1)

    def wait(self, connection: object, source: str, host: str, cut: Callable[[], None]) -> None:
        """Note that a connection has no whole call, and how it is cut for the sake of others."""
        if not self._proxied(host):
            self._waiting.setdefault(source, {})[connection] = cut

    def wake(self, connection: object, source: str) -> None:
        """Note that a connection has a whole call, or is gone."""
        waiting = self._waiting.get(source, {})
        if connection in waiting:
            del waiting[connection]
            if not waiting:
                del self._waiting[source]

    def note(self, connection: object, source: str, unread: int) -> None:
        """Note how much a connection leaves unread at this moment; 0 once it has caught up."""
        of, before = self._notes.pop(connection, (source, 0))
        self._unread += unread - before
        self._unread_of[of] += unread
        _subtract(self._unread_of, of, before)
        if unread:
            self._notes[connection] = (of, unread)

    def judge(self, source: str, host: str) -> LastAnswer | None:
        """Return why a call is refused before any work is done for it, if it is."""
        if not self._unread:
            return None
        bounds = self._bounds
        if self._unread_of[source] >= bounds.unread_per_source and not self._proxied(host):
            return LastAnswer(
                status=HTTPStatus.SERVICE_UNAVAILABLE,
                code="overloaded",
                words=f"answers of {_mebibytes(bounds.unread_per_source)} to this address wait to "
                "be read; read them, then try again",
            )
        if self._unread >= bounds.unread:
            return LastAnswer(
                status=HTTPStatus.SERVICE_UNAVAILABLE,
                code="overloaded",
                words=f"answers of {_mebibytes(bounds.unread)} wait to be read; try again",
            )
        return None

    def full(self) -> LastAnswer:
        """Return the words for a connection that was not let in."""
        return LastAnswer(
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            code="overloaded",
            words="too many connections are open, from this address or in all; close some, or "
            "raise connections_per_source or connections",
        )

    def _made_room(self, newcomer: str) -> bool:
        """Cut the oldest waiting connection of the source that has most, unless it is no worse."""
        source = max(self._waiting, key=self._open_of.__getitem__, default=newcomer)
        if self._open_of[source] <= self._open_of[newcomer]:
            return False
        connection, cut = next(iter(self._waiting[source].items()))
        self.wake(connection, source)
        cut()
        return True

    def _proxied(self, host: str) -> bool:
        return bool(self._proxies) and within(host, self._proxies)


class CrowdSeat:
    """Hold a connection's place in the crowd, whatever is spoken on it.

    Where HTTP has become a WebSocket this is all that is left of it, and what had read the first
    call of each of thousands of agents can go. ``cut`` breaks the connection off; with ``counted``
    False it has no place to give back.
    """

    __slots__ = ("_alarm", "_counted", "_crowd", "_cut", "_host", "source")

    def __init__(
        self, crowd: Crowd, source: str, host: str, cut: Callable[[], None], *, counted: bool
    ) -> None:
        self.source = source
        self._crowd = crowd
        self._host = host
        self._cut = cut
        self._counted = counted
        self._alarm: asyncio.TimerHandle | None = None

    def wait(self) -> None:
        """Note that the connection has no whole call."""
        self._crowd.wait(self, self.source, self._host, self._cut)

    def wake(self) -> None:
        """Note that it has one."""
        self._crowd.wake(self, self.source)

    def wake_after(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Wait for no call any more after so many seconds."""
        self._alarm = loop.call_later(seconds, self.wake)

    def leave(self) -> None:
        """Give everything back, once."""
        if self._alarm is not None:
            # It would keep what is left of a connection that is gone.
            self._alarm.cancel()
            self._alarm = None
        self.wake()
        if self._counted:
            self._counted = False
            self._crowd.leave(self.source)


def _subtract(counts: Counter[str], name: str, number: int) -> None:
    counts[name] -= number
    if not counts[name]:
        del counts[name]


def _mebibytes(size: int) -> str:
    return f"{size / MEBIBYTE:g} MiB"

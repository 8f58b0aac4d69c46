"""What happens in the farm, followed across lost connections; nothing polls."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from boruta_farm.client.channel import Channel
from boruta_farm.client.stream import MessageParser, StreamMessage
from boruta_farm.client.wire import read_event
from boruta_farm.model.errors import ProtocolError, UnavailableError
from boruta_farm.model.events import Event

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync:
    """Tell to read the state anew: the events that follow are later than what is read now.

    Comes first, and after every gap or new connection. ``gap`` tells that events were missed.
    """

    gap: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Tell that the server is out of reach; comes once, then the watch tries on its own."""

    reason: str


Happening = Event | Resync | Lost
Pause = Callable[[float], Awaitable[None]]


class RequestWatch:
    """Follow a server's events, all or those of one request or worker (by UUID).

    ``after`` goes on after the event of this number. ``pause`` waits between attempts.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        request_id: int | None = None,
        worker: str | None = None,
        after: int | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._channel = channel
        self._query = _query(request_id, worker)
        self._last_id = "" if after is None else str(after)
        self._pause = pause

    async def happenings(self) -> AsyncGenerator[Happening, None]:
        """Yield what happens, for ever.

        Raises UnavailableError when the first connection fails, and whatever else the server
        refuses with; later losses are told as ``Lost`` and repaired. Close the generator to end.
        """
        delay = 0.0
        known = False
        lost = False
        while True:
            resumed = bool(self._last_id)
            try:
                async with self._channel.lines(
                    "events", self._query, {"Last-Event-ID": self._last_id} if resumed else {}
                ) as lines:
                    parser = MessageParser(self._last_id)
                    opened = False
                    async for line in lines:
                        if not opened:
                            # The first line proves that the server listens on our behalf: what
                            # is read from now on cannot miss a later event.
                            opened, lost, delay = True, False, FIRST_PAUSE
                            yield Resync(gap=known and not resumed)
                            known = True
                        message = parser.take(line)
                        happening = None if message is None else self._read(message)
                        if happening is not None:
                            yield happening
                reason = "the server ended the stream of events"
            except UnavailableError as error:
                if not known:
                    raise
                reason = error.message
            if not lost:
                lost = True
                yield Lost(reason=reason)
            await self._pause(delay)
            delay = min(max(delay, FIRST_PAUSE) * 2, LONGEST_PAUSE)

    def _read(self, message: StreamMessage) -> Happening | None:
        self._last_id = message.last_id
        try:
            content = json.loads(message.data)
        except ValueError as error:
            raise ProtocolError("the server sent an event that is no JSON") from error
        if message.event == "resync":
            reason = content.get("Reason") if isinstance(content, dict) else None
            return Resync(gap=True, reason=str(reason or ""))
        event = read_event(content)
        if event is None:
            log.debug("skipped an event of a kind unknown to this client: %s", message.event)
        return event


def _query(request_id: int | None, worker: str | None) -> Mapping[str, str]:
    query = {}
    if request_id is not None:
        query["request"] = str(request_id)
    if worker is not None:
        query["worker"] = worker
    return query

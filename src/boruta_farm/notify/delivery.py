"""Messages on their way: tried again for a while, bounded in number, never in each other's way."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

from boruta_farm.clock import Clock
from boruta_farm.notify.guard import AddressGuard, JudgedAddress, RefusedAddressError
from boruta_farm.notify.notice import Notice, signed
from boruta_farm.notify.sending import HttpSender

logger = logging.getLogger(__name__)

PAUSES: Final = (5.0, 30.0, 120.0, 600.0, 1800.0)
"""Seconds between the attempts; after the last a message is given up."""
MOST_OF_ONE: Final = 100
"""Messages that may wait for one destination; older ones make room."""
MOST_DESTINATIONS: Final = 1000
AT_ONCE: Final = 32
DOUBTED_AT_ONCE: Final = 8
"""Attempts at destinations that did not take the last one: however many are slow, those that answer
have places of their own."""
ANSWERS_WITHIN: Final = 10.0
GONE: Final = 410
"""The destination wants no more of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """Name whom messages are for, where they go and what signs them.

    ``owner`` is an account's id, empty for the farm's own.
    """

    owner: str
    url: str
    secret: bytes


class Sender(Protocol):
    """Send one message; return the status of the answer. Raises OSError, ValueError."""

    async def __call__(self, place: JudgedAddress, body: bytes, headers: dict[str, str]) -> int:
        """Send it."""
        ...


class Deliveries:
    """Deliver messages, one at a time to each destination.

    They lie in memory: what is on its way when the server ends is lost, as a webhook may be.
    """

    def __init__(
        self,
        clock: Clock,
        guard: AddressGuard,
        send: Sender | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._guard = guard
        self._send = send or HttpSender()
        self._pause = pause
        self._waiting: dict[str, deque[tuple[WebhookTarget, Notice]]] = {}
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._doubted_places = asyncio.Semaphore(DOUBTED_AT_ONCE)
        self._doubted: set[str] = set()

    def put(self, destination: WebhookTarget, message: Notice) -> None:
        """Have a message delivered."""
        queue = self._waiting.get(destination.owner)
        if queue is None:
            if len(self._waiting) >= MOST_DESTINATIONS:
                logger.warning("a webhook's message is dropped: too many destinations wait")
                return
            queue = self._waiting[destination.owner] = deque()
            self._ready.put_nowait(destination.owner)
        if len(queue) >= MOST_OF_ONE:
            queue.popleft()
            logger.warning("a webhook's oldest message is dropped: %d wait for it", MOST_OF_ONE)
        queue.append((destination, message))

    async def deliver(self) -> NoReturn:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            # What a cancelled run left behind is taken up by the next.
            for owner in self._waiting:
                group.create_task(self._serve(owner))
            self._ready = asyncio.Queue()
            while True:
                group.create_task(self._serve(await self._ready.get()))
        raise AssertionError("it ends only by cancellation")

    async def _serve(self, owner: str) -> None:
        """Deliver all that waits for one destination, in its order."""
        queue = self._waiting[owner]
        while queue:
            destination, message = queue[0]
            await self._bring(destination, message)
            if queue and queue[0][1] is message:
                queue.popleft()
        del self._waiting[owner]

    async def _bring(self, destination: WebhookTarget, message: Notice) -> None:
        for pause in (*PAUSES, None):
            doubted = destination.owner in self._doubted
            async with self._doubted_places if doubted else self._places:
                fault = await self._attempt(destination, message)
            if fault is None:
                self._doubted.discard(destination.owner)
                return
            self._doubted.add(destination.owner)
            if pause is None:
                break
            await self._pause(pause)
        whose = destination.owner or "the farm"
        logger.warning("the webhook of %s was not told of %s: %s", whose, message.kind, fault)

    async def _attempt(self, destination: WebhookTarget, message: Notice) -> str | None:
        """Return None where nothing is left to be done, else what went wrong; never the address."""
        body = message.body()
        headers = signed(message, body, destination.secret, self._clock.now())
        try:
            place = await self._guard.place(destination.url, destination.owner)
            async with asyncio.timeout(ANSWERS_WITHIN):
                status = await self._send(place, body, headers)
        except RefusedAddressError as error:
            whose = destination.owner or "the farm"
            logger.warning("the webhook of %s is not called: %s", whose, error)
            return None
        except TimeoutError:
            return f"no answer within {ANSWERS_WITHIN:g} s"
        except (OSError, ValueError) as error:
            # Its words may hold the address, which may be a secret.
            return type(error).__name__
        if 200 <= status < 300 or status == GONE:
            return None
        return f"the answer was {status}"

"""Where agents' streams arrive: one listening port, one greeting with a token, then raw bytes."""

import asyncio
import json
import logging
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from boruta_farm.access.connection import RESET_ON_CLOSE
from boruta_farm.access.listening import listen
from boruta_farm.access.liveness import keep_alive
from boruta_farm.access.messages import USUAL
from boruta_farm.access.streams import Streams, hand_in
from boruta_farm.access.websocket import WebSocketStream, carry, socket_pair
from boruta_farm.model.addresses import canonical, network_of

logger = logging.getLogger(__name__)

GREET_WITHIN = 5.0
LONGEST_GREETING = 1024
BACKLOG = 64
IN_TOTAL = USUAL.greeting
PER_SOURCE = IN_TOTAL // 4
"""Connections that may be without a greeting at a time: all together, and from one source.

Beyond that the oldest go, so that strangers who say nothing keep no agent out.
"""

HTTP = b"GET "
OPEN = b'{"stream": "open"}\n'
REFUSED = b'{"stream": "refused"}\n'
RETRY_AFTER = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """Say whose stream this is, and prove by the token that it was asked for."""

    worker: str
    epoch: int
    token: str


class Gate:
    """Listen for agents. ``failed`` is called with the reason when that is not possible.

    Whoever connects has five seconds for one line; only a token that was asked for, is fresh and
    unused, and belongs to the worker and epoch it is presented for, opens anything.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        streams: Streams,
        *,
        greet_within: float = GREET_WITHIN,
        per_source: int = PER_SOURCE,
        in_total: int = IN_TOTAL,
    ) -> None:
        self._loop = loop
        self._streams = streams
        self._greet_within = greet_within
        self.per_source = per_source
        self.in_total = in_total
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._wanted: tuple[str, int] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._greeting: dict[asyncio.Task[None], str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed: Callable[[str], None] = logger.error

    @property
    def port(self) -> int:
        """Return the port that is bound, 0 while none is."""
        return int(self._listener.getsockname()[1]) if self._listener is not None else 0

    def listen(self, host: str, port: int) -> None:
        """Listen there, harmless when that is so already; tried again while it is not possible."""
        if self._wanted == (host, port) and self._listener is not None:
            return
        self._unbind()
        self._wanted = (host, port)
        self._bind(host, port)

    def move(self) -> None:
        """Give the port up to another relay; streams asked for from now on come to a free one."""
        if self._wanted is not None:
            self.listen(self._wanted[0], 0)

    def take(self, caller: socket.socket, head: bytes) -> None:
        """Let somebody greet who came another way and has said ``head`` already."""
        self._begin(caller, canonical(str(caller.getpeername()[0])), head)

    async def close(self) -> None:
        """Stop listening and hang up on everybody whose stream has not begun."""
        self._unbind()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _bind(self, host: str, port: int) -> None:
        try:
            listener = listen(host, port, BACKLOG)
        except OSError as error:
            self.failed(f"{host} port {port}: {error.strerror or error}")
            self._retry = self._loop.call_later(RETRY_AFTER, self._bind, host, port)
            return
        logger.info("agents' streams arrive at %s port %d", *listener.getsockname()[:2])
        self._listener = listener
        self._accepting = self._loop.create_task(self._accept(listener))

    def _unbind(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._accepting is not None:
            self._accepting.cancel()
            self._accepting = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                caller, (host, *_) = await self._loop.sock_accept(listener)
            except OSError as error:
                logger.warning("a stream was lost before it began: %s", error.strerror)
                await asyncio.sleep(1.0 if error.errno is not None else 0)
                continue
            self._begin(caller, canonical(host), b"")

    def _begin(self, caller: socket.socket, host: str, head: bytes) -> None:
        counted = network_of(host)
        self._make_room(counted)
        task = self._loop.create_task(self._receive(caller, host, head))
        self._greeting[task] = counted
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        # One that is cancelled before it began to run has closed nothing.
        task.add_done_callback(lambda done: caller.close() if done.cancelled() else None)

    def _make_room(self, counted: str) -> None:
        """Hang up on the oldest of a source's callers who greet no more than is allowed to be."""
        counts = Counter(self._greeting.values())
        if counts[counted] >= self.per_source:
            crowd = counted
        elif len(self._greeting) >= self.in_total:
            ((crowd, _),) = counts.most_common(1)
        else:
            return
        oldest = next(task for task, theirs in self._greeting.items() if theirs == crowd)
        logger.info("%s: a caller who did not greet was hung up on for another's sake", crowd)
        del self._greeting[oldest]
        oldest.cancel()

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._greeting.pop(task, None)

    async def _receive(self, caller: socket.socket, host: str, head: bytes) -> None:
        """Let one caller greet, and hand its connection to the user who waits for it.

        ``head`` is what it has sent already.
        """
        try:
            keep_alive(caller)
            async with asyncio.timeout(self._greet_within):
                entrant = await self._entrant(caller, head)
        except (OSError, TimeoutError, ValueError) as error:
            logger.info("%s did not greet: %s", host, error or "it took too long")
            caller.close()
            return
        except BaseException:
            caller.close()
            raise
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._greeting.pop(task, None)
        await self._admit(entrant, host)

    async def _entrant(self, caller: socket.socket, head: bytes) -> "Entrant":
        """Read a greeting, raw or over a WebSocket."""
        line = head
        while not line.endswith(b"\n") and not line.startswith(HTTP):
            part = await self._loop.sock_recv(caller, LONGEST_GREETING + 1 - len(line))
            line += part
            if not part or len(line) > LONGEST_GREETING:
                raise ValueError("it sent no line of JSON")
        if not line.startswith(HTTP):
            return Entrant(caller=caller, greeting=read_greeting(line))
        stream = WebSocketStream(self._loop, caller)
        await stream.open(line)
        return Entrant(
            caller=caller, greeting=read_greeting(await stream.receive()), websocket=stream
        )

    async def _admit(self, entrant: "Entrant", host: str) -> None:
        greeting = entrant.greeting
        claimed = self._streams.claim(greeting.worker, greeting.epoch, greeting.token)
        try:
            await entrant.answer(OPEN if claimed is not None else REFUSED)
        except OSError as error:
            logger.info("%s went away: %s", host, error.strerror)
        if claimed is None:
            logger.warning(
                "%s: a stream for worker %r epoch %d was refused: its token is unknown, used, "
                "too old, or another board's",
                host,
                greeting.worker,
                greeting.epoch,
            )
            entrant.caller.close()
        elif entrant.websocket is None:
            hand_in(claimed, entrant.caller)
        else:
            with entrant.caller:
                await self._carry(entrant.websocket, claimed)

    async def _carry(
        self, websocket: WebSocketStream, claimed: "asyncio.Future[socket.socket]"
    ) -> None:
        near, far = socket_pair()
        with far:
            if not hand_in(claimed, near):
                return
            try:
                await carry(websocket, far, self._loop)
            except* OSError as errors:
                logger.debug("a stream broke: %s", errors.exceptions[0])
                # Both ends learn of it as of a connection that broke, not as of a clean end.
                far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """Carry who has greeted, and over what."""

    caller: socket.socket
    greeting: Greeting
    websocket: WebSocketStream | None = None

    async def answer(self, words: bytes) -> None:
        """Say whether the stream is open. Raises OSError."""
        if self.websocket is not None:
            await self.websocket.send(words)
        else:
            # A few bytes on a fresh connection never wait.
            self.caller.send(words)


def read_greeting(line: bytes) -> Greeting:
    """Return what an agent said. Raises ValueError; the token is never part of its words."""
    try:
        said: object = json.loads(line)
    except ValueError:
        said = None
    if isinstance(said, dict):
        worker, epoch, token = said.get("worker"), said.get("epoch"), said.get("token")
        if (
            isinstance(worker, str)
            and isinstance(epoch, int)
            and not isinstance(epoch, bool)
            and isinstance(token, str)
        ):
            return Greeting(worker=worker, epoch=epoch, token=token)
    raise ValueError("its line is no greeting of a stream")

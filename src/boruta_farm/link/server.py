"""The server's end of the link: the boards that can be talked to at this moment."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from boruta_farm.clock import Clock
from boruta_farm.contracts import BoardWatch, FencedDryad, Registrar, Reports, StreamingDryad
from boruta_farm.link.connection import AgentConnection, Visitor
from boruta_farm.link.socket import Socket
from boruta_farm.link.watching import LinkWatch
from boruta_farm.model.addresses import network_of
from boruta_farm.model.errors import BorutaError, SharedUUIDError

logger = logging.getLogger(__name__)

TRY_LATER: Final = 1013
GUESTS: Final = 256
"""Links of one address whose agents have not introduced themselves yet; more are sent away."""
REPLACED = "another agent with this board's UUID and credential has connected"
DISPUTE_AGAIN: Final = 60.0
"""Seconds for which a dispute is not written down again."""


class Hub:
    """Serve agents' sockets and keep one connection of each board.

    A newcomer with the UUID and credential of a connected agent is refused while that one answers
    a ping: nobody on the board is to be disturbed by a copied SD card. One that does not answer
    is replaced.

    The contract ``Boards``. Agents that dial in before ``attach`` are sent away to come again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._farm: tuple[Registrar, Reports] | None = None
        self._open: set[AgentConnection] = set()
        self._newest: dict[str, AgentConnection] = {}
        self._ready: dict[str, AgentConnection] = {}
        self._contacts: dict[str, float] = {}
        self._watches: set[LinkWatch] = set()
        self._farewells: set[asyncio.Task[None]] = set()
        self._guests: Counter[str] = Counter()
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._disputed: dict[str, float] = {}
        self._closed = False
        self.on_sessions: Callable[[str, tuple[int, ...]], None] = lambda _uuid, _ports: None
        """Told with each heartbeat from which ports somebody is signed in on a board."""

    def attach(self, superviser: Registrar, reports: Reports) -> None:
        """Say where registrations and reports go."""
        self._farm = (superviser, reports)

    async def serve(
        self, socket: Socket, peer_ip: str, credential: str | None, *, local: bool = False
    ) -> None:
        """Talk to one agent until its link ends; ``credential`` is the bearer it presented.

        ``local`` tells that it surely runs on this machine.
        """
        if self._farm is None or self._closed:
            await socket.close(TRY_LATER, "the server is starting or stopping")
            return
        notices = (self._registered, self._heard)
        if self._guests[network_of(peer_ip)] >= GUESTS:
            await socket.close(TRY_LATER, "too many agents of this address say nothing")
            return
        visitor = Visitor(ip=peer_ip, local=local, credential=credential)
        connection = AgentConnection(socket, visitor, self._clock, self._farm, notices, self._turn)
        self._open.add(connection)
        self._guests[network_of(peer_ip)] += 1
        try:
            await connection.serve()
        finally:
            self._open.discard(connection)
            self._known(connection)
            self._gone(connection)

    def fenced(self, uuid: str) -> FencedDryad | None:
        """Return the board's agent while it is connected and ready to be called."""
        connection = self._ready.get(uuid)
        return connection.board if connection is not None else None

    def streaming(self, uuid: str) -> StreamingDryad | None:
        """Return who opens streams for the board, while connected and ready to be called."""
        connection = self._ready.get(uuid)
        return connection.board if connection is not None else None

    def contact(self, uuid: str) -> float | None:
        """Return when the agent's last heartbeat came since this server started."""
        return self._contacts.get(uuid)

    def watch(self) -> BoardWatch:
        """Return a subscription to agents coming and going."""
        return LinkWatch(self._watches)

    def dismiss(self, uuid: str, reason: str) -> None:
        """Send a board's agent away, to come again later if it is let in."""
        connection = self._newest.get(uuid)
        if connection is not None:
            logger.info("worker %s: its agent is sent away: %s", uuid, reason)
            self._send_away(connection, reason)

    async def close(self) -> None:
        """Send every agent away, to come again at once."""
        self._closed = True
        farewells = [c.dismiss("the server is stopping", later=False) for c in self._open]
        await asyncio.gather(*farewells, *self._farewells)

    def _known(self, connection: AgentConnection) -> None:
        """Count a connection as a guest no more: its agent has introduced itself, or gone."""
        if connection.guest:
            connection.guest = False
            counted = network_of(connection.peer_ip)
            self._guests[counted] -= 1
            if not self._guests[counted]:
                del self._guests[counted]

    @asynccontextmanager
    async def _turn(self, connection: AgentConnection, uuid: str) -> AsyncIterator[None]:
        """Let one agent at a time register with a UUID and credential, if no other is there.

        Who has another credential is judged by the farm, and holds nobody up.
        """
        key = uuid, connection.digest
        lock = self._turns.get(key) or self._turns.setdefault(key, asyncio.Lock())
        async with lock:
            older = self._newest.get(uuid)
            if (
                older is not None
                and older is not connection
                and older.digest == connection.digest
                and await older.answers()
            ):
                raise await self._dispute(uuid, older, connection)
            yield

    async def _dispute(
        self, uuid: str, older: AgentConnection, newer: AgentConnection
    ) -> SharedUUIDError:
        """Write down that two agents share a UUID, now and then, and return the refusal."""
        words = (
            f"two agents share the UUID {uuid} and its credential: the one at "
            f"{older.whereabouts(newer)} is connected and answers, the one at "
            f"{newer.whereabouts(older)} was turned away; if its disk or folder was copied, give "
            "it a UUID of its own and remove its state_dir"
        )
        now = self._clock.monotonic()
        self._disputed = {u: at for u, at in self._disputed.items() if now < at + DISPUTE_AGAIN}
        if self._farm is not None and uuid not in self._disputed:
            self._disputed[uuid] = now
            try:
                await self._farm[1].disputed(uuid, words, newer.peer_ip)
            except BorutaError as error:
                logger.warning("worker %s: its dispute is not written down: %s", uuid, error)
        return SharedUUIDError(words)

    def _registered(self, connection: AgentConnection) -> None:
        self._known(connection)
        uuid = connection.uuid
        if uuid is None or self._newest.get(uuid) is connection:
            return
        older = self._newest.get(uuid)
        self._newest[uuid] = connection
        self._contacts[uuid] = self._clock.monotonic()
        if older is None:
            logger.info("worker %s: its agent connected", uuid)
            return
        logger.info("worker %s: its agent connected anew, the older link is closed", uuid)
        if self._ready.pop(uuid, None) is not None:
            self._tell(uuid)
        self._send_away(older, REPLACED)

    def _send_away(self, connection: AgentConnection, reason: str) -> None:
        farewell = asyncio.get_running_loop().create_task(connection.dismiss(reason, later=True))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    def _heard(self, connection: AgentConnection) -> None:
        uuid = connection.uuid
        if uuid is None or self._newest.get(uuid) is not connection:
            return
        self._contacts[uuid] = self._clock.monotonic()
        if connection.sessions is not None:
            self.on_sessions(uuid, connection.sessions)
        if uuid not in self._ready:
            self._ready[uuid] = connection
            self._tell(uuid)

    def _gone(self, connection: AgentConnection) -> None:
        uuid = connection.uuid
        if uuid is None or self._newest.get(uuid) is not connection:
            return
        del self._newest[uuid]
        logger.info("worker %s: its agent's link ended", uuid)
        if self._ready.pop(uuid, None) is not None:
            self._tell(uuid)

    def _tell(self, uuid: str) -> None:
        for watch in self._watches:
            watch.tell(uuid)

"""The relays of sites, where their boards are, beside the one of this machine."""

import asyncio
import hashlib
import hmac
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

from boruta_farm.access import messages
from boruta_farm.access.entries import entry_of
from boruta_farm.access.messages import USUAL, Message, TunnelBounds, encode
from boruta_farm.access.outbox import ASK_EVERY, MessageWire, Outbox, converse
from boruta_farm.access.routes import BindFailure, Relay, TunnelRoute
from boruta_farm.clock import Clock
from boruta_farm.model.addresses import is_loopback, is_ours_alone
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.worker import Reach

logger = logging.getLogger(__name__)

REPLACED: Final = 4409
"""The WebSocket close code for a relay whose place another one takes."""
MOST_PORTS: Final = 65_536


class OwnRelay(Relay, Protocol):
    """The relay of this machine."""

    def well_since(self) -> datetime | None:
        """Return since when it is at hand and answers, None while it does not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePlace:
    """Say where people reach a site's relay, an IP address, and what proves that it is the one.

    ``digest`` is the SHA-256 of the credential, in hexadecimal digits.
    """

    address: str
    digest: str


@dataclass(slots=True, kw_only=True, eq=False)
class SiteRelayEnd:
    """Know one connected relay: what it holds, and whether it does what this server says.

    With several servers it does what one of them says, and tells all.
    """

    site: str
    wire: MessageWire
    outbox: Outbox = field(default_factory=Outbox)
    follows: bool = False
    ports: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


class Sites:
    """Have boards reached through their sites' relays; implements ``routes.Relay``.

    The relay of this machine knows every route all the same, so that each board can be reached
    here whenever its site's relay is gone. A site's relay is believed nothing but which ports it
    holds and what passes through them, for boards of that site alone.
    """

    def __init__(
        self,
        relay: OwnRelay,
        places: Mapping[str, SitePlace],
        clock: Clock,
        bounds: TunnelBounds = USUAL,
    ) -> None:
        self._relay = relay
        self._places = places
        self._clock = clock
        self._bounds = bounds
        self._routes: dict[str, TunnelRoute] = {}
        self._ends: dict[str, SiteRelayEnd] = {}
        self._visits: Counter[str] = Counter()
        self.on_used: Callable[[str, int], None] = lambda _worker, _epoch: None
        """Called with a worker and its job's epoch while its board is used, once a minute."""
        self.keep_at_hand, self.settle = relay.keep_at_hand, relay.settle
        self.failing, self.failure = relay.failing, relay.failure
        self.alive, self.well_since = relay.alive, relay.well_since

    @property
    def connected(self) -> Mapping[str, bool]:
        """Tell of each site whether its relay is connected."""
        return {site: site in self._ends for site in self._places}

    def admits(self, site: str, credential: str | None) -> bool:
        """Tell whether a credential is that of a site's relay."""
        place = self._places.get(site)
        digest = hashlib.sha256((credential or "").encode()).hexdigest()
        return place is not None and hmac.compare_digest(digest, place.digest)

    async def serve(self, wire: MessageWire, site: str, peer: str) -> None:
        """Talk to a site's relay, which was admitted, until it is gone; the newest one counts."""
        end = SiteRelayEnd(site=site, wire=wire)
        before, self._ends[site] = self._ends.get(site), end
        if before is not None:
            logger.warning("site %s: another relay, from %s, takes its relay's place", site, peer)
            await before.wire.close(REPLACED, "another relay of this site has connected")
        asking = asyncio.create_task(_keep_asking(end.outbox))
        why = "it hung up"
        try:
            await converse(wire, end.outbox, lambda message: self._hear(end, message, peer))
        except BorutaError as error:
            why = error.message
        finally:
            asking.cancel()
            if self._ends.get(site) is end:
                del self._ends[site]
                logger.warning(
                    "site %s: its relay went away (%s); its boards are reached here", site, why
                )

    def address(self, worker: str, port: int) -> str:
        """Return where a worker's port is reached at its site now; empty: at this server."""
        end = self._end_of(worker)
        if end is None or end.ports.get(worker) != port:
            return ""
        return self._places[end.site].address

    def replace(self, routes: Iterable[TunnelRoute]) -> None:
        """Want exactly these routes."""
        self._routes = {route.worker: route for route in routes}
        self._relay.replace(self._routes.values())
        for end in self._ends.values():
            self._tell_all(end)

    def put(self, route: TunnelRoute) -> None:
        """Want this route for its worker, in place of an earlier one."""
        left = self._end_of(route.worker)
        self._routes[route.worker] = route
        self._relay.put(route)
        end = self._end_of(route.worker)
        if left is not None and left is not end and left.follows:
            left.outbox.put(encode(messages.DROP, worker=route.worker))
        if end is not None and end.follows:
            end.outbox.put(self._line(messages.PUT, route))

    def drop(self, worker: str) -> None:
        """Want nothing for this worker any more."""
        end = self._end_of(worker)
        self._routes.pop(worker, None)
        self._visits.pop(worker, None)
        self._relay.drop(worker)
        if end is not None and end.follows:
            end.outbox.put(encode(messages.DROP, worker=worker))

    def visits(self, worker: str) -> int:
        """Return how often a relay told that connections of a worker came or went."""
        return self._relay.visits(worker) + self._visits[worker]

    def connections(self, worker: str) -> int:
        """Return how many connections a worker has, as last heard."""
        end = self._end_of(worker)
        return self._relay.connections(worker) + (0 if end is None else end.counts.get(worker, 0))

    def signed_in(self, worker: str, epoch: int, ports: tuple[int, ...]) -> None:
        """Tell from which of the relays' ports somebody is signed in on a worker's board."""
        self._relay.signed_in(worker, epoch, ports)
        end = self._end_of(worker)
        if end is not None and end.follows:
            listed = ",".join(map(str, ports))
            end.outbox.put(encode(messages.SESSIONS, worker=worker, epoch=epoch, ports=listed))

    def _site_of(self, route: TunnelRoute) -> str:
        """Return the site by which a board is reached, empty for none.

        What answers on loopback of a machine that we do not know is not to be dialled from there:
        it would be something of the relay's own machine.
        """
        host = route.host
        return "" if not route.target or is_loopback(host) or is_ours_alone(host) else route.site

    def _end_of(self, worker: str) -> SiteRelayEnd | None:
        route = self._routes.get(worker)
        return None if route is None else self._ends.get(self._site_of(route))

    def _hear(self, end: SiteRelayEnd, message: Message, peer: str) -> None:
        match message.kind:
            case messages.PONG:
                return
            case messages.HELLO:
                logger.info(
                    "site %s: its relay, version %s, is at hand, from %s",
                    end.site,
                    message.text("version"),
                    peer,
                )
            case messages.FOLLOW:
                end.follows = True
                self._tell_all(end)
            case messages.BOUND:
                if len(end.ports) < MOST_PORTS:
                    end.ports[message.text("worker")] = message.whole("port")
            case messages.BIND_FAILED:
                failure = BindFailure(
                    worker=message.text("worker"),
                    port=message.whole("port"),
                    reason=message.text("reason"),
                )
                end.ports.pop(failure.worker, None)
                logger.warning(
                    "site %s: port %d of worker %s cannot be bound there: %s; it is reached here",
                    end.site,
                    failure.port,
                    failure.worker,
                    failure.reason,
                )
            case messages.RELEASED:
                end.ports.pop(message.text("worker"), None)
            case messages.CONNECTIONS | messages.USED:
                self._hear_of_visitors(end, message)
            case other:
                logger.info("site %s: %r is ignored by this version", end.site, other)

    def _hear_of_visitors(self, end: SiteRelayEnd, message: Message) -> None:
        worker = message.text("worker")
        if self._end_of(worker) is not end:
            return
        if message.kind == messages.USED:
            self.on_used(worker, message.whole("epoch"))
            return
        end.counts[worker] = message.whole("count")
        self._visits[worker] += 1

    def _tell_all(self, end: SiteRelayEnd) -> None:
        if not end.follows:
            return
        end.outbox.put(encode(messages.BEGIN, listen="", **self._bounds.fields()))
        for route in self._routes.values():
            if self._site_of(route) == end.site:
                end.outbox.put(self._line(messages.ROUTE, route))
        end.outbox.put(encode(messages.COMMIT))

    def _line(self, kind: str, route: TunnelRoute) -> bytes:
        """Return a route's line. A site's relay is where its boards are: it dials them."""
        return entry_of(replace(route, reach=Reach.DIRECT), self._clock.now()).line(kind)


async def _keep_asking(outbox: Outbox) -> None:
    while True:
        outbox.put(encode(messages.PING, sequence=0))
        await asyncio.sleep(ASK_EVERY)

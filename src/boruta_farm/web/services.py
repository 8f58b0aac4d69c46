"""What the web room is given: the farm behind its contracts, and the settings of the API."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from boruta_farm.clock import Clock
from boruta_farm.contracts import ConsoleLogs, Requests, Timekeeping, Workers
from boruta_farm.contracts.people import SignIns
from boruta_farm.feed import Feed
from boruta_farm.model.events import Event
from boruta_farm.model.front_door import FrontDoorPlace
from boruta_farm.terminals.terminals import BoardTerminals
from boruta_farm.web.auth import People
from boruta_farm.web.boards import BoardHub
from boruta_farm.web.metrics import Traffic
from boruta_farm.web.page import StaticPage, built_page
from boruta_farm.web.sites import NoSites, SiteHub

Journal = Callable[[int, int], Awaitable[tuple[Event, ...]]]
"""Return up to so many (second argument) journalled events above a number (first)."""

WriteMetrics = Callable[[], Awaitable[bytes]]
"""Return all figures in Prometheus' text form."""

TellDoor = Callable[[], FrontDoorPlace | None]
"""Return where the front door is, None while there is none."""

Health = Callable[[], str | None]
"""Return None while the farm moves on, else what stands still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Carry everything the API talks to.

    ``version`` is shown to clients, ``time`` tells what is to be known of the farm's time,
    ``at_risk`` what a failover of its database would lose, ``traffic`` counts what is answered,
    ``servers`` tells how many the farm has now, ``door`` where plain ssh comes in; ``terminals`` is
    None where the page shall have none, ``sign_ins`` where nobody vouches for others. Boards'
    tunnels listen ``tunnels_at`` this address of ours; ``sites`` has the relays of other places.
    """

    requests: Requests
    workers: Workers
    consoles: ConsoleLogs
    hub: BoardHub
    feed: Feed
    events: Journal
    clock: Clock
    health: Health
    people: People
    time: Timekeeping
    version: str
    traffic: Traffic
    metrics: WriteMetrics
    servers: Callable[[], int] = lambda: 1
    at_risk: Health = lambda: None
    door: TellDoor = lambda: None
    terminals: BoardTerminals | None = None
    tunnels_at: str = "127.0.0.1"
    sign_ins: SignIns | None = None
    sites: SiteHub = field(default_factory=NoSites)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """Carry the API's settings.

    ``public_address`` is the IP address handed out for tunnels; None takes the one the caller
    reached us at. ``cors_origins`` are origins whose pages may use the API (``*``: all); empty
    switches CORS off. Times are in seconds. ``calls_per_source`` and ``calls_per_account`` are
    how often one address and one account may call in a second, in the long run; 0 is as often
    as they like. ``event_streams`` may be open at once, of one address or account fewer.
    ``page`` is what browsers are shown.
    """

    public_address: str | None = None
    cors_origins: tuple[str, ...] = ()
    body_timeout: float = 10.0
    heartbeat: float = 15.0
    event_streams: int = 2000
    event_streams_per_source: int = 500
    event_streams_per_account: int = 100
    calls_per_source: float = 200.0
    calls_per_account: float = 100.0
    page: StaticPage = field(default_factory=built_page)

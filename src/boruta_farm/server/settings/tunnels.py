"""Settings of the ways to a lent board: tunnels, relays and the page."""

from collections.abc import Mapping
from dataclasses import dataclass

from boruta_farm.model.settings import FarmSettings
from boruta_farm.server.sites import SiteSettings
from boruta_farm.settings.declaration import Struct, setting
from boruta_farm.settings.kinds import Maybe, Named, Several, Switch, Text, Whole
from boruta_farm.settings.places import Address, Ip, Ports

FARM = FarmSettings()


@dataclass(frozen=True, kw_only=True)
class TunnelSettings:
    """Carry where tunnels listen, what relays them, and who may look in by the page."""

    public_address: str = setting(
        Text(),
        "IP address at which users reach the tunnels. Default: the one they called the API at.",
        default="",
    )
    tunnel_address: str | None = setting(
        Maybe(Ip()),
        "IP address the tunnels listen on. Default: the one the API listens on; behind a proxy "
        "it is one that users can reach.",
        default=None,
    )
    tunnel_ports: tuple[int, int] = setting(
        Ports(1024, 65535, such_as="20000-29999"),
        "TCP ports of which every worker gets one for good.",
        default=FARM.tunnel_ports,
    )
    stream_addr: tuple[str, int] | None = setting(
        Maybe(Address()),
        "Where boards that the server cannot reach connect for their users' sessions; their "
        "agents must get through to it. Default: where the tunnels listen, one port above the "
        "API's.",
        default=None,
    )
    keep_relay: bool = setting(
        Switch(),
        "Let the relay and the front door, and with them running SSH sessions, live on when the "
        "server is stopped.",
        default=True,
    )
    start_relay: bool = setting(
        Switch(),
        "Start the relay where none serves the data folder; false where it is a unit of its own.",
        default=True,
    )
    keys_ready: int = setting(
        Whole(1, 100_000), "How many session keys are made ahead.", default=128
    )
    browser_terminal: bool = setting(
        Switch(),
        "Let the page open terminals, consoles and tools of lent boards; the server then sees what "
        "is typed there. Off: only ssh does.",
        default=True,
    )
    browser_terminal_forbidden: tuple[str, ...] = setting(
        Several(Text(), commas=True),
        "Groups, separated by commas, whose members have no terminals in the page.",
        default=(),
    )
    sites: Mapping[str, SiteSettings] = setting(
        Named(Struct(SiteSettings)),
        "Places whose boards have a relay of their own there, each a table [site.NAME].",
        make=dict,
        key="site",
    )

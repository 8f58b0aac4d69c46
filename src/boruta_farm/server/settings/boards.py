"""Settings of how boards come to the farm and are looked after."""

from dataclasses import dataclass
from datetime import timedelta

from boruta_farm.model.addresses import Network
from boruta_farm.model.settings import Enrolment, FarmSettings
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Duration, Maybe, OneOf, Several, Switch, Whole
from boruta_farm.settings.places import Address, IpNetwork

FARM = FarmSettings()
SHORTEST_ROUND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class BoardSettings:
    """Carry which boards may come, and how patient the farm is with them."""

    enrolment: Enrolment = setting(
        OneOf(Enrolment),
        "Which boards may enrol without a join token: loopback (agents on this machine), invited "
        "(none), or open (whoever reaches the server; for closed labs only).",
        default=Enrolment.LOOPBACK,
    )
    credential_life: timedelta = setting(
        Duration(),
        "The age at which an agent takes a new credential by itself.",
        default=FARM.credential_life,
    )
    lost_grace: timedelta = setting(
        Duration(),
        "How long an agent may be silent before its worker counts as lost.",
        default=FARM.lost_grace,
    )
    opening_timeout: timedelta = setting(
        Duration(),
        "How long an agent may take to install a request's own key.",
        default=FARM.opening_timeout,
    )
    ready_timeout: timedelta = setting(
        Duration(),
        "How long a board may take to be flashed and booted as a request asks, before its job "
        "begins.",
        default=FARM.ready_timeout,
    )
    prepare_timeout: timedelta = setting(
        Duration(),
        "How long clean-up and preparation of a board may take.",
        default=FARM.prepare_timeout,
    )
    idle_again: bool = setting(
        Switch(),
        "Return a board to IDLE by itself after it registered with other capabilities.",
        default=FARM.idle_again,
    )
    health_every: timedelta = setting(
        Duration(SHORTEST_ROUND),
        "How often boards are asked for their health, give or take a quarter.",
        default=timedelta(minutes=1),
    )
    health_failures: int = setting(
        Whole(1), "How many health checks in a row must fail before a worker is FAILED.", default=3
    )
    test_idle_after: timedelta = setting(
        Duration(),
        "How long a board may be IDLE before it is taken out, cleaned and prepared anew, which "
        "runs the thorough tests that its agent is configured for. 0s: for ever.",
        default=timedelta(),
    )
    flap_recoveries: int = setting(
        Whole(),
        "How many recoveries within flap_within make a worker that fails once more be put into "
        "MAINTENANCE. 0: never.",
        default=FARM.flap_recoveries,
    )
    flap_within: timedelta = setting(
        Duration(),
        "The time within which recoveries are counted for flap_recoveries.",
        default=FARM.flap_within,
    )
    rpc_addr: tuple[str, int] | None = setting(
        Maybe(Address()),
        "Where boards of the original system register over Go RPC, usually port 7175. Empty: "
        "nowhere. That protocol has no authentication, so whoever reaches it can register "
        "boards.",
        default=None,
    )
    rpc_allow: tuple[Network, ...] = setting(
        Several(IpNetwork(), commas=True),
        "Networks, separated by commas, whose addresses any board may register over Go RPC. "
        "Without them a board may name only the address it calls from.",
        default=(),
    )
    rpc_healthcheck: timedelta = setting(
        Duration(),
        "How often an idle board over Go RPC is tested with Dryad.Healthcheck, which cuts the "
        "power of its device under test for a second; it is taken out of lending meanwhile, and "
        "is tested before every preparation too. 0s: never, a connection has to do.",
        default=timedelta(),
    )

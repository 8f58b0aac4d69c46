"""The server's settings: a TOML file, the environment over it, flags over both."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from boruta_farm import __version__
from boruta_farm.model.addresses import Network, dialled
from boruta_farm.model.front_door import DoorSettings
from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.model.settings import Enrolment, FarmSettings
from boruta_farm.oidc.settings import ProviderSettings, WorkloadSettings, check_vouchers
from boruta_farm.selectors.wanted import KINDS
from boruta_farm.server.http.limits import LimitSettings
from boruta_farm.server.kinds import (
    Ageing,
    Database,
    IdleEnd,
    LogFormat,
    LogLevel,
    SigningSecret,
    WebhookAddress,
    has_password,
)
from boruta_farm.server.listening import check_listening
from boruta_farm.server.sites import SiteSettings, check_names
from boruta_farm.settings.declaration import Struct, read, setting
from boruta_farm.settings.declaration import environment as environment_tables
from boruta_farm.settings.files import read_toml
from boruta_farm.settings.kinds import (
    Blank,
    Duration,
    Listing,
    Maybe,
    Named,
    OneOf,
    Switch,
    Text,
    Whole,
)
from boruta_farm.settings.places import (
    LAST_PORT,
    Address,
    HostName,
    Ip,
    IpNetwork,
    Location,
    Origin,
    Ports,
)
from boruta_farm.settings.privacy import exposure
from boruta_farm.settings.table import SettingError, Table

ENVIRONMENT_PREFIX = "BORUTA_"
SHORTEST_ROUND = timedelta(seconds=1)
SHORTEST_HALF_LIFE = timedelta(minutes=10)
"""Shorter ones forget at once."""

NETWORKS = Listing(IpNetwork(), commas=True)
FARM = FarmSettings()
POLICIES = Policies()


def default_data() -> Path:
    """Return where the farm's data lies unless told otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/boruta")
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Location().read(base) / "boruta"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(LimitSettings):
    """Carry every setting of the server; each field's name is its key in the file."""

    api_addr: tuple[str, int] = setting(
        Address(),
        "Where the HTTP API listens; without a host, as in :8487, or at [::], over IPv4 and IPv6.",
        default=("127.0.0.1", 8487),
    )
    allow_anonymous: bool = setting(
        Switch(),
        "Let anyone who reaches the API do anything, as long as there is no account. Needed for "
        "any address outside loopback unless users is on.",
        default=False,
    )
    users: bool = setting(
        Switch(),
        "Ask every call for a token, even while there is no account yet. The first start shows a "
        "one-time token for the account admin. With an account it is on by itself.",
        default=False,
    )
    calls_per_source: int = setting(
        Whole(),
        "Calls that one address may make in a second, in the long run, where users are asked "
        "for; 0: as many as it likes.",
        default=200,
    )
    calls_per_account: int = setting(
        Whole(),
        "Calls that one account may make in a second, in the long run; 0: as many as it likes.",
        default=100,
    )
    tls_certificate: Path | None = setting(
        Maybe(Location()),
        "PEM file of the server's certificate with its chain: the API is then served over TLS. "
        "Read anew when it changes, and on SIGHUP.",
        default=None,
    )
    tls_key: Path | None = setting(
        Maybe(Location()),
        "PEM file of the certificate's private key, without a password.",
        default=None,
    )
    allow_plaintext: bool = setting(
        Switch(),
        "Serve the API beyond this machine without TLS: tokens, keys and credentials can then be "
        "read on the way. Not needed behind a proxy on this machine.",
        default=False,
    )
    trusted_proxies: tuple[Network, ...] = setting(
        NETWORKS,
        "Networks, separated by commas, of proxies in front of the API: only their "
        "X-Forwarded-For and X-Forwarded-Proto headers are believed.",
        default=(),
    )
    rpc_addr: tuple[str, int] | None = setting(
        Maybe(Address()),
        "Where boards of the original system register over Go RPC, usually port 7175. Empty: "
        "nowhere. That protocol has no authentication, so whoever reaches it can register "
        "boards.",
        default=None,
    )
    rpc_allow: tuple[Network, ...] = setting(
        NETWORKS,
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
    data: Path = setting(
        Location(),
        "Folder of the database, the secret key and the relay's socket.",
        make=default_data,
        usual="`/var/lib/boruta` for root, else `~/.local/share/boruta`",
    )
    database: str = setting(
        Database(),
        "PostgreSQL to use instead of the SQLite file in the data folder: postgresql://...",
        default="",
    )
    disk_reserve: int = setting(
        Whole(1, 65_536),
        "MiB kept on the disk for ends of jobs; new requests are refused when less is left "
        "besides. For SQLite.",
        default=FARM.disk_reserve,
    )
    public_address: str = setting(
        Text(),
        "IP address at which users reach the tunnels. Default: the one they called the API at.",
        default="",
    )
    public_names: tuple[str, ...] = setting(
        Listing(HostName(), commas=True),
        "Host names, separated by commas, by which the API may be called, besides localhost, this "
        "machine's own name and those in the certificate; behind a proxy those it is called by. "
        "*: by any, which lets web pages of others reach a farm without users (DNS rebinding).",
        default=(),
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
    cors_origins: tuple[str, ...] = setting(
        Listing(Origin(), commas=True),
        "Origins, separated by commas, whose web pages may call the API, such as "
        "https://ci.example; * lets all. Empty: none.",
        default=(),
    )
    browser_terminal: bool = setting(
        Switch(),
        "Let the page open terminals, consoles and tools of lent boards; the server then sees what "
        "is typed there. Off: only ssh does.",
        default=True,
    )
    browser_terminal_forbidden: tuple[str, ...] = setting(
        Listing(Text(), commas=True),
        "Groups, separated by commas, whose members have no terminals in the page.",
        default=(),
    )
    job_timeout: timedelta = setting(
        Duration(),
        "How long a job lasts whose request names no length, and what a prolongation sets it to "
        "from now.",
        default=FARM.job_timeout,
    )
    job_limit: timedelta = setting(
        Duration(),
        "The longest that a request may ask for, and a job can last with all its prolongations.",
        default=FARM.job_limit,
    )
    idle_end: timedelta = setting(
        IdleEnd(),
        "How long a lent board may go unused while somebody waits for it: then its holder is "
        "warned, and 5 minutes later it is given back. Use is what passes through its tunnel "
        "beyond signs of life. Requests may ask for less. 0s: for ever.",
        default=FARM.idle_end,
    )
    invalid_after: timedelta = setting(
        Duration(),
        "How long a request whose last possible worker is gone waits before it becomes INVALID.",
        default=FARM.invalid_after,
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
    max_caps: int = setting(
        Whole(1), "The most capabilities of a board, or of a request's Caps.", default=FARM.max_caps
    )
    max_cap_length: int = setting(
        Whole(1),
        "The most characters of a capability, name and value.",
        default=FARM.max_cap_length,
    )
    max_selector_length: int = setting(
        Whole(1), "The most characters of a request's Selector.", default=FARM.max_selector_length
    )
    max_request_length: int = setting(
        Whole(1),
        "The most bytes of a request's Caps, Selector, SSHKey, Image, BootUntil and Context "
        "together.",
        default=FARM.max_request_length,
    )
    max_waiting_length: int = setting(
        Whole(1),
        "The most bytes of these of all waiting requests of one owner together.",
        default=FARM.max_waiting_length,
    )
    max_filed_length: int = setting(
        Whole(),
        "The most bytes of these that one account may file in a day, in the long run, where users "
        "are known, and 640 for each request: they are kept for long. 0: any number.",
        default=FARM.max_filed_length,
    )
    audit_keep: timedelta = setting(
        Duration(),
        "How long entries of the audit are kept. What is cut off leaves an entry by which the rest "
        "is still proved. 0s: for ever.",
        default=FARM.audit_keep,
    )
    audit_entries: int = setting(
        Whole(),
        "How many entries of the audit are kept at most, some 500 bytes each. 0: any number.",
        default=FARM.audit_entries,
    )
    history_keep: timedelta = setting(
        Duration(),
        "How long finished requests are kept, with their jobs and consoles' logs; a day at least. "
        "The audit tells what was removed, and no id is given out again. 0s: for ever.",
        default=FARM.history_keep,
    )
    history_requests: int = setting(
        Whole(),
        "How many requests are kept at most, some 1 KiB each; the oldest finished ones go first. "
        "0: any number.",
        default=FARM.history_requests,
    )
    console_keep: timedelta = setting(
        Duration(),
        "How long the logs of ended jobs' consoles are kept. 0s: for ever.",
        default=FARM.console_keep,
    )
    console_bytes: int = setting(
        Whole(),
        "How many MiB of them are kept at most, compressed; the oldest go first. 0: any amount.",
        default=FARM.console_bytes,
    )
    ssh_addr: tuple[str, int] | None = setting(
        Maybe(Address()),
        "Where the SSH front door listens, usually port 8022, for ssh -J FARM:8022 rpi4. Empty: "
        "nowhere. It is a process of its own, started by the server.",
        default=None,
    )
    ssh_linger: timedelta = setting(
        Duration(),
        "How long a board that was reached by the front door is kept for the same person after his "
        "last connection is gone.",
        default=timedelta(seconds=60),
    )
    ssh_read_by_farm: bool = setting(
        Switch(),
        "Let boards be reached as ssh rpi4@FARM, too, for tools that know no jump: what passes "
        "there can be read by the farm.",
        default=True,
    )
    ssh_user_ca: Path | None = setting(
        Maybe(Location()),
        "A file of public keys, one a line, of SSH authorities whose certificates sign people in "
        "at the front door. Read anew when it changes. Empty: no certificate does.",
        default=None,
    )
    ssh_user_revoked: Path | None = setting(
        Maybe(Location()),
        "A file of what those authorities have taken back: lines such as serial: 7, serial: 10-20, "
        "id: ann-laptop, or a public key. Read anew when it changes; while it cannot be read, no "
        "certificate signs in.",
        default=None,
    )
    ssh_principals: Mapping[str, str] = setting(
        Named(Text(), commas=True),
        "Which accounts the principals of such certificates are: PRINCIPAL=ACCOUNT, separated by "
        "commas. Empty: a principal is the name of an account; else only what stands here counts.",
        make=dict,
    )
    end_removed_keys: bool = setting(
        Switch(),
        "End what an SSH key has opened, connections and jobs that are its own, when it is taken "
        "off its account, or its certificate is revoked or over; else it only opens nothing more.",
        default=FARM.end_removed_keys,
    )
    want_kinds: tuple[str, ...] = setting(
        Listing(Text(), commas=True),
        "Capabilities, separated by commas, whose values say what kind of board it is, for those "
        "who ask the front door for one by a word: ssh -J FARM:8022 rpi4.",
        default=KINDS,
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
    start_door: bool = setting(
        Switch(),
        "Start the front door where ssh_addr says; false where it is a unit of its own.",
        default=True,
    )
    keys_ready: int = setting(
        Whole(1, 100_000), "How many session keys are made ahead.", default=128
    )
    log_format: LogFormat = setting(
        OneOf(LogFormat), "Form of the log: human or json.", default=LogFormat.HUMAN
    )
    log_level: LogLevel = setting(
        OneOf(LogLevel),
        "The least important lines logged: debug, info, warning or error.",
        default=LogLevel.INFO,
    )
    ageing: timedelta | None = setting(
        Ageing(),
        "How long a request waits to rise by one priority, so that none starves: off, on (4h) or "
        "a duration.",
        default=POLICIES.ageing,
    )
    fair_share: FairShare = setting(
        OneOf(FairShare),
        "Between whom recent use is evened out among requests of the same priority: none, "
        "owners, groups, or groups and owners.",
        default=POLICIES.fair_share,
    )
    half_life: timedelta = setting(
        Duration(SHORTEST_HALF_LIFE),
        "After how long the use of a board counts half for fair shares.",
        default=POLICIES.half_life,
    )
    owner_limit: int | None = setting(
        Maybe(Whole(1), "none"),
        "How many jobs one owner may have at once: a number, or none for any.",
        default=POLICIES.owner_limit,
    )
    group_limit: int | None = setting(
        Maybe(Whole(1), "none"),
        "How many jobs the owners in one group may have at once: a number, or none for any.",
        default=POLICIES.group_limit,
    )
    owner_limits: Mapping[str, int] = setting(
        Named(Whole(1), commas=True),
        "Owners with another limit: NAME=NUMBER, separated by commas.",
        make=dict,
    )
    group_limits: Mapping[str, int] = setting(
        Named(Whole(1), commas=True),
        "Groups with another limit: NAME=NUMBER, separated by commas.",
        make=dict,
    )
    show_owners: bool = setting(
        Switch(),
        "Let everybody see in an explanation who holds the boards he waits for. Admins and "
        "owners see their own in any case.",
        default=FarmSettings().show_owners,
    )

    page_address: str = setting(
        Blank(Origin()),
        "The address by which people's browsers call this farm, such as https://farm.example:8487: "
        "sign-in providers send them back there, and tokens of CI jobs are made for it.",
        default="",
    )
    providers: Mapping[str, ProviderSettings] = setting(
        Named(Struct(ProviderSettings)),
        "OpenID Connect providers that people sign in by, each a table [provider.NAME].",
        make=dict,
        key="provider",
    )
    workloads: Mapping[str, WorkloadSettings] = setting(
        Named(Struct(WorkloadSettings)),
        "Rules by which jobs of CI systems sign in with the tokens that these give them, each a "
        "table [workload.NAME]; the first that fits counts.",
        make=dict,
        key="workload",
    )

    sites: Mapping[str, SiteSettings] = setting(
        Named(Struct(SiteSettings)),
        "Places whose boards have a relay of their own there, each a table [site.NAME].",
        make=dict,
        key="site",
    )

    notify: str | None = setting(
        Maybe(WebhookAddress()),
        "The farm's webhook, such as https://HOST/PATH: told when a request is granted, near its "
        "end, asked about, or loses its board. Accounts may have webhooks of their own.",
        default=None,
    )
    notify_secret: str | None = setting(
        Maybe(SigningSecret()),
        "What signs the farm's messages, as echo whsec_$(openssl rand -base64 32) makes it.",
        default=None,
        hidden=True,
    )
    notify_allow: tuple[Network, ...] = setting(
        NETWORKS,
        "Private networks, separated by commas, into which webhooks may lead. Without them the "
        "server calls public addresses alone, over https.",
        default=(),
    )

    def check(self) -> None:
        """Refuse settings that contradict each other. Raises SettingError."""
        check_listening(
            api_host=self.api_addr[0],
            rpc_host=self.rpc_addr[0] if self.rpc_addr else None,
            ssh_host=self.ssh_addr[0] if self.ssh_addr else None,
            tls=self.tls_certificate is not None,
            plaintext=self.allow_plaintext,
            users=self.users,
            anonymous=self.allow_anonymous,
        )
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise SettingError(
                "tls_certificate and tls_key belong together: set both, or neither",
                "tls_key" if self.tls_certificate is None else "tls_certificate",
            )
        if (self.notify is None) != (self.notify_secret is None):
            raise SettingError(
                "notify and notify_secret belong together: set both, or neither",
                "notify_secret" if self.notify_secret is None else "notify",
            )
        if self.ssh_user_ca is None and (self.ssh_user_revoked or self.ssh_principals):
            raise SettingError(
                "belongs to ssh_user_ca, which is not set",
                "ssh_user_revoked" if self.ssh_user_revoked else "ssh_principals",
            )
        check_vouchers(
            self.providers, self.workloads, users=self.users, page_address=self.page_address
        )
        check_names(self.sites)
        if self.job_limit < self.job_timeout:
            raise SettingError("must not be shorter than job_timeout", "job_limit")

    def streams(self) -> tuple[str, int]:
        """Return where the relay takes streams of boards' agents."""
        host, port = self.tunnel_address or self.api_addr[0], self.api_addr[1]
        return self.stream_addr or (host, port + 1 if 0 < port < LAST_PORT else 0)

    @property
    def tunnels_reached_at(self) -> str:
        """Return the address at which this machine reaches the tunnels."""
        return dialled(self.tunnel_address or self.api_addr[0])

    def door_settings(self) -> DoorSettings:
        """Return what the front door is told."""
        return DoorSettings(
            linger=self.ssh_linger,
            kinds=self.want_kinds,
            read_by_farm=self.ssh_read_by_farm,
            end_removed=self.end_removed_keys,
            reach=self.tunnels_reached_at,
            version=__version__,
        )

    def farm_settings(self) -> FarmSettings:
        """Return the part of the settings that shapes decisions: what bears the same name."""
        return FarmSettings(
            policies=Policies(**self._shared_with(Policies)), **self._shared_with(FarmSettings)
        )

    def _shared_with(self, kind: type[FarmSettings] | type[Policies]) -> dict[str, Any]:
        own = {item.name for item in fields(self)}
        return {item.name: getattr(self, item.name) for item in fields(kind) if item.name in own}


def load(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Config:
    """Return the configuration: file, then environment, then flags.

    Raises ConfigError naming the place, the key, what is wrong and what would be right.
    """
    variables = os.environ if environment is None else environment
    table = Table() if path is None else read_toml(path)
    secret = has_password(str(table.content.get("database", "")))
    if path is not None and secret and (words := exposure(path)):
        raise table.refusal(SettingError(words, "database"))
    return read(
        Config,
        table,
        *environment_tables(Config, variables, ENVIRONMENT_PREFIX),
        Table(place="command line", content=overrides or {}),
    )

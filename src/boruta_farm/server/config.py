"""One configuration: a TOML file, the environment over it, flags over both."""

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from boruta_farm.model.errors import ConfigError
from boruta_farm.model.settings import Enrolment, FarmSettings
from boruta_farm.server import values
from boruta_farm.server.listening import check_listening
from boruta_farm.server.policies import PolicySettings, check_policies
from boruta_farm.server.setting import duration, setting
from boruta_farm.server.values import Raw

ENVIRONMENT_PREFIX = "BORUTA_"
SHORTEST_ROUND = timedelta(seconds=1)


def default_data() -> Path:
    """Return where the farm's data lies unless told otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/boruta")
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "boruta"


FARM = FarmSettings()
LAST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(PolicySettings):
    """Carry every setting of the server; each field's name is its key in the file."""

    api_addr: tuple[str, int] = setting(
        ("127.0.0.1", 8487), values.address, "Where the HTTP API listens.", values.show_address
    )
    allow_anonymous: bool = setting(
        False,
        values.switch,
        "Let anyone who reaches the API do anything, as long as there is no account. Needed for "
        "any address outside loopback unless users is on.",
        values.show_switch,
    )
    users: bool = setting(
        False,
        values.switch,
        "Ask every call for a token, even while there is no account yet. The first start shows a "
        "one-time token for the account admin. With an account it is on by itself.",
        values.show_switch,
    )
    calls_per_source: int = setting(
        200,
        values.whole_or_zero,
        "Calls that one address may make in a second, in the long run, where users are asked "
        "for; 0: as many as it likes.",
    )
    calls_per_account: int = setting(
        100,
        values.whole_or_zero,
        "Calls that one account may make in a second, in the long run; 0: as many as it likes.",
    )
    tls_certificate: Path | None = setting(
        None,
        values.path_or_none,
        "PEM file of the server's certificate with its chain: the API is then served over TLS. "
        "Read anew when it changes, and on SIGHUP.",
        values.show_path_or_none,
    )
    tls_key: Path | None = setting(
        None,
        values.path_or_none,
        "PEM file of the certificate's private key, without a password.",
        values.show_path_or_none,
    )
    allow_plaintext: bool = setting(
        False,
        values.switch,
        "Serve the API beyond this machine without TLS: tokens, keys and credentials can then be "
        "read on the way. Not needed behind a proxy on this machine.",
        values.show_switch,
    )
    trusted_proxies: values.Networks = setting(
        (),
        values.networks,
        "Networks, separated by commas, of proxies in front of the API: only their "
        "X-Forwarded-For and X-Forwarded-Proto headers are believed.",
        values.show_networks,
    )
    rpc_addr: tuple[str, int] | None = setting(
        None,
        values.address_or_none,
        "Where boards of the original system register over Go RPC, usually port 7175. Empty: "
        "nowhere. That protocol has no authentication, so whoever reaches it can register boards.",
        values.show_address_or_none,
    )
    rpc_allow: values.Networks = setting(
        (),
        values.networks,
        "Networks, separated by commas, whose addresses any board may register over Go RPC. "
        "Without them a board may name only the address it calls from.",
        values.show_networks,
    )
    rpc_healthcheck: timedelta = duration(
        timedelta(),
        "How often an idle board over Go RPC is tested with Dryad.Healthcheck, which cuts the "
        "power of its device under test for a second; it is taken out of lending meanwhile, and "
        "is tested before every preparation too. 0s: never, a connection has to do.",
    )
    data: Path = setting(
        Path(),
        values.folder,
        "Folder of the database, the secret key and the relay's socket. Default: "
        "/var/lib/boruta for root, else ~/.local/share/boruta.",
    )
    database: str = setting(
        "",
        values.text,
        "PostgreSQL to use instead of the SQLite file in the data folder: postgresql://...",
        values.hide_password,
    )
    public_address: str = setting(
        "",
        values.text,
        "IP address at which users reach the tunnels. Default: the one they called the API at.",
    )
    tunnel_address: str = setting(
        "",
        values.ip_or_empty,
        "IP address the tunnels listen on. Default: the one the API listens on; behind a proxy "
        "it is one that users can reach.",
    )
    tunnel_ports: tuple[int, int] = setting(
        FARM.tunnel_ports,
        values.ports,
        "TCP ports of which every worker gets one for good.",
        values.show_ports,
    )
    stream_addr: tuple[str, int] | None = setting(
        None,
        values.address_or_none,
        "Where boards that the server cannot reach connect for their users' sessions; their agents "
        "must get through to it. Default: where the tunnels listen, one port above the API's.",
        values.show_address_or_none,
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        values.origins,
        "Origins, separated by commas, whose web pages may call the API, such as "
        "https://ci.example; * lets all. Empty: none.",
        values.show_words,
    )
    job_timeout: timedelta = duration(
        FARM.job_timeout, "How long a job lasts, and what a prolongation sets it to from now."
    )
    job_limit: timedelta = duration(
        FARM.job_limit, "The longest a job can last with all its prolongations."
    )
    invalid_after: timedelta = duration(
        FARM.invalid_after,
        "How long a request whose last possible worker is gone waits before it becomes INVALID.",
    )
    lost_grace: timedelta = duration(
        FARM.lost_grace, "How long an agent may be silent before its worker counts as lost."
    )
    opening_timeout: timedelta = duration(
        FARM.opening_timeout, "How long an agent may take to install a request's own key."
    )
    prepare_timeout: timedelta = duration(
        FARM.prepare_timeout, "How long clean-up and preparation of a board may take."
    )
    idle_again: bool = setting(
        FARM.idle_again,
        values.switch,
        "Return a board to IDLE by itself after it registered with other capabilities.",
        values.show_switch,
    )
    health_every: timedelta = duration(
        timedelta(minutes=1), "How often boards are asked for their health, give or take a quarter."
    )
    health_failures: int = setting(
        3, values.whole, "How many health checks in a row must fail before a worker is FAILED."
    )
    test_idle_after: timedelta = duration(
        timedelta(0),
        "How long a board may be IDLE before it is taken out, cleaned and prepared anew, which "
        "runs the thorough tests that its agent is configured for. 0s: for ever.",
    )
    flap_recoveries: int = setting(
        FARM.flap_recoveries,
        values.whole_or_zero,
        "How many recoveries within flap_within make a worker that fails once more be put into "
        "MAINTENANCE. 0: never.",
    )
    flap_within: timedelta = duration(
        FARM.flap_within, "The time within which recoveries are counted for flap_recoveries."
    )
    enrolment: str = setting(
        Enrolment.LOOPBACK.value,
        values.one_of(*Enrolment),
        "Which boards may enrol without a join token: loopback (agents on this machine), invited "
        "(none), or open (whoever reaches the server; for closed labs only).",
    )
    credential_life: timedelta = duration(
        FARM.credential_life, "The age at which an agent takes a new credential by itself."
    )
    max_caps: int = setting(
        FARM.max_caps, values.whole, "The most capabilities of a board, or of a request's Caps."
    )
    max_cap_length: int = setting(
        FARM.max_cap_length, values.whole, "The most characters of a capability, name and value."
    )
    max_selector_length: int = setting(
        FARM.max_selector_length, values.whole, "The most characters of a request's Selector."
    )
    keep_relay: bool = setting(
        True,
        values.switch,
        "Let the relay, and with it running SSH sessions, live on when the server is stopped.",
        values.show_switch,
    )
    start_relay: bool = setting(
        True,
        values.switch,
        "Start the relay where none serves the data folder; false where it is a unit of its own.",
        values.show_switch,
    )
    keys_ready: int = setting(128, values.whole, "How many session keys are made ahead.")
    log_format: str = setting(
        "human", values.one_of("human", "json"), "Form of the log: human or json."
    )
    log_level: str = setting(
        "info",
        values.one_of("debug", "info", "warning", "error"),
        "The least important lines logged: debug, info, warning or error.",
    )

    def streams(self) -> tuple[str, int]:
        """Return where the relay takes streams of boards' agents."""
        host, port = self.tunnel_address or self.api_addr[0], self.api_addr[1]
        return self.stream_addr or (host, port + 1 if 0 < port < LAST_PORT else 0)

    def farm_settings(self) -> FarmSettings:
        """Return the part of the settings that shapes decisions."""
        return FarmSettings(
            job_timeout=self.job_timeout,
            job_limit=self.job_limit,
            invalid_after=self.invalid_after,
            lost_grace=self.lost_grace,
            opening_timeout=self.opening_timeout,
            prepare_timeout=self.prepare_timeout,
            tunnel_ports=self.tunnel_ports,
            idle_again=self.idle_again,
            max_caps=self.max_caps,
            max_cap_length=self.max_cap_length,
            max_selector_length=self.max_selector_length,
            flap_recoveries=self.flap_recoveries,
            flap_within=self.flap_within,
            show_owners=self.show_owners,
            policies=self.policies(),
            enrolment=Enrolment(self.enrolment),
            credential_life=self.credential_life,
        )


def load(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Raw] | None = None,
) -> Config:
    """Return the configuration: file, then environment, then flags.

    Raises ConfigError naming the place, the key, what is wrong and what would be right.
    """
    known = {item.name: item for item in _settings()}
    found: dict[str, object] = {"data": default_data()}
    sources: list[tuple[str, Mapping[str, Raw]]] = []
    if path is not None:
        sources.append((str(path), _read_file(path)))
    named = {ENVIRONMENT_PREFIX + name.upper(): name for name in known}
    environment = os.environ if environment is None else environment
    for variable, name in named.items():
        if variable in environment:
            sources.append((f"environment variable {variable}", {name: environment[variable]}))
    if overrides:
        sources.append(("command line", overrides))
    for place, settings in sources:
        for name, raw in settings.items():
            if name not in known:
                raise ConfigError(f"{place}: there is no setting {name!r}{_hint(name, known)}")
            try:
                found[name] = known[name].metadata["read"](raw)
            except ConfigError as error:
                raise ConfigError(f"{place}: {name}: {error.message}") from None
    return _checked(Config(**found))  # type: ignore[arg-type]  # each reader returns its field's type


def _settings() -> list[Field[object]]:
    """Return every setting, those of the policies last."""
    policies = {item.name for item in fields(PolicySettings)}
    return sorted(fields(Config), key=lambda item: item.name in policies)


def example() -> str:
    """Return a commented file with every setting at its default."""
    lines = ["# Boruta's server. Every setting is optional; the values shown are the defaults.", ""]
    for item in _settings():
        lines.append(f"# {item.metadata['help']}")
        lines.append(f"# {item.name} = {_toml(item.metadata['show'], item.default)}")
        lines.append("")
    return "\n".join(lines)


def describe(config: Config) -> str:
    """Return the settings in force as a TOML file."""
    return "".join(
        f"{item.name} = {_toml(item.metadata['show'], getattr(config, item.name))}\n"
        for item in _settings()
    )


def reference() -> str:
    """Return the settings as a Markdown table for the documentation."""
    rows = ["| setting | default | meaning |", "| --- | --- | --- |"]
    for item in _settings():
        default = item.metadata["show"](item.default) if item.name != "data" else ""
        rows.append(f"| `{item.name}` | `{default or '(none)'}` | {item.metadata['help']} |")
    return "\n".join(rows) + "\n"


def _checked(config: Config) -> Config:
    """Refuse settings that contradict each other."""
    check_listening(
        api_host=config.api_addr[0],
        rpc_host=config.rpc_addr[0] if config.rpc_addr else None,
        tls=config.tls_certificate is not None,
        plaintext=config.allow_plaintext,
        users=config.users,
        anonymous=config.allow_anonymous,
    )
    if (config.tls_certificate is None) != (config.tls_key is None):
        raise ConfigError("tls_certificate and tls_key belong together: set both, or neither")
    if config.health_every < SHORTEST_ROUND:
        raise ConfigError(f"health_every: must be at least {values.show_duration(SHORTEST_ROUND)}")
    if config.job_limit < config.job_timeout:
        raise ConfigError("job_limit: must not be shorter than job_timeout")
    check_policies(config)
    if config.database and not config.database.startswith(("postgresql://", "postgres://")):
        raise ConfigError(
            "database: this is no PostgreSQL address; write postgresql://USER@HOST/NAME, or "
            "leave it out to use SQLite"
        )
    return config


def _read_file(path: Path) -> Mapping[str, Raw]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is no valid TOML: {error}") from None


def _hint(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else "; see: boruta config example"


def _toml(show: Callable[[Any], str], value: object) -> str:
    if isinstance(value, bool | int):
        return show(value)
    return f'"{show(value)}"'

"""The agent's configuration: one TOML file, every key checked."""

import os
import re
import socket
import ssl
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from boruta_farm.dryad.health import HealthLimits
from boruta_farm.dryad.hooks import HookSettings
from boruta_farm.dryad.plugins import DRIVERS, installed
from boruta_farm.dryad.stm.settings import NO_CARD
from boruta_farm.dryad.users.settings import CleanSettings, UserSettings
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.token import check_token
from boruta_farm.model.worker import TOOL_CAPABILITY, UUID_CAPABILITY, Reach
from boruta_farm.settings import document
from boruta_farm.settings.declaration import declared, environment, read, section, setting
from boruta_farm.settings.files import read_toml
from boruta_farm.settings.kinds import Blank, Maybe, Named, OneLine, OneOf, Several, Text
from boruta_farm.settings.places import Destination, Location, Url
from boruta_farm.settings.privacy import exposure
from boruta_farm.settings.table import SettingError, Table

DEFAULT_PATH = Path("/etc/boruta/dryad.conf")
DEFAULT_STM = "/run/stm.socket"
UUID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LONGEST_NAME = 64
TOOLS_TABLE = "tools"
JOIN_TOKEN_VARIABLE = "DRYAD_JOIN_TOKEN"


def _default_state_dir() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/dryad")
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Location(full=True).read(base) / "dryad"


class UnconfiguredError(ConfigError):
    """nobody has named the farm yet"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """Carry the agent's settings.

    ``listen_address``, ``boruta_address`` (Go RPC), ``ssh_address``, ``sdcard`` and ``stm_path``
    are the original's. ``server`` is the farm's HTTP address, empty when ``boruta_address`` names
    a server of the original instead. ``path`` is the file they were read from,
    and ``tables`` all of it: each driver has a table there.
    """

    path: Path
    server: str = setting(
        Blank(Url(("http", "https", "ws", "wss"))),
        "The farm's address, such as https://farm.example:8487. For a server of the original "
        "system leave it empty and set boruta_address.",
        default="",
        written=True,
    )
    other_servers: tuple[str, ...] = setting(
        Several(Url(("http", "https", "ws", "wss"))),
        "Other servers of the same farm, over one database: the agent keeps a link to each of "
        "them, so any may lead.",
        default=(),
        example=["https://farm-2.example:8487"],
    )
    ca_file: Path | None = setting(
        Maybe(Location()),
        "The authority that signed the farm's certificate, where it is not one that the system "
        "trusts.",
        default=None,
        usual="the system's authorities",
        example="/etc/boruta/farm-ca.pem",
    )
    join_token: str | None = setting(
        Maybe(Text(secret=True)),
        "The invitation by which the board enrols, from boruta agent invite at the farm; not "
        "needed afterwards, and not at all with dryad join. The environment variable "
        f"{JOIN_TOKEN_VARIABLE} does the same.",
        default=None,
        variable=JOIN_TOKEN_VARIABLE,
        hidden=True,
    )
    name: str | None = setting(
        Maybe(OneLine(LONGEST_NAME)),
        "The board's name in the farm; -2, -3 are added when it is taken.",
        default=None,
        usual="the host's name",
        example="lab-rpi4",
    )
    driver: str = setting(
        Text(),
        "What the board is: linux (system users behind this machine's sshd), muxpi (that and a "
        "MuxPi's controller), sandbox (a playground) or one that a package of yours brings.",
        default="",
        usual="`muxpi` when `stm_path` exists, else `linux`",
        example="linux",
    )
    helper: Path | None = setting(
        Maybe(Location(full=True)),
        "The socket of the root helper (dryad helper); without it the agent has to be root.",
        default=None,
        example="/run/boruta/helper/board.sock",
    )
    state_dir: Path = setting(
        Location(full=True),
        "What the agent must not forget: credential, epoch, session.",
        make=_default_state_dir,
        usual="`/var/lib/dryad` for root, else `~/.local/state/dryad`",
        example="/var/lib/dryad",
    )
    reach: Reach = setting(
        OneOf(Reach),
        "How users' connections come to the board: direct (the farm dials ssh_address), outbound "
        "(the agent connects its SSH server to the farm: for boards behind a router or firewall), "
        "or auto (direct where the farm can reach the board, else outbound).",
        default=Reach.AUTO,
    )
    relay_address: str = setting(
        Blank(Destination(host=True, without="; without the key it is the server's host")),
        "Where the board's streams go, HOST:PORT.",
        default="",
        usual="the server's host, the farm's port",
        example="farm.example:8488",
    )
    listen_address: str = setting(
        Destination(),
        "Where calls of a server of the original are taken.",
        default=":7175",
        written=True,
    )
    boruta_address: str = setting(
        Blank(Destination()),
        "A server of the original system, HOST:PORT, in place of server.",
        default="",
        written=True,
    )
    ssh_address: str = setting(
        Destination(),
        "Where the machine's sshd can be reached; the server fills in a missing host.",
        default=":22",
        written=True,
    )
    sdcard: str = setting(
        Text(), "The card reader's device of a MuxPi.", default=NO_CARD, written=True
    )
    stm_path: str = setting(
        Text(),
        "The socket of a MuxPi's controller; empty: the agent owns the serial line.",
        default=DEFAULT_STM,
        written=True,
    )
    caps: Mapping[str, str] = setting(
        Named(Text()),
        "Capabilities, names and values are texts. The UUID is the board.",
        make=dict,
        usual="`UUID`",
        written=True,
    )
    user: UserSettings = section(UserSettings, "Who a session is.")
    clean: CleanSettings = section(CleanSettings, "What a clean-up looks through.")
    hooks: HookSettings = section(
        HookSettings, "Executables of your own, run after the agent has done its part."
    )
    health: HealthLimits = section(HealthLimits, "When the board counts as healthy.")
    tables: Table = field(default=Table(), repr=False)

    @property
    def uuid(self) -> str:
        """Return the board's UUID."""
        return self.caps[UUID_CAPABILITY]

    @property
    def board_name(self) -> str:
        """Return the name that the farm is told."""
        return self.name or socket.gethostname()

    def check(self) -> None:
        """Refuse settings that contradict each other. Raises SettingError."""
        for name in self.caps:
            if name.startswith(TOOL_CAPABILITY):
                raise SettingError(
                    f"the agent tells itself which tools there are; declare [{TOOLS_TABLE}.NAME]",
                    f"caps.{name}",
                )
        if self.server and self.boruta_address:
            raise SettingError(
                "a board belongs to one farm; remove boruta_address, or remove server to stay "
                f"with the original's server at {self.boruta_address}",
                "server",
            )
        if not UUID_FORM.fullmatch(self.caps.get(UUID_CAPABILITY, "")):
            raise SettingError(
                "must be a UUID in lower case, which the farm knows the board by; a fresh one "
                f'would be {UUID_CAPABILITY} = "{uuid.uuid4()}"',
                f"caps.{UUID_CAPABILITY}",
            )


def example() -> str:
    """Return a file with defaults and a fresh UUID."""
    return (
        "# The board's agent. Set the capabilities, then run 'dryad join https://FARM:8487',\n"
        "# which sets 'server'.\n\n"
        + document.example(AgentConfig, {"caps": {UUID_CAPABILITY: str(uuid.uuid4())}})
    )


def write_example(path: Path) -> None:
    """Write a file with defaults. Raises ConfigError when the folder is missing or closed."""
    try:
        # Readable by its owner alone, since a join token may be written into it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(example())
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written: {error.strerror}; make its folder, or name another "
            "file with --conf"
        ) from None


def load(path: Path, *, join_token: str | None = None) -> AgentConfig:
    """Return the checked configuration; ``join_token`` replaces any that it or the environment has.

    Raises ConfigError with key, reason and remedy, UnconfiguredError where no farm is named.
    """
    table = read_toml(path)
    variables = environment(AgentConfig, {name: v for name, v in os.environ.items() if v})
    config = read(AgentConfig, table, *variables, beside=_drivers(table), path=path, tables=table)
    if not config.server and not config.boruta_address:
        raise UnconfiguredError(
            f"{path}: server: is empty; run: dryad join https://FARM:8487, or write the farm's "
            'address here, such as server = "https://farm.example:8487"'
        )
    try:
        return replace(
            config,
            ca_file=_authority(config),
            join_token=join_token or _join_token(config, table),
            driver=config.driver or ("muxpi" if Path(config.stm_path).exists() else "linux"),
            user=replace(config.user, paths=config.clean.paths, not_reset=config.clean.not_reset),
        )
    except SettingError as wrong:
        raise table.refusal(wrong) from None


def _drivers(table: Table) -> tuple[str, ...]:
    """Return the tables that drivers read: of tools, of the chosen one, of all that are installed.

    One that is not chosen is its package's affair. Raises ConfigError.
    """
    chosen = table.content.get("driver")
    if chosen in {item.key for item in declared(AgentConfig)}:
        raise table.refusal(
            SettingError(f"{chosen!r} is a setting of the agent's own, no driver", "driver")
        )
    return (TOOLS_TABLE, *((chosen,) if isinstance(chosen, str) else ()), *installed(DRIVERS))


def _authority(config: AgentConfig) -> Path | None:
    """Return the authority's file, which lies beside the configuration unless told in full."""
    if config.ca_file is None:
        return None
    path = config.path.parent / config.ca_file
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        why = error.strerror if error.errno else "it holds no PEM certificate"
        raise SettingError(f"{str(path)!r} cannot be used: {why}", "ca_file") from None
    return path


def _join_token(config: AgentConfig, table: Table) -> str | None:
    """Return the invitation, unless it stands in a file that others can read."""
    if not config.join_token:
        return None
    if not table.content.get("join_token"):
        return check_token(config.join_token, JOIN_TOKEN_VARIABLE)
    if words := exposure(config.path):
        raise SettingError(words, "join_token")
    return check_token(config.join_token, f"{config.path}: join_token")

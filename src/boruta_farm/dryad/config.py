"""The agent's configuration: one TOML file, every key checked."""

import os
import re
import ssl
import stat
import tomllib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from boruta_farm.dryad.health import HealthLimits
from boruta_farm.dryad.hooks import HookSettings, read_hooks
from boruta_farm.dryad.stm.settings import NO_CARD, MuxPiSettings, read_muxpi
from boruta_farm.dryad.users.settings import DEFAULT_UIDS, UserSettings, read_user
from boruta_farm.dryad.values import Table
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.worker import DEFAULT_USERNAME, UUID_CAPABILITY, Reach

DEFAULT_PATH = Path("/etc/boruta/dryad.conf")
DEFAULT_STM = "/run/stm.socket"
KEYS = (
    *("listen_address", "boruta_address", "ssh_address", "sdcard", "stm_path", "caps", "user"),
    *("name", "server", "ca_file", "join_token", "driver", "state_dir", "sandbox", "hooks"),
    *("clean", "health", "reach", "relay_address", "helper", "muxpi"),
)
UUID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LONGEST_NAME = 64
JOIN_TOKEN_VARIABLE = "DRYAD_JOIN_TOKEN"
SANDBOX_KEYS = ("port",)
HEALTH_KEYS = ("disk_free", "memory_free", "temperature")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """Carry the agent's settings.

    ``listen_address``, ``boruta_address`` (Go RPC), ``ssh_address``, ``sdcard`` and ``stm_path``
    are the original's. ``server`` is the farm's HTTP address, empty when ``boruta_address`` names
    a server of the original instead. ``name`` defaults to the host's.
    ``ca_file`` holds the authority that signed the farm's certificate; None means the system's.
    ``helper`` is the socket of the root helper, None when the agent itself runs as root.
    ``join_token`` is the farm's invitation, needed until the board is enrolled.
    ``sandbox_port`` 0 lets the sandbox choose a port once. ``reach`` is how users' connections
    come to the board; ``relay_address`` is where its streams go, by default the server's host.
    """

    path: Path
    caps: Mapping[str, str]
    server: str
    driver: str
    state_dir: Path
    ca_file: Path | None = None
    join_token: str | None = field(default=None, repr=False)
    name: str | None = None
    listen_address: str = ":7175"
    boruta_address: str = ""
    ssh_address: str = ":22"
    sdcard: str = NO_CARD
    stm_path: str = DEFAULT_STM
    helper: Path | None = None
    user: UserSettings = field(default=UserSettings())
    hooks: HookSettings = field(default=HookSettings())
    sandbox_port: int = 0
    health: HealthLimits = field(default_factory=HealthLimits)
    reach: Reach = Reach.AUTO
    relay_address: str = ""
    muxpi: MuxPiSettings = field(default_factory=MuxPiSettings)

    @property
    def uuid(self) -> str:
        """Return the board's UUID."""
        return self.caps[UUID_CAPABILITY]


def example() -> str:
    """Return a file with defaults and a fresh UUID."""
    return f"""\
# The board's agent. Set 'server' and the capabilities, then start dryad again.

# The farm's address, such as "https://farm.example:8487". For a server of the original system
# leave it empty and set boruta_address.
server = ""

# The authority that signed the farm's certificate, where it is not one that the system trusts.
# ca_file = "/etc/boruta/farm-ca.pem"

# The invitation, from "boruta agent invite" at the farm; not needed once the board is enrolled.
# The environment variable DRYAD_JOIN_TOKEN does the same.
# join_token = ""

# The board's name in the farm; without it the host's name is used.
# name = "lab-rpi4"

# What the board is: "linux" (system users behind this machine's sshd), "muxpi" (that and a MuxPi's
# controller) or "sandbox" (a playground).
# driver = "linux"

# The socket of 'dryad helper', so that the agent itself need not be root.
# helper = "/run/boruta/helper/board.sock"

# Where the agent keeps what it must not forget.
# state_dir = "/var/lib/dryad"

# How users' connections come to the board: "direct" (the farm dials ssh_address), "outbound" (the
# agent connects its SSH server to the farm: for boards behind a router or firewall), or "auto"
# (direct where the farm can reach the board, else outbound).
# reach = "auto"

listen_address = ":7175"
boruta_address = ""
ssh_address = ":22"
sdcard = "{NO_CARD}"
stm_path = "{DEFAULT_STM}"

# With stm_path = "" the agent of a MuxPi owns the serial line and serves the STM's sockets itself.
# [muxpi]
# tty = "/dev/ttyS2"
# tests = ["card", "power", "ping"]

[caps]
UUID = "{uuid.uuid4()}"

[user]
name = "{DEFAULT_USERNAME}"
groups = []
# Each job gets another uid of this range; boards on one host need ranges of their own.
# uids = "{DEFAULT_UIDS}"

# Executables of your own, run after the agent has done its part; 'clean' must succeed.
# [hooks]
# clean = "/etc/boruta/hooks/clean"
# timeout = 60
"""


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


def load(path: Path) -> AgentConfig:
    """Return the checked configuration. Raises ConfigError with key, reason and remedy."""
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no valid TOML: {error}") from None
    return _Reader(path, content).config()


class _Reader:
    """Take one key after the other; every complaint names file, key and what would be right."""

    def __init__(self, path: Path, content: Mapping[str, object]) -> None:
        self._table = Table(path, content)

    def config(self) -> AgentConfig:
        """Return the configuration."""
        table = self._table
        table.known(KEYS)
        stm_path = table.text("stm_path", DEFAULT_STM)
        sdcard = table.text("sdcard", NO_CARD)
        return AgentConfig(
            path=table.path,
            caps=self._caps(),
            server=self._server(),
            ca_file=self._ca_file(),
            join_token=self._join_token(),
            driver=table.text("driver", "muxpi" if Path(stm_path).exists() else "linux"),
            state_dir=table.absolute("state_dir", str(_default_state_dir())),
            name=self._name(),
            listen_address=self._address("listen_address", ":7175"),
            boruta_address=self._optional_address("boruta_address"),
            ssh_address=self._address("ssh_address", ":22"),
            sdcard=sdcard,
            stm_path=stm_path,
            helper=table.absolute("helper", "/") if "helper" in table.content else None,
            user=read_user(table.table("user"), table.table("clean")),
            hooks=read_hooks(table.table("hooks")),
            sandbox_port=self._sandbox_port(),
            health=self._health(),
            reach=self._reach(),
            relay_address=self._relay_address(),
            muxpi=read_muxpi(table.table("muxpi"), stm_path, sdcard),
        )

    def _address(self, key: str, default: str) -> str:
        value = self._table.text(key, default)
        port = value.rpartition(":")[2]
        if ":" not in value or not port.isdigit() or not 0 < int(port) < 65536:
            raise self._table.wrong(key, f"{value!r} must be HOST:PORT or :PORT")
        return value

    def _optional_address(self, key: str) -> str:
        return self._address(key, "") if self._table.text(key, "") else ""

    def _reach(self) -> Reach:
        value = self._table.text("reach", Reach.AUTO)
        try:
            return Reach(value)
        except ValueError:
            raise self._table.wrong(
                "reach",
                f"{value!r} must be auto, direct (the farm dials ssh_address), or outbound (the "
                "agent connects to the farm)",
            ) from None

    def _relay_address(self) -> str:
        value = self._optional_address("relay_address")
        if value.startswith(":"):
            raise self._table.wrong(
                "relay_address",
                f"{value!r} must be HOST:PORT; without the key the host of the server is taken, "
                "and the port that the farm names",
            )
        return value

    def _name(self) -> str | None:
        if "name" not in self._table.content:
            return None
        value = self._table.text("name", "")
        if not 0 < len(value) <= LONGEST_NAME or not value.isprintable() or value != value.strip():
            raise self._table.wrong(
                "name",
                f"{value!r} must be one line of 1 to {LONGEST_NAME} visible characters; without "
                "the key the host's name is used",
            )
        return value

    def _server(self) -> str:
        value = self._table.text("server", "").rstrip("/")
        try:
            parts = urlsplit(value)
            usable = parts.hostname is not None and parts.port != 0
        except ValueError as error:
            raise self._table.wrong("server", f"{value!r}: {error}") from None
        original = self._table.text("boruta_address", "")
        if value and original:
            raise self._table.wrong(
                "server, boruta_address",
                "a board belongs to one farm; remove boruta_address, or remove server to stay with "
                f"the original's server at {original}",
            )
        if not value and original:
            return ""
        if not value:
            raise self._table.wrong(
                "server",
                'is empty; write the farm\'s address, such as server = "https://farm.example:8487"',
            )
        if parts.scheme not in ("http", "https", "ws", "wss") or not usable:
            raise self._table.wrong("server", f"{value!r} must begin with http:// or https://")
        return value

    def _ca_file(self) -> Path | None:
        if not self._table.text("ca_file", ""):
            return None
        path = self._table.path.parent / Path(self._table.text("ca_file", "")).expanduser()
        try:
            ssl.create_default_context(cafile=path)
        except OSError as error:
            why = error.strerror if error.errno else "it holds no PEM certificate"
            raise self._table.wrong("ca_file", f"{str(path)!r} cannot be used: {why}") from None
        return path

    def _join_token(self) -> str | None:
        token = self._table.text("join_token", "")
        path = self._table.path
        if token and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise self._table.wrong(
                "join_token", f"others can read this file; run: chmod 600 {path}"
            )
        return token or os.environ.get(JOIN_TOKEN_VARIABLE) or None

    def _caps(self) -> dict[str, str]:
        table = self._table.table("caps")
        caps = table.pairs()
        if not UUID_FORM.fullmatch(caps.get(UUID_CAPABILITY, "")):
            raise table.wrong(
                UUID_CAPABILITY,
                "must be a UUID in lower case, which the farm knows the board by; a fresh one "
                f'would be {UUID_CAPABILITY} = "{uuid.uuid4()}"',
            )
        return caps

    def _health(self) -> HealthLimits:
        health = self._table.table("health")
        health.known(HEALTH_KEYS)
        for key, value in health.content.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise health.wrong(
                    key, f"{value!r} must be a whole number, 0 to judge nothing by it"
                )
        return HealthLimits(**{key: int(str(value)) for key, value in health.content.items()})

    def _sandbox_port(self) -> int:
        sandbox = self._table.table("sandbox")
        sandbox.known(SANDBOX_KEYS)
        port = sandbox.content.get("port", 0)
        if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port < 65536:
            raise sandbox.wrong("port", f"{port!r} must be a port, or 0")
        return port


def _default_state_dir() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/dryad")
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state") / "dryad"

"""The agent's configuration: one TOML file, every key checked."""

import difflib
import os
import re
import ssl
import tomllib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from boruta_farm.dryad.health import HealthLimits
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.worker import DEFAULT_USERNAME, UUID_CAPABILITY

DEFAULT_PATH = Path("/etc/boruta/dryad.conf")
DEFAULT_STM = "/run/stm.socket"
KEYS = (
    *("listen_address", "boruta_address", "ssh_address", "sdcard", "stm_path", "caps", "user"),
    *("name", "server", "ca_file", "driver", "state_dir", "sandbox", "health"),
)
USER_KEYS = ("name", "groups")
UUID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ACCOUNT_FORM = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
LONGEST_NAME = 64
SANDBOX_KEYS = ("port",)
HEALTH_KEYS = ("disk_free", "memory_free", "temperature")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """Carry the agent's settings.

    ``listen_address``, ``boruta_address`` (Go RPC), ``ssh_address``, ``sdcard`` and ``stm_path``
    are the original's. ``server`` is the farm's HTTP address, empty when ``boruta_address`` names
    a server of the original instead. ``name`` defaults to the host's.
    ``ca_file`` holds the authority that signed the farm's certificate; None means the system's.
    ``sandbox_port`` 0 lets the sandbox choose a port once.
    """

    path: Path
    caps: Mapping[str, str]
    server: str
    driver: str
    state_dir: Path
    ca_file: Path | None = None
    name: str | None = None
    listen_address: str = ":7175"
    boruta_address: str = ""
    ssh_address: str = ":22"
    sdcard: str = "/dev/sdX"
    stm_path: str = DEFAULT_STM
    username: str = DEFAULT_USERNAME
    groups: tuple[str, ...] = ()
    sandbox_port: int = field(default=0)
    health: HealthLimits = field(default_factory=HealthLimits)

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

# The board's name in the farm; without it the host's name is used.
# name = "lab-rpi4"

# What the board is: "sandbox" (a playground on this machine). Others follow.
# driver = "sandbox"

# Where the agent keeps what it must not forget.
# state_dir = "/var/lib/dryad"

listen_address = ":7175"
boruta_address = ""
ssh_address = ":22"
sdcard = "/dev/sdX"
stm_path = "{DEFAULT_STM}"

[caps]
UUID = "{uuid.uuid4()}"

[user]
name = "{DEFAULT_USERNAME}"
groups = []
"""


def write_example(path: Path) -> None:
    """Write a file with defaults. Raises ConfigError when the folder is missing or closed."""
    try:
        with path.open("x") as file:
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
        self._path = path
        self._content = content

    def config(self) -> AgentConfig:
        """Return the configuration."""
        self._known(self._content, KEYS, "")
        user, sandbox = self._table("user"), self._table("sandbox")
        self._known(user, USER_KEYS, "user.")
        self._known(sandbox, SANDBOX_KEYS, "sandbox.")
        stm_path = self._text("stm_path", DEFAULT_STM)
        return AgentConfig(
            path=self._path,
            caps=self._caps(),
            server=self._server(),
            ca_file=self._ca_file(),
            driver=self._text("driver", "muxpi" if Path(stm_path).exists() else "linux"),
            state_dir=self._state_dir(),
            name=self._name(),
            listen_address=self._address("listen_address", ":7175"),
            boruta_address=self._optional_address("boruta_address"),
            ssh_address=self._address("ssh_address", ":22"),
            sdcard=self._text("sdcard", "/dev/sdX"),
            stm_path=stm_path,
            username=self._account(_text_in(self._path, user, "user.name", DEFAULT_USERNAME)),
            groups=self._groups(user),
            sandbox_port=self._port(sandbox),
            health=self._health(),
        )

    def _known(self, table: Mapping[str, object], keys: tuple[str, ...], prefix: str) -> None:
        for key in table:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, n=1)
                hint = f"did you mean {prefix}{near[0]}?" if near else "remove it"
                raise ConfigError(f"{self._path}: there is no setting {prefix}{key}; {hint}")

    def _table(self, key: str) -> Mapping[str, object]:
        value = self._content.get(key, {})
        if not isinstance(value, dict):
            raise ConfigError(f"{self._path}: {key}: must be a table, written as [{key}]")
        return value

    def _text(self, key: str, default: str) -> str:
        return _text_in(self._path, self._content, key, default)

    def _address(self, key: str, default: str) -> str:
        value = self._text(key, default)
        port = value.rpartition(":")[2]
        if ":" not in value or not port.isdigit() or not 0 < int(port) < 65536:
            raise ConfigError(f"{self._path}: {key}: {value!r} must be HOST:PORT or :PORT")
        return value

    def _optional_address(self, key: str) -> str:
        return self._address(key, "") if self._text(key, "") else ""

    def _name(self) -> str | None:
        if "name" not in self._content:
            return None
        value = self._text("name", "")
        if not 0 < len(value) <= LONGEST_NAME or not value.isprintable() or value != value.strip():
            raise ConfigError(
                f"{self._path}: name: {value!r} must be one line of 1 to {LONGEST_NAME} visible "
                "characters; without the key the host's name is used"
            )
        return value

    def _state_dir(self) -> Path:
        value = Path(self._text("state_dir", str(_default_state_dir()))).expanduser()
        if not value.is_absolute():
            raise ConfigError(
                f"{self._path}: state_dir: {str(value)!r} must be a path that begins with / or ~"
            )
        return value

    def _account(self, value: str) -> str:
        if not ACCOUNT_FORM.fullmatch(value):
            raise ConfigError(
                f"{self._path}: user.name: {value!r} is no account's name; use up to 31 lower-case "
                "letters, digits, - and _, not beginning with a digit or -"
            )
        return value

    def _server(self) -> str:
        value = self._text("server", "").rstrip("/")
        try:
            parts = urlsplit(value)
            usable = parts.hostname is not None and parts.port != 0
        except ValueError as error:
            raise ConfigError(f"{self._path}: server: {value!r}: {error}") from None
        original = self._text("boruta_address", "")
        if value and original:
            raise ConfigError(
                f"{self._path}: server, boruta_address: a board belongs to one farm; remove "
                "boruta_address, or remove server to stay with the original's server at "
                f"{original}"
            )
        if not value and original:
            return ""
        if not value:
            raise ConfigError(
                f"{self._path}: server: is empty; write the farm's address, such as "
                'server = "https://farm.example:8487"'
            )
        if parts.scheme not in ("http", "https", "ws", "wss") or not usable:
            raise ConfigError(
                f"{self._path}: server: {value!r} must begin with http:// or https://"
            )
        return value

    def _ca_file(self) -> Path | None:
        if not self._text("ca_file", ""):
            return None
        path = self._path.parent / Path(self._text("ca_file", "")).expanduser()
        try:
            ssl.create_default_context(cafile=path)
        except OSError as error:
            why = error.strerror if error.errno else "it holds no PEM certificate"
            raise ConfigError(
                f"{self._path}: ca_file: {str(path)!r} cannot be used: {why}"
            ) from None
        return path

    def _caps(self) -> dict[str, str]:
        caps = self._table("caps")
        for name, value in caps.items():
            if not isinstance(value, str):
                raise ConfigError(
                    f"{self._path}: caps.{name}: {value!r} must be a text; put it in quotes"
                )
        if not UUID_FORM.fullmatch(str(caps.get(UUID_CAPABILITY, ""))):
            raise ConfigError(
                f"{self._path}: caps.{UUID_CAPABILITY}: must be a UUID in lower case, which the "
                f"farm knows the board by; a fresh one would be "
                f'{UUID_CAPABILITY} = "{uuid.uuid4()}"'
            )
        return {name: str(value) for name, value in caps.items()}

    def _groups(self, user: Mapping[str, object]) -> tuple[str, ...]:
        groups = user.get("groups", [])
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            raise ConfigError(f"{self._path}: user.groups: must be a list of texts in quotes")
        return tuple(groups)

    def _health(self) -> HealthLimits:
        health = self._table("health")
        self._known(health, HEALTH_KEYS, "health.")
        for key, value in health.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ConfigError(
                    f"{self._path}: health.{key}: {value!r} must be a whole number, 0 to judge "
                    "nothing by it"
                )
        return HealthLimits(**{key: int(str(value)) for key, value in health.items()})

    def _port(self, sandbox: Mapping[str, object]) -> int:
        port = sandbox.get("port", 0)
        if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port < 65536:
            raise ConfigError(f"{self._path}: sandbox.port: {port!r} must be a port, or 0")
        return port


def _text_in(path: Path, table: Mapping[str, object], key: str, default: str) -> str:
    value = table.get(key.rpartition(".")[2], default)
    if not isinstance(value, str):
        raise ConfigError(f"{path}: {key}: {value!r} must be a text; put it in quotes")
    return value


def _default_state_dir() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/dryad")
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state") / "dryad"

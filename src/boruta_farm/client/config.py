"""Which server to talk to: flags, then the environment, then a profile file."""

import ipaddress
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from boruta_farm.client.credentials import Credentials, configuration_folder
from boruta_farm.model.errors import ConfigError

DEFAULT_SERVER = "http://127.0.0.1:8487"
KEYS = ("server", "token", "ca_file")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """Carry the server's address (no path's slash at its end) and the bearer token, if any.

    ``ca_file`` holds the authorities whose signature the server's certificate must bear; None
    means those of the system.
    """

    server: str = DEFAULT_SERVER
    token: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    @property
    def exposes_token(self) -> bool:
        """Tell whether the token would travel to another machine without TLS."""
        parts = urlsplit(self.server)
        return self.token is not None and parts.scheme == "http" and not is_local(parts.hostname)


def is_local(host: str | None) -> bool:
    """Tell whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def default_path(environment: Mapping[str, str]) -> Path:
    """Return where the profile file lies: ``boruta/config.toml`` in the user's configuration."""
    return configuration_folder(environment) / "config.toml"


def load(
    *,
    server: str | None = None,
    profile: str | None = None,
    ca_file: str | None = None,
    environment: Mapping[str, str] | None = None,
    path: Path | None = None,
) -> ClientConfig:
    """Return the configuration for one run.

    The file holds ``server``, ``token`` and ``ca_file`` (beside the file unless absolute), and
    tables ``[profile.NAME]`` with the same keys; a profile is chosen by ``profile``,
    ``BORUTA_PROFILE`` or the file's ``profile_name``. A token or ``ca_file`` is only used together
    with the address of the same place, or with any address when it comes from ``BORUTA_TOKEN``,
    ``BORUTA_CA_FILE`` or ``ca_file``; without any, the one that ``boruta login`` keeps for the
    address. Raises ConfigError with place and remedy.
    """
    environment = os.environ if environment is None else environment
    place = path or default_path(environment)
    wanted = profile or environment.get("BORUTA_PROFILE")
    filed = _from_file(place, wanted)
    address, source = filed.get("server"), str(place)
    token, authority = filed.get("token"), filed.get("ca_file")
    for value, name in (
        (environment.get("BORUTA_SERVER"), "BORUTA_SERVER"),
        (server, "--server"),
    ):
        if value and not (profile and name == "BORUTA_SERVER"):
            if value != address:
                token = authority = None
            address, source = value, name
    address = check_address(address or DEFAULT_SERVER, source)
    token = environment.get("BORUTA_TOKEN") or token or Credentials(environment).get(address)
    trusted = place.parent / Path(authority).expanduser() if authority else None
    named = ca_file or environment.get("BORUTA_CA_FILE")
    return ClientConfig(
        server=address,
        token=token,
        ca_file=Path(named).expanduser() if named else trusted,
    )


def _from_file(path: Path, profile: str | None) -> dict[str, str]:
    """Return the settings of one profile, or of the file's top."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        if profile:
            raise ConfigError(f"there is no profile {profile!r}: {path} does not exist") from None
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is no valid TOML: {error}") from None
    profiles = content.pop("profile", {})
    chosen = profile or content.pop("profile_name", None)
    content.pop("profile_name", None)
    if not isinstance(profiles, dict):
        raise ConfigError(f"{path}: profile: write profiles as tables, such as [profile.lab]")
    where = str(path)
    if chosen is not None:
        if chosen not in profiles or not isinstance(profiles[chosen], dict):
            known = ", ".join(sorted(profiles)) or "none"
            raise ConfigError(f"{path}: there is no [profile.{chosen}]; known profiles: {known}")
        content, where = profiles[chosen], f"{path}: profile.{chosen}"
    settings = _texts(content, where)
    if "token" in settings:
        _check_private(path)
    return settings


def _texts(content: Mapping[str, object], where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in content.items():
        if name not in KEYS:
            raise ConfigError(
                f"{where}: there is no setting {name!r}; known: server, token, ca_file"
            )
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{where}: {name} must be a text that is not empty")
        found[name] = value
    return found


def _check_private(path: Path) -> None:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"{path}: holds a token and can be read by others; run: chmod 600 {path}")


def check_address(address: str, source: str) -> str:
    """Return a server's address without slashes at its end. Raises ConfigError."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"{source}: {address!r} is no address: {error}") from None
    if not usable:
        guess = address.split("://")[-1].strip("/") or "HOST:8487"
        raise ConfigError(f"{source}: {address!r} is no address; did you mean http://{guess} ?")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ConfigError(
            f"{source}: the address must hold neither user, query nor fragment; "
            "a token goes into BORUTA_TOKEN"
        )
    return address.rstrip("/")

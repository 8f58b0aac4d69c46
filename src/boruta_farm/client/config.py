"""Which server to talk to: flags, then the environment, then a profile file."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from boruta_farm.client.credentials import Credentials, configuration_folder
from boruta_farm.model.addresses import is_exposed
from boruta_farm.model.caller import AGENT_NAME
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.token import PREFIX, check_token
from boruta_farm.settings.declaration import Struct, read, setting
from boruta_farm.settings.declaration import environment as variables
from boruta_farm.settings.files import read_toml
from boruta_farm.settings.kinds import Maybe, Named, Switch, Text
from boruta_farm.settings.places import Location, Url
from boruta_farm.settings.table import SettingError, Table

if TYPE_CHECKING:
    from boruta_farm.client.job_sign_in import JobSignIn

DEFAULT_SERVER = "http://127.0.0.1:8487"
SERVER = Url(user="a token goes into BORUTA_TOKEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSettings:
    """Carry what a profile, the top of the file, or the environment says."""

    server: str | None = setting(
        Maybe(SERVER), "The server's address.", default=None, variable="BORUTA_SERVER"
    )
    token: str | None = setting(
        Maybe(Text(secret=True)),
        "The bearer token for this server.",
        default=None,
        variable="BORUTA_TOKEN",
        hidden=True,
    )
    ca_file: Path | None = setting(
        Maybe(Location()),
        "The authority that signed the server's certificate, beside the file unless absolute.",
        default=None,
        variable="BORUTA_CA_FILE",
    )
    workload: bool = setting(
        Switch(),
        "Whether to sign in as the CI job in which this runs, by the token that the CI system "
        "gives it, and anew before that ends; where no token is given.",
        default=False,
        variable="BORUTA_WORKLOAD",
    )
    account: str | None = setting(
        Maybe(Text()), "Who signed in there, for people to read.", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFile(ProfileSettings):
    """Carry the whole profile file: what stands at its top, and the profiles by name."""

    profile_name: str | None = setting(
        Maybe(Text()),
        "The profile to use unless another is asked for.",
        default=None,
        variable="BORUTA_PROFILE",
    )
    profile: Mapping[str, ProfileSettings] = setting(
        Named(Struct(ProfileSettings)), "Profiles.", make=dict
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """Carry the server's address (no path's slash at its end) and the bearer token, if any.

    ``ca_file`` holds the authorities whose signature the server's certificate must bear; None
    means those of the system. ``job`` signs in as a CI job, in place of a
    token. ``agent`` is what a program calls itself that acts for whose token it is, for the farm's
    audit. Raises ConfigError for a token or name that could not be sent.
    """

    server: str = DEFAULT_SERVER
    token: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    agent: str = ""
    job: "JobSignIn | None" = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the token here too, since programs make configurations of their own."""
        if self.token is not None:
            object.__setattr__(self, "token", check_token(self.token, "token"))
        if self.agent and not AGENT_NAME.fullmatch(self.agent):
            raise ConfigError(
                f"agent: {self.agent[:80]!r} is no name for a program; write letters, digits, "
                "blanks and . _ / + -, 64 at most"
            )

    @property
    def bearer(self) -> str | None:
        """Return the token to call with at present; that of a CI job once it has signed in."""
        return self.token if self.job is None else self.job.token

    @property
    def exposes_token(self) -> bool:
        """Tell whether a token would travel to another machine without TLS."""
        return not (self.token is None and self.job is None) and is_exposed(self.server)


def default_path(environment: Mapping[str, str]) -> Path | None:
    """Return where the profile file lies: ``boruta/config.toml`` in the user's configuration.

    None for a user without a home.
    """
    folder = configuration_folder(environment)
    return None if folder is None else folder / "config.toml"


def load(
    *,
    server: str | None = None,
    profile: str | None = None,
    ca_file: str | None = None,
    environment: Mapping[str, str] | None = None,
    path: Path | None = None,
    anonymous: bool = False,
) -> ClientConfig:
    """Return the configuration for one run.

    The file holds ``server``, ``token`` and ``ca_file`` (beside the file unless absolute), and
    tables ``[profile.NAME]`` with the same keys; a profile is chosen by ``profile``,
    ``BORUTA_PROFILE`` or the file's ``profile_name``. A token or ``ca_file`` is only used together
    with the address of the same place, or with any address when it comes from ``BORUTA_TOKEN``,
    ``BORUTA_CA_FILE`` or ``ca_file``; without any, the one that ``boruta login`` keeps for the
    address, or that of the CI job where ``workload`` is set. ``anonymous`` looks for no token at
    all. Raises ConfigError with place and remedy.
    """
    environment = os.environ if environment is None else environment
    place = path or default_path(environment)
    said = read(ProfileFile, Table(), *variables(ProfileFile, environment))
    flags = read(
        ProfileSettings, Table(place="command line", content={"server": server, "ca_file": ca_file})
    )
    filed = _from_file(place, profile or said.profile_name)
    # A profile that is asked for by a flag comes before the environment's address.
    wanted = flags.server or (None if profile else said.server)
    same = wanted in (None, filed.server)
    address = wanted or filed.server or DEFAULT_SERVER
    filed_token = filed.token if same else None
    trusted = place.parent / filed.ca_file if same and place and filed.ca_file else None
    authority = flags.ca_file or said.ca_file or trusted
    if anonymous:
        return ClientConfig(server=address, ca_file=authority)
    job = None
    if said.token:
        token: str | None = check_token(said.token, "BORUTA_TOKEN")
    elif said.workload or (same and filed.workload):
        # Few are jobs, and short answers come sooner without what they need.
        from boruta_farm.client.job_sign_in import JobSignIn

        token, job = None, JobSignIn(address, environment)
    elif filed_token:
        token = check_token(filed_token, f"{place}: token")
    else:
        token = Credentials(environment).get(address)
    return ClientConfig(server=address, token=token, ca_file=authority, job=job)


def _from_file(path: Path | None, profile: str | None) -> ProfileSettings:
    """Return the settings of one profile, or of the file's top."""
    if path is None:
        if profile:
            raise ConfigError(f"there is no profile {profile!r}: there is no home folder for one")
        return ProfileSettings()
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if profile:
            raise ConfigError(f"there is no profile {profile!r}: {path} does not exist") from None
        return ProfileSettings()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    filed = read(ProfileFile, read_toml(path))
    name = profile or filed.profile_name
    if name is not None and name not in filed.profile:
        known = ", ".join(sorted(filed.profile)) or "none"
        raise ConfigError(f"{path}: there is no [profile.{name}]; known profiles: {known}")
    chosen = filed if name is None else filed.profile[name]
    if chosen.token is not None:
        _check_private(path)
    return chosen


def _check_private(path: Path) -> None:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"{path}: holds a token and can be read by others; run: chmod 600 {path}")


def check_address(address: str, source: str) -> str:
    """Return a server's address without slashes at its end. Raises ConfigError."""
    try:
        if PREFIX in address:
            raise SettingError("the address must hold neither user nor token")
        return SERVER.read(address)
    except SettingError as wrong:
        raise ConfigError(f"{source}: {wrong.message}") from None

"""The server's settings: a TOML file, the environment over it, flags over both."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from boruta_farm.model.addresses import dialled
from boruta_farm.model.policies import Policies
from boruta_farm.model.settings import FarmSettings
from boruta_farm.oidc.settings import check_vouchers
from boruta_farm.server.http.limits import LimitSettings
from boruta_farm.server.kinds import has_password
from boruta_farm.server.listening import check_listening
from boruta_farm.server.settings.boards import BoardSettings
from boruta_farm.server.settings.front_door import FrontDoorSettings
from boruta_farm.server.settings.lending import LendingSettings
from boruta_farm.server.settings.listening import ListeningSettings
from boruta_farm.server.settings.storage import StorageSettings
from boruta_farm.server.settings.telling import TellingSettings
from boruta_farm.server.settings.tunnels import TunnelSettings
from boruta_farm.server.settings.vouching import VouchingSettings
from boruta_farm.server.sites import check_names
from boruta_farm.settings.declaration import environment as environment_tables
from boruta_farm.settings.declaration import read
from boruta_farm.settings.files import read_toml
from boruta_farm.settings.places import LAST_PORT
from boruta_farm.settings.privacy import exposure
from boruta_farm.settings.table import SettingError, Table

ENVIRONMENT_PREFIX = "BORUTA_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(
    LimitSettings,
    TellingSettings,
    VouchingSettings,
    FrontDoorSettings,
    TunnelSettings,
    BoardSettings,
    LendingSettings,
    StorageSettings,
    ListeningSettings,
):
    """Be all settings of the server at once, and what follows from several of them.

    Each field's name is its key in the file. The fields of the last base come first.
    """

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
        self.check_certificate()
        self.check_webhook()
        self.check_authorities()
        check_vouchers(
            self.providers, self.workloads, users=self.users, page_address=self.page_address
        )
        check_names(self.sites)
        self.check_lengths()

    def streams(self) -> tuple[str, int]:
        """Return where the relay takes streams of boards' agents."""
        host, port = self.tunnel_address or self.api_addr[0], self.api_addr[1]
        return self.stream_addr or (host, port + 1 if 0 < port < LAST_PORT else 0)

    @property
    def tunnels_reached_at(self) -> str:
        """Return the address at which this machine reaches the tunnels."""
        return dialled(self.tunnel_address or self.api_addr[0])

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

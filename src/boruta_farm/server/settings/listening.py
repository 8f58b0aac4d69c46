"""Settings of where the API listens and whom it believes."""

from dataclasses import dataclass
from pathlib import Path

from boruta_farm.model.addresses import Network
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe, Several, Switch, Whole
from boruta_farm.settings.places import Address, HostName, IpNetwork, Location, Origin
from boruta_farm.settings.table import SettingError


@dataclass(frozen=True, kw_only=True)
class ListeningSettings:
    """Carry where the API listens, by which names it is called, and who has to say who he is."""

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
        Several(IpNetwork(), commas=True),
        "Networks, separated by commas, of proxies in front of the API: only their "
        "X-Forwarded-For and X-Forwarded-Proto headers are believed.",
        default=(),
    )
    public_names: tuple[str, ...] = setting(
        Several(HostName(), commas=True),
        "Host names, separated by commas, by which the API may be called, besides localhost, this "
        "machine's own name and those in the certificate; behind a proxy those it is called by. "
        "*: by any, which lets web pages of others reach a farm without users (DNS rebinding).",
        default=(),
    )
    cors_origins: tuple[str, ...] = setting(
        Several(Origin(), commas=True),
        "Origins, separated by commas, whose web pages may call the API, such as "
        "https://ci.example; * lets all. Empty: none.",
        default=(),
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

    def check_certificate(self) -> None:
        """Refuse half a certificate. Raises SettingError."""
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise SettingError(
                "tls_certificate and tls_key belong together: set both, or neither",
                "tls_key" if self.tls_certificate is None else "tls_certificate",
            )

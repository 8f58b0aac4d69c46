"""The settings of sites: where each one's relay is reached, and what proves that it is the one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from boruta_farm.access.sites import SitePlace
from boruta_farm.model.site import SITE_NAME
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Text
from boruta_farm.settings.places import Ip
from boruta_farm.settings.table import SettingError, shown

DIGEST: Final = "sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """Carry what a ``[site.NAME]`` says of one site."""

    address: str = setting(Ip(), "IP address at which people reach the site's relay.")
    credential: str = setting(
        Text(
            DIGEST + "[0-9a-f]{64}",
            "is no digest of a credential; start boruta relay at the site, which prints it",
        ),
        "The digest of the relay's credential, as boruta relay prints it: sha256:...",
    )


def check_names(sites: Iterable[str]) -> None:
    """Refuse sites that cannot be named in an address. Raises SettingError."""
    for name in sites:
        if not SITE_NAME.fullmatch(name):
            raise SettingError(
                f"{shown(name)} is no name of a site; write small letters, digits and -, at most "
                "32",
                "site",
            )


def places(sites: Mapping[str, SiteSettings]) -> dict[str, SitePlace]:
    """Return the sites as the relays' end wants them."""
    return {
        name: SitePlace(address=site.address, digest=site.credential.removeprefix(DIGEST))
        for name, site in sites.items()
    }

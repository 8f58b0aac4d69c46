"""Settings of who vouches for people and for jobs of CI."""

from collections.abc import Mapping
from dataclasses import dataclass

from boruta_farm.oidc.settings import ProviderSettings, WorkloadSettings
from boruta_farm.settings.declaration import Struct, setting
from boruta_farm.settings.kinds import Blank, Named
from boruta_farm.settings.places import Origin


@dataclass(frozen=True, kw_only=True)
class VouchingSettings:
    """Carry the providers that people sign in by, and the rules for jobs of CI."""

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

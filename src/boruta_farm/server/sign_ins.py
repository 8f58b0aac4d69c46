"""Those who vouch for people and for CI jobs, as the configuration names them."""

from typing import TYPE_CHECKING

from boruta_farm.clock import Clock
from boruta_farm.contracts import Cipher
from boruta_farm.contracts.people import Vouching
from boruta_farm.model.errors import ConfigError
from boruta_farm.oidc.settings import read_secret
from boruta_farm.server.config import Config

if TYPE_CHECKING:
    from boruta_farm.oidc.sign_ins import FarmSignIns

NO_OIDC = (
    "provider, workload: signing in by others needs two libraries more; run: "
    "pip install 'boruta-farm[oidc]'"
)


def open_sign_ins(
    config: Config, farm: Vouching, cipher: Cipher, clock: Clock
) -> "FarmSignIns | None":
    """Return what signs in by others, None where nobody is named. Raises ConfigError."""
    if not (config.providers or config.workloads):
        return None
    check_sign_ins(config)
    from boruta_farm.oidc.sign_ins import open_sign_ins as opened

    return opened(config.providers, config.workloads, farm, cipher, clock, config.page_address)


def check_sign_ins(config: Config) -> None:
    """Refuse what ``open_sign_ins`` would refuse; nobody is asked anything. Raises ConfigError."""
    if not (config.providers or config.workloads):
        return
    try:
        from boruta_farm.oidc.fetching import transport
        from boruta_farm.oidc.sign_ins import FarmSignIns  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(NO_OIDC) from error
    for name, provider in config.providers.items():
        read_secret(name, provider.client_secret_file)
        transport(provider.ca_file)
    for rule in config.workloads.values():
        transport(rule.ca_file)

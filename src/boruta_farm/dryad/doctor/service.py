"""The agent's files as its service sees them, and the credential that it would present."""

from dataclasses import dataclass, field

from boruta_farm.dryad.asking import credential_path
from boruta_farm.dryad.checking import check
from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.credential import load_credential
from boruta_farm.dryad.findings import Finding, good, wrong
from boruta_farm.model.errors import BorutaError, ConfigError
from boruta_farm.model.service import as_account, service_account


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFindings:
    """Carry what was found, and the credential, None where there is none yet.

    ``usable`` is False where the service could not present one: then nobody can ask for it.
    """

    findings: tuple[Finding, ...]
    credential: str | None = field(default=None, repr=False)
    usable: bool = True


def check_service(config: AgentConfig, user: str) -> ServiceFindings:
    """Read configuration, authority, state and credential as the service's user."""
    try:
        whom = check(config.path, user)
    except ConfigError as error:
        fact, _, remedy = error.message.partition("; ")
        mended = remedy or f"let the service's user read it, or correct {config.path}"
        return ServiceFindings(findings=(wrong("files", fact, mended),), usable=False)
    account = service_account(user) if whom else None
    path = credential_path(config)
    try:
        there = as_account(account, path.exists)
        credential = as_account(account, lambda: load_credential(path)) if there else None
    except (BorutaError, OSError) as error:
        found = wrong("files", f"the board's credential cannot be read: {error}", f"see {path}")
        return ServiceFindings(findings=(found,), usable=False)
    words = f"the service's user {whom} can read all of it" if whom else "the agent can read it"
    return ServiceFindings(
        findings=(good("files", f"{config.path}: {words}"),), credential=credential
    )

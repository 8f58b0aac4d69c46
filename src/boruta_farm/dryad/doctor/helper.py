"""The root helper: that it answers the agent, or that the agent had better have one."""

from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.findings import Finding, advice, good, wrong
from boruta_farm.dryad.users.remote import RemoteHost
from boruta_farm.model.errors import BorutaError

UNIT = "dryad-helper.service"


async def check_helper(config: AgentConfig) -> tuple[Finding, ...]:
    """Have the helper look at its machine, as the agent does at its start; nothing is made."""
    if config.helper is None:
        return (
            advice(
                "helper",
                "the agent makes session users itself, so all of it runs as root",
                'set helper = "/run/boruta/helper/board.sock" and let systemd run the agent as the '
                f"user dryad beside {UNIT} (the Debian package does)",
            ),
        )
    try:
        await RemoteHost(config.helper).inspect()
    except BorutaError as error:
        return (
            wrong(
                "helper",
                error.message,
                f"systemctl enable --now {UNIT}; journalctl -u {UNIT} tells why it does not run",
            ),
        )
    return (good("helper", f"the root helper answers at {config.helper}"),)

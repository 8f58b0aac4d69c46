"""What is said to the farm for a board outside of its agent: enrol it, or ask whether it is."""

from pathlib import Path

from boruta_farm.contracts import Registered
from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.dialling import Dialler
from boruta_farm.dryad.proc.machine import read_boot_id
from boruta_farm.dryad.state import AgentState, StateFile
from boruta_farm.dryad.tools.configured import open_tools
from boruta_farm.link import question
from boruta_farm.model.worker import Fence, Registration

CREDENTIAL_FILE = "credential"
STATE_FILE = "state.json"


async def enrol(config: AgentConfig, credential: str) -> Registered:
    """Register the board, so that the farm knows its credential. Raises the farm's errors."""
    dialler = Dialler(config.server, lambda: credential, config.ca_file)
    connection = await dialler.dial()
    state = StateFile(config.state_dir / STATE_FILE).load()
    return await question.register(connection, registration(config, state, dialler.local_ip))


async def is_enrolled(config: AgentConfig, credential: str) -> bool:
    """Tell whether the farm knows the board by its credential; False: it would enrol it now.

    Changes nothing. Raises what it refuses the board with.
    """
    dialler = Dialler(config.server, lambda: credential, config.ca_file)
    connection = await dialler.dial()
    return await question.recognise(connection, registration(config, None, dialler.local_ip))


def registration(
    config: AgentConfig, state: AgentState | None, local_ip: str | None
) -> Registration:
    """Return what a board says of itself that no agent serves. Raises ConfigError."""
    _, config = open_tools(config)
    return Registration(
        caps=config.caps,
        dryad_address=config.listen_address,
        ssh_address=config.ssh_address,
        fence=Fence.AGENT,
        name=config.board_name,
        epoch=0 if state is None else state.epoch,
        boot_id=read_boot_id(),
        farm_id=None if state is None else state.farm_id,
        join_token=config.join_token,
        reach=config.reach,
        local_ip=local_ip,
    )


def credential_path(config: AgentConfig) -> Path:
    """Return where the board's credential lies."""
    return config.state_dir / CREDENTIAL_FILE

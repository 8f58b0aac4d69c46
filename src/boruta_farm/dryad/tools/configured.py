"""The tools that the agent's configuration declares."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from boruta_farm.dryad.config import DEFAULT_STM, TOOLS_TABLE, AgentConfig
from boruta_farm.dryad.tools.base import Bench
from boruta_farm.dryad.tools.opening import open_toolbox
from boruta_farm.dryad.tools.readying import ready_capabilities
from boruta_farm.dryad.tools.toolbox import Toolbox
from boruta_farm.model.errors import ConfigError
from boruta_farm.settings.lines import find_line
from boruta_farm.settings.table import SettingError

OWN_SOCKET: Final = "tools.sock"


def open_tools(config: AgentConfig) -> tuple[Toolbox, AgentConfig]:
    """Return the tools, not yet started, and the configuration with the capabilities they give.

    Raises ConfigError with file, line, key and what would be right.
    """
    bench = Bench(
        uuid=config.uuid,
        board=config.board_name,
        tool="",
        folder=config.state_dir / TOOLS_TABLE,
        stm_socket=Path(config.stm_path or DEFAULT_STM),
        helper=config.helper,
    )
    try:
        toolbox = open_toolbox(config.tables.content.get(TOOLS_TABLE, {}), bench)
    except SettingError as wrong:
        raise _refusal(config.path, wrong.below(TOOLS_TABLE)) from None
    caps = {**config.caps, **toolbox.capabilities, **ready_capabilities(toolbox)}
    return toolbox, replace(config, caps=caps)


def own_socket(config: AgentConfig) -> Path:
    """Return where root at the supervisor calls for the tools."""
    return config.state_dir / OWN_SOCKET


def _refusal(path: Path, wrong: SettingError) -> ConfigError:
    try:
        line = find_line(path.read_text(errors="replace"), wrong.key.split("."))
    except OSError:
        line = None
    place = f"{path}, line {line}" if line else str(path)
    return ConfigError(f"{place}: {wrong.key}: {wrong.message}")

"""Which versions of the link are spoken: this one and the two before."""

from typing import Final

from boruta_farm.model.errors import RefusedError

VERSION: Final = 4
"""Version 4 cleans and prepares a board by one call."""

OLDEST: Final = 2
"""The one before version 3, which lets several keys open a session and tells who is there."""

TELLS_CONSOLES: Final = 3
"""Since this version there is ``console``."""

RECYCLES: Final = 4
"""Since this version there is ``recycle``."""


def agree(agent_oldest: int, agent_version: int, oldest: int = OLDEST, ours: int = VERSION) -> int:
    """Return the highest version that both sides speak.

    Raises RefusedError that tells which side to update.
    """
    if agent_oldest > agent_version:
        raise RefusedError("the agent names an oldest version above its version")
    if agent_version < oldest:
        raise RefusedError(
            f"the agent speaks version {agent_version} of the boards' link, this server "
            f"{_span(oldest, ours)}: update the agent on the board"
        )
    if agent_oldest > ours:
        raise RefusedError(
            f"the agent speaks version {_span(agent_oldest, agent_version)} of the boards' link, "
            f"this server {_span(oldest, ours)}: update the server first, then the agents"
        )
    return min(agent_version, ours)


def _span(oldest: int, newest: int) -> str:
    return f"{newest}" if oldest == newest else f"{oldest} to {newest}"

"""The agent with everything a board loads, on a board that does nothing: ``bench.agent`` runs it.

The driver is the real ``linux`` one up to its loading; its operations are hollow, so that no user
is made and no root is needed.
"""

import sys
from unittest import mock

from boruta_farm.contracts import Prepared
from boruta_farm.dryad import main
from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.drivers.registry import open_driver


class HollowDriver(Driver):
    """Keep a board on which nobody can do anything."""

    def __init__(self, real: Driver) -> None:
        self.real = real
        """Kept for its modules, which a board has in memory."""

    @property
    def ssh_address(self) -> str:
        """Return an address that nobody dials."""
        return "127.0.0.1:22"

    async def prepare(self, key: str) -> Prepared:
        """Make nobody."""
        return Prepared(username="nobody")

    async def authorize(self, key: str) -> None:
        """Let nobody in."""

    async def clean(self) -> tuple[str, ...]:
        """Find nothing."""
        return ()


def hollow(config: AgentConfig) -> Driver:
    """Return the configured driver, hollowed out."""
    return HollowDriver(open_driver(config))


if __name__ == "__main__":
    with mock.patch("boruta_farm.dryad.agent.open_driver", hollow):
        sys.exit(main.run(sys.argv[1:]))

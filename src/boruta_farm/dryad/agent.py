"""The agent: driver, fence and link put together."""

import asyncio
import logging
import os
import platform
import socket
from typing import NoReturn

from boruta_farm import __version__
from boruta_farm.clock import SystemClock
from boruta_farm.contracts import FencedDryad, Registered
from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.credential import load_credential
from boruta_farm.dryad.dialling import Dialler
from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.drivers.registry import open_driver
from boruta_farm.dryad.fence import Fence
from boruta_farm.dryad.files import StateFolder, read_boot_id
from boruta_farm.dryad.state import StateFile
from boruta_farm.link.agent import AgentLink, Farm
from boruta_farm.model.errors import BorutaError, FailInMaintenanceError, StaleEpochError
from boruta_farm.model.worker import Fence as FenceKind
from boruta_farm.model.worker import Registration

logger = logging.getLogger(__name__)

CREDENTIAL_FILE = "credential"
STATE_FILE = "state.json"


class Agent:
    """Keep one board and its connection to the farm; the link's ``LinkUser``."""

    def __init__(self, config: AgentConfig, driver: Driver, fence: Fence) -> None:
        self._config = config
        self._driver = driver
        self._fence = fence

    @property
    def board(self) -> FencedDryad:
        """Return what the farm's calls go to."""
        return self._fence

    async def registration(self) -> Registration:
        """Return what the board says of itself now."""
        state = self._fence.state
        return Registration(
            caps=self._config.caps,
            dryad_address=self._config.listen_address,
            ssh_address=self._driver.ssh_address,
            fence=FenceKind.AGENT,
            name=self._config.name or socket.gethostname(),
            epoch=state.epoch,
            boot_id=state.boot_id,
            farm_id=state.farm_id,
            facts={**_facts(), **await self._driver.facts()},
        )

    async def registered(self, answer: Registered, farm: Farm) -> None:
        """Belong to the farm that answered, cleaned first when it is another one."""
        await self._fence.adopt(answer.farm_id)
        self._fence.changed.set()

    async def report(self, farm: Farm) -> None:
        """Tell the farm of ended sessions and troubles until it knows of them."""
        while True:
            await self._fence.changed.wait()
            self._fence.changed.clear()
            state = self._fence.state
            if state.tell_ended:
                try:
                    await farm.ended(state.epoch)
                except StaleEpochError:
                    logger.debug("epoch %d: the farm knew of its end", state.epoch)
                self._fence.told_ended(state.epoch)
            if state.trouble is not None:
                try:
                    await farm.set_fail(self._config.uuid, state.trouble)
                except FailInMaintenanceError:
                    logger.debug("the board is set aside already")
                self._fence.told_trouble(state.trouble)


async def run(config: AgentConfig) -> NoReturn:
    """Run an agent until cancelled. Raises ConfigError before it begins."""
    folder = StateFolder(config.state_dir)
    folder.open()
    clock = SystemClock()
    driver = open_driver(config)
    fence = Fence(driver, StateFile(folder.path / STATE_FILE), clock, read_boot_id())
    dialler = Dialler(config.server, load_credential(folder.path / CREDENTIAL_FILE))
    agent = Agent(config, driver, fence)
    try:
        await driver.start()
        await fence.start()
        logger.info("board %s: driver %s, %s", config.uuid, config.driver, driver.ssh_address)
        await AgentLink(dialler.dial, agent, clock).run()
    finally:
        await _stop(fence, driver)
        folder.close()


async def _stop(fence: Fence, driver: Driver) -> None:
    try:
        async with asyncio.timeout(10):
            await fence.close()
            await driver.close()
    except (BorutaError, TimeoutError) as error:
        logger.error("the board could not be closed properly: %s", error or "it took too long")


def _facts() -> dict[str, str]:
    return {
        "Agent": __version__,
        "Host": socket.gethostname(),
        "Kernel": platform.release(),
        "Machine": platform.machine(),
        "Python": platform.python_version(),
        "Load": f"{os.getloadavg()[0]:.2f}",
    }

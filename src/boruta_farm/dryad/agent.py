"""The agent: driver, fence and link put together."""

import asyncio
import logging
from collections.abc import Awaitable
from pathlib import Path
from typing import NoReturn

from boruta_farm.clock import SystemClock
from boruta_farm.contracts import FencedDryad, Registered
from boruta_farm.dryad.asking import STATE_FILE, credential_path
from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.credential import Credential, renewed
from boruta_farm.dryad.dialling import Dialler
from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.drivers.registry import open_driver
from boruta_farm.dryad.facts import Facts
from boruta_farm.dryad.fence import BoardFence
from boruta_farm.dryad.files import LockedFolder
from boruta_farm.dryad.health import PassiveHealth
from boruta_farm.dryad.owner import note_owner
from boruta_farm.dryad.proc.machine import read_boot_id
from boruta_farm.dryad.state import AgentState, Phase, StateFile
from boruta_farm.dryad.streams import AgentStreams, RelayPlace
from boruta_farm.dryad.tools.configured import open_tools
from boruta_farm.dryad.tools.console.consoles import Consoles
from boruta_farm.dryad.tools.console.logs import LogFolder
from boruta_farm.dryad.tools.console.reporting import report_logs
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.link.agent import AgentLink, FarmEnd
from boruta_farm.model.errors import BoardError, BorutaError, UnavailableError
from boruta_farm.model.worker import Fence, Registration
from boruta_farm.race import race

logger = logging.getLogger(__name__)

SESSIONS_EVERY = 3.0
FACTS_EVERY = 180.0
"""Seconds; registrations, at each new connection, tell them too."""


class FarmLinks:
    """What the links to several servers of a farm share: one tells the news, for all of them.

    ``registered`` are those whose servers know the board.
    """

    def __init__(self) -> None:
        self.registered: set[object] = set()
        self.telling = asyncio.Lock()
        self.renewing = asyncio.Lock()


class Agent:
    """Keep one board and its connection to a server of the farm; the link's ``LinkUser``."""

    def __init__(
        self,
        config: AgentConfig,
        driver: Driver,
        fence: BoardFence,
        streams: AgentStreams,
        dialler: Dialler,
        facts: Facts,
        credential: Credential,
        logs: LogFolder,
        links: FarmLinks,
    ) -> None:
        self._links = links
        self._logs = logs
        self.streams = streams
        self._dialler = dialler
        self._config = config
        self._credential = credential
        self._driver = driver
        self._fence = fence
        self._facts = facts

    @property
    def board(self) -> FencedDryad:
        """Return what the farm's calls go to."""
        return self._fence

    @property
    def credential(self) -> str:
        """Return what the farm is dialled with now."""
        return self._credential.present()

    async def registration(self) -> Registration:
        """Return what the board says of itself now."""
        state = self._fence.state
        return Registration(
            caps=self._config.caps,
            dryad_address=self._config.listen_address,
            ssh_address=self._driver.ssh_address,
            fence=Fence.AGENT,
            name=self._config.board_name,
            epoch=state.epoch,
            boot_id=state.boot_id,
            farm_id=state.farm_id,
            join_token=self._config.join_token,
            facts=await self._facts.now(),
            reach=self._config.reach,
            local_ip=self._dialler.local_ip,
            many_keys=self._driver.many_keys,
            beside=bool(self._links.registered),
        )

    async def registered(self, answer: Registered, farm: FarmEnd) -> None:
        """Belong to the farm that answered, cleaned first when it is another one."""
        try:
            await self._fence.adopt(answer.farm_id, answer.epoch)
        except BoardError as error:
            await self._tell(farm.set_fail(self._config.uuid, error.message))
            raise
        self._fence.changed.set()

    async def report(self, farm: FarmEnd) -> None:
        """Tell the farm what happens on the board, and how the board is, as time goes by.

        Where there are several servers, who is signed in is told to each, for its own relay; the
        rest to one of them, as long as its link lives.
        """
        self._links.registered.add(self)
        try:
            await race(self._report_sessions(farm), self._report_once(farm))
        finally:
            self._links.registered.discard(self)

    async def _report_once(self, farm: FarmEnd) -> None:
        async with self._links.telling:
            self._fence.changed.set()
            self._logs.changed.set()
            await race(
                self._report_news(farm),
                self._report_facts(farm),
                report_logs(self._logs, farm.console),
                self._fence.readying.report(farm),
            )

    async def _report_sessions(self, farm: FarmEnd) -> NoReturn:
        """Have every heartbeat tell who is signed in while the board is lent."""
        while True:
            found = None
            if self._fence.state.phase is Phase.GRANTED:
                try:
                    await self._fence.look_after_session()
                    found = await self._driver.sessions()
                except BoardError as error:
                    logger.warning("who is signed in cannot be told: %s", error.message)
            farm.tell_sessions(found)
            await asyncio.sleep(SESSIONS_EVERY)

    async def _report_facts(self, farm: FarmEnd) -> NoReturn:
        while True:
            await asyncio.sleep(FACTS_EVERY)
            await self._tell(farm.describe(await self._facts.now()))

    async def _report_news(self, farm: FarmEnd) -> NoReturn:
        """Tell the farm of ended sessions and troubles until it knows of them."""
        while True:
            await self._fence.changed.wait()
            self._fence.changed.clear()
            state = self._fence.state
            if state.tell_ended and state.phase is Phase.ENDED:
                await self._tell(farm.ended(state.epoch))
                self._fence.told_ended(state.epoch)
            if state.trouble is not None:
                await self._tell(farm.set_fail(self._config.uuid, state.trouble))
                self._fence.told_trouble(state.trouble)

    async def renew(self, farm: FarmEnd, presented: str) -> None:
        """Agree on a new credential and keep it, once for all the links that were dialled alike."""

        async def tell(present: str, coming: str) -> None:
            await farm.renew(self._config.uuid, present, coming)

        async with self._links.renewing:
            await renewed(self._credential, presented, tell)

    async def _tell(self, report: Awaitable[None]) -> None:
        """Report once; a farm that will not hear of it has decided already."""
        try:
            await report
        except UnavailableError:
            raise
        except BorutaError as error:
            logger.info("epoch %d: not reported: %s", self._fence.state.epoch, error.message)


async def run_agent(config: AgentConfig) -> NoReturn:
    """Run an agent until cancelled. Raises ConfigError before it begins."""
    folder = LockedFolder(config.state_dir, "state_dir")
    folder.open()
    note_owner(folder.path, config.uuid)
    clock = SystemClock()
    toolbox, config = open_tools(config)
    consoles = Consoles(toolbox, folder.path)
    tools = ToolService(toolbox, consoles)
    driver = open_driver(config, tools)

    def ssh_address() -> str:
        return driver.ssh_address

    host = PassiveHealth(config.health, _written_to(config), ssh_address)
    fence = BoardFence(driver, StateFile(folder.path / STATE_FILE), clock, read_boot_id(), host)
    credential = Credential(credential_path(config))
    servers = (config.server, *config.other_servers)
    diallers = {server: Dialler(server, credential.present, config.ca_file) for server in servers}
    for server, dialler in diallers.items():
        if dialler.exposed:
            logger.warning(
                "without TLS the board's credential can be read on its way to %s; use https://",
                server,
            )
    streams = {
        server: AgentStreams(
            config.uuid,
            RelayPlace.of(server, config.relay_address, config.ca_file),
            ssh_address,
        )
        for server in servers
    }

    def look(state: AgentState) -> None:
        tools.look(state)
        for each in streams.values():
            each.look(state)

    fence.watch = look
    try:
        await driver.start()
        await fence.start()
        logger.info("board %s: driver %s, %s", config.uuid, config.driver, driver.ssh_address)
        if config.boruta_address:
            # Only boards of the original's server need Go RPC in memory.
            from boruta_farm.dryad.original import OriginalServer

            await OriginalServer(config, fence, driver.ssh_address).serve()
        facts = Facts(folder.path, ssh_address, fence.facts, own_server=driver.own_server)
        links = FarmLinks()
        async with asyncio.TaskGroup() as group:
            for server, dialler in diallers.items():
                agent = Agent(
                    config,
                    driver,
                    fence,
                    streams[server],
                    dialler,
                    facts,
                    credential,
                    consoles.logs,
                    links,
                )
                group.create_task(AgentLink(dialler.dial, agent, clock).stay_connected())
        raise AssertionError("links are kept until cancelled")
    finally:
        for each in streams.values():
            await each.close()
        await _stop(fence, driver)
        folder.close()


async def _stop(fence: BoardFence, driver: Driver) -> None:
    try:
        async with asyncio.timeout(10):
            await fence.close()
            await driver.close()
    except (BorutaError, TimeoutError) as error:
        logger.error("the board could not be closed properly: %s", error or "it took too long")


def _written_to(config: AgentConfig) -> tuple[Path, ...]:
    """Return the folders in which agent and sessions need room."""
    home = config.user.home
    return (config.state_dir, home) if home.is_dir() else (config.state_dir,)

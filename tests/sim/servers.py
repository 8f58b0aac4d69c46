"""The real server's parts, but sockets, threads and processes, on one simulated machine."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

from boruta_farm.access.tunnels import Tunnels
from boruta_farm.boards.confirmation import Confirmation
from boruta_farm.boards.fenced import Fenced
from boruta_farm.boards.presence import Presence
from boruta_farm.boards.recovery import Recovery
from boruta_farm.boards.revocation import Revocation
from boruta_farm.boards.rounds import HealthRounds
from boruta_farm.boards.runner import Runner
from boruta_farm.clock import VirtualClock
from boruta_farm.farm.assembly import AssembledFarm
from boruta_farm.link.server import Hub
from boruta_farm.model.errors import StoreError, UnavailableError
from boruta_farm.model.events import Change
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence
from boruta_farm.server.supervision import Leadership, Part, keep_running
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.driver import DriverError
from boruta_farm.store.owed import OwedFile
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.testing.simulation import CountingPool, NoDialler, PlainCipher
from tests.sim.disk import Disk
from tests.sim.network import End, Network
from tests.sim.processes import KilledError, Process
from tests.sim.relays import RelayHandle, SimulatedRelay
from tests.sim.shared import SharedDatabase, SharedStore

logger = logging.getLogger(__name__)


class ServerProcess:
    """Run one server until it is killed; its disk, its relay and its machine's clock outlive it."""

    def __init__(
        self,
        host: str,
        folder: Path,
        settings: FarmSettings,
        network: Network,
        disk: Disk,
        relay: SimulatedRelay,
        pool: CountingPool,
        chance: Random,
        shared: SharedDatabase | None = None,
    ) -> None:
        self.host = host
        self.settings = settings
        self.clock = VirtualClock()
        self.disk = disk
        self.relay = relay
        self.boot = 1
        self.synchronised = False
        self.process: Process | None = None
        self.started = self.clock.now()
        self.serving = False
        self.disturbed = 0.0
        """When, in the loop's time, something last stood in its way."""
        self.linked: dict[str, tuple[Process, float]] = {}
        """From which process each board was dialled last, and when."""
        self.told: Callable[[tuple[Change, ...]], None] = lambda _changes: None
        self._folder = folder
        self._network = network
        self._pool = pool
        self._chance = chance
        self._shared = shared
        self._handle: RelayHandle | None = None
        self._owed: OwedFile | None = None
        self.store: DatabaseStore
        self._opened = False
        self.farm: AssembledFarm
        self.hub: Hub

    @property
    def alive(self) -> bool:
        """Tell whether it runs, or is stopped and does not know it."""
        return self.process is not None and not self.process.dead

    def disturb(self) -> None:
        """Note that something was in its way until now."""
        self.disturbed = asyncio.get_running_loop().time()

    def die(self) -> None:
        """Be killed at this very step."""
        process = self.process
        if process is None or process.dead:
            return
        process.die()
        self.serving = False
        self._network.listeners.pop(self.host, None)
        self._network.drop(process)
        if self._handle is not None and self.relay.server is self._handle:
            self.relay.server = None

    async def bury(self) -> None:
        """Remove what a kill has left."""
        process, self.process = self.process, None
        if process is None:
            return
        assert process.dead
        await process.bury()
        # As the kernel does: files and connections are closed, what was not committed is undone.
        if self._opened:
            self._opened = False
            await self.store.close()
        if self._owed is not None:
            self._owed.close()

    async def start(self) -> None:
        """Start, from nothing or from what an earlier run has left."""
        assert self.process is None
        self.process = process = Process(self.host)
        try:
            await process.spawn(self._open(process))
        except (KilledError, StoreError, UnavailableError, DriverError) as error:
            # Whatever starts services tries again.
            logger.info("%s did not start: %r", self.host, error)
            self.die()
        except asyncio.CancelledError:
            if not process.dead:
                raise
        if process.dead:
            await self.bury()

    async def _open(self, process: Process) -> None:
        clock, settings = self.clock, self.settings
        clock.read_wall()
        self.started = clock.now()
        connector = self.disk.connector(process, self.die)
        if self._shared is None:
            self.store = SqliteStore(
                self._folder / "farm.db", clock, settings, inline=True, connector=connector
            )
        else:
            self.store = SharedStore(
                self._shared, clock, settings, process, self._network, connector
            )
        self._opened = True
        await self.store.start()
        self.hub = hub = Hub(clock)
        self.farm = farm = AssembledFarm(
            self.store,
            settings,
            clock,
            PlainCipher(),
            hub,
            boot=f"{self.host}/boot-{self.boot}",
            trusted=lambda: self.synchronised,
        )
        self._owed = OwedFile(self._folder / f"{self.host}.owed")
        farm.keep_owed(self._owed, self._owed.open())
        await farm.timekeeper.begin()
        await farm.directory.load()
        hub.attach(farm.superviser, farm.reports)
        self._handle = relay = RelayHandle(self.relay, clock)
        farm.relay = relay
        tunnels = Tunnels(farm.fleet, relay, farm.reports, settings)
        hub.on_sessions = tunnels.signed_in
        fleet, reports = farm.fleet, farm.stewards_reports
        fenced = Fenced(fleet, reports, self._pool, tunnels, clock, settings.ready_timeout)
        dialler = NoDialler()
        parts: dict[str, Part] = {
            "matcher": farm.matcher.keep_matching,
            "owed ends": farm.run_owed,
            "directory": farm.directory.follow,
            "fleet": fleet.follow,
            "tunnels": tunnels.follow,
            "revocation": Revocation(fleet, hub).follow,
        }
        rounds = HealthRounds(fleet, dialler, reports, clock, None, self._chance)
        leading: dict[str, Part] = {
            "timekeeper": farm.timekeeper.keep_time,
            "ticker": farm.ticker.tick,
            "judging": farm.judging.follow,
            "sealer": farm.sealer.keep_sealing,
            "cutter": farm.cutter.keep_cutting,
            "history cutter": farm.history_cutter.keep_cutting,
            "board runner": Runner(fleet, reports, {Fence.AGENT: fenced}).attend,
            "presence": Presence(fleet, reports, clock, settings.lost_grace).watch,
            "confirmation": Confirmation(fleet, reports, tunnels, clock).watch,
            "recovery": Recovery(fleet, reports, dialler).retry,
            "health rounds": rounds.go_round,
        }
        leadership = Leadership(lambda: self.store.leading)
        self.store.on_lead(leadership.look)
        for name, part in parts.items():
            process.spawn(keep_running(name, part))
        for name, part in leading.items():
            process.spawn(leadership.keep_running(name, part))
        self._network.listeners[self.host] = (process, self._listen(process, hub))
        self.store.listen(self.told)
        self.store.on_step(lambda _by: self.disturb())
        self.store.on_lead(self.disturb)
        relay.on_change = self._relay_changed
        self.linked.clear()
        self.disturb()
        self.serving = True

    def _relay_changed(self) -> None:
        self.disturb()
        self.farm.matcher.look()

    def _listen(self, process: Process, hub: Hub) -> Callable[[End, str, str], None]:
        def take(socket: End, source: str, credential: str) -> None:
            now = asyncio.get_running_loop().time()
            self.linked[source] = (socket.other.process, now)
            process.spawn(hub.serve(socket, source, credential))

        return take


SETTINGS = FarmSettings(
    job_timeout=timedelta(minutes=10),
    job_limit=timedelta(minutes=25),
    invalid_after=timedelta(minutes=2),
    ready_timeout=timedelta(minutes=1),
    credential_life=timedelta(hours=1),
    registrations_per_board=0,
)

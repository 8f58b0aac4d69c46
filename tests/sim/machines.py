"""Boards: what is true on the machine itself, and the real agent beside it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random

from boruta_farm.clock import VirtualClock
from boruta_farm.contracts import Prepared
from boruta_farm.dryad.agent import Agent, FarmLinks
from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.credential import Credential
from boruta_farm.dryad.dialling import Dialler
from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.facts import Facts
from boruta_farm.dryad.fence import BoardFence
from boruta_farm.dryad.state import AgentState
from boruta_farm.dryad.streams import AgentStreams, RelayPlace
from boruta_farm.dryad.tools.console.logs import LogFolder
from boruta_farm.dryad.tools.errors import UnreadyError
from boruta_farm.link.agent import AgentLink
from boruta_farm.link.socket import Socket
from boruta_farm.model.errors import BoardError, KeyRefusedError, StoreError
from boruta_farm.model.readiness import Readiness
from tests.sim.network import Network
from tests.sim.processes import Process
from tests.sim.trace import Trace

HOST_KEY = "ssh-ed25519 HOST"
EXPIRY_SLACK = 5.0
"""Seconds that a key's own expiry lies behind the end of the job."""


class Mood(StrEnum):
    """How a machine does what its agent asks of it."""

    WELL = "well"
    SLOWLY = "slowly"
    FAILS = "fails before it has done anything"
    BREAKS = "fails after it has done all"
    CRASHES = "has a fault of its own"
    HANGS = "never comes back"


class Outcome(StrEnum):
    """What comes of flashing and booting a device."""

    READY = "ready"
    SLOW = "ready after a long time"
    UNREADY = "its console never shows the prompt"
    BROKEN = "its card cannot be written"
    HANGS = "never comes back"


@dataclass(slots=True)
class Visit:
    """Somebody who is logged in: by which key, for which request, through which job's tunnel."""

    key: str
    request: int
    epoch: int


@dataclass(slots=True)
class Machine:
    """Be one supervisor with its board: who can log in, who is, and what was left behind.

    ``stored`` and ``credential`` lie on its disk, which may be ``full``. ``leftovers``
    are the requests whose users' files are on it: more than one is what must never be.
    """

    uuid: str
    name: str
    caps: dict[str, str]
    folder: Path
    boot: int = 1
    key: str | None = None
    keys: tuple[str, ...] = ()
    key_until: float | None = None
    session: bool = False
    visits: list[Visit] = field(default_factory=list)
    leftovers: set[int] = field(default_factory=set)
    stored: AgentState | None = None
    full: bool = False
    mood: Mood = Mood.WELL
    outcome: Outcome = Outcome.READY
    refuses_keys: bool = False
    rate: float = 1.0
    busy: str | None = None
    making: bool = False
    made: tuple[int, int] | None = None
    """For which epoch, and by which run of its agent, it was made ready last."""
    runs: int = 0
    calm_since: float = 0.0
    """Since when, in the loop's time, nothing keeps the agent from its work."""
    reached_since: float = 0.0
    """Since when, in the loop's time, the network between it and the servers is as it should be."""
    wrong: list[str] = field(default_factory=list)
    """What its agent did to it that no agent may do."""
    on_prepared: Callable[[], None] = lambda: None

    @property
    def host(self) -> str:
        """Return its place in the network."""
        return f"10.0.0.{int(self.uuid[-4:])}"

    def opens(self, key: str, now: float) -> bool:
        """Tell whether somebody could log in by a key now."""
        expired = self.key_until is not None and now >= self.key_until
        return self.session and not expired and key in (self.key, *self.keys)

    def must(self, holds: bool, words: str) -> None:
        """Note what went wrong at the board itself; the agent would take an error for a fault."""
        if not holds:
            self.wrong.append(f"{self.name}: {words}")

    def restless(self, seconds: float) -> None:
        """Note that something may keep the agent from its work for so long."""
        self.calm_since = max(self.calm_since, asyncio.get_running_loop().time() + seconds)

    def out_of_reach(self, seconds: float) -> None:
        """Note that frames may take longer for so long."""
        self.reached_since = max(
            self.reached_since, asyncio.get_running_loop().time() + seconds + 20.0
        )

    def wipe(self) -> None:
        """Remove all of a session."""
        self.key, self.keys, self.key_until, self.session = None, (), None, False
        self.visits.clear()
        self.leftovers.clear()

    def reboot(self) -> None:
        """Lose what runs; files stay on the disk."""
        self.boot += 1
        self.session, self.busy, self.making = False, None, False
        self.visits.clear()


class MachineDisk:
    """Store the agent's state on a machine; the contract ``StateStore``."""

    def __init__(self, machine: Machine, process: Process) -> None:
        self._machine, self._process = machine, process

    def load(self) -> AgentState | None:
        """Return what was stored last."""
        return self._machine.stored

    def save(self, state: AgentState) -> None:
        """Store the state. Raises StoreError on a full disk."""
        if self._machine.full or self._process.dead:
            raise StoreError("the disk is full")
        self._machine.stored = state


class SimulatedDriver(Driver):
    """Do on a machine what the fence asks, as the machine's mood is."""

    many_keys = True
    own_server = True

    def __init__(self, machine: Machine, process: Process, chance: Random, trace: Trace) -> None:
        self._machine, self._process = machine, process
        self._chance, self._trace = chance, trace

    @property
    def ssh_address(self) -> str:
        """Return where its SSH server answers."""
        return f"{self._machine.host}:22"

    async def resume(self, key: str) -> bool:
        """Take up what still runs."""
        await self._begin("resume")
        if self._machine.session:
            self._machine.key = key
        self._finish()
        return self._machine.session

    async def prepare(self, key: str) -> Prepared:
        """Make a session; what is left of another one is not removed here."""
        await self._begin("prepare")
        self._machine.keys, self._machine.key_until = (), None
        self._machine.key, self._machine.session = key, True
        self._finish()
        self._machine.on_prepared()
        return Prepared(username="boruta-user", host_key=HOST_KEY)

    async def authorize(self, key: str) -> None:
        """Replace the key."""
        await self._begin("authorize")
        if self._machine.refuses_keys:
            self._release()
            raise KeyRefusedError("this key cannot be used")
        self._machine.key = key
        self._finish()

    async def let_in(self, keys: tuple[str, ...], leaving: tuple[str, ...]) -> None:
        """Let more keys in, and those out who leave."""
        await self._begin("let_in")
        self._machine.keys = keys
        self._machine.visits = [v for v in self._machine.visits if v.key not in leaving]
        self._finish()

    async def visitors(self) -> dict[str, int]:
        """Count who is there."""
        found: dict[str, int] = {}
        for visit in self._machine.visits:
            found[visit.key] = found.get(visit.key, 0) + 1
        return found

    async def expire_in(self, remaining: float) -> None:
        """Let the key end by itself; it counts from the call, however long the board takes."""
        until = asyncio.get_running_loop().time() + remaining + EXPIRY_SLACK
        await self._begin("expire_in")
        self._machine.key_until = until
        self._finish()

    async def clean(self) -> tuple[str, ...]:
        """End and remove all, and tell what there was."""
        self._machine.must(not self._machine.making, "cleaned while it is made ready (I3)")
        await self._begin("clean")
        found = tuple(f"the files of {request}" for request in sorted(self._machine.leftovers))
        self._machine.wipe()
        self._finish()
        return found

    async def make_ready(
        self, wanted: Readiness, within: float, tell: Callable[[str], None]
    ) -> None:
        """Flash and boot, as it comes out today."""
        machine = self._machine
        epoch = 0 if machine.stored is None else machine.stored.epoch
        machine.must(not machine.making, "made ready twice at once")
        machine.must(machine.made != (epoch, machine.runs), "made ready twice for one job")
        machine.made = (epoch, machine.runs)
        machine.must(machine.busy is None, f"made ready during {machine.busy}")
        machine.must(not machine.leftovers, "made ready with somebody's files on it (I3)")
        machine.making = True
        self._trace.note("machine", machine.name, "make_ready")
        try:
            tell("writing")
            await asyncio.sleep(self._chance.uniform(0.5, 6))
            tell("booting")
            if machine.outcome in (Outcome.SLOW, Outcome.HANGS):
                hangs = machine.outcome is Outcome.HANGS
                await asyncio.sleep(100_000 if hangs else self._chance.uniform(20, 55))
            await asyncio.sleep(self._chance.uniform(0.1, 4))
            if machine.outcome is Outcome.UNREADY:
                raise UnreadyError("login: was not seen", ("U-Boot", "no card"))
            if machine.outcome is Outcome.BROKEN:
                raise BoardError("the card cannot be written")
        finally:
            if not self._process.dead:
                machine.making = False

    async def healthcheck(self) -> None:
        """Answer."""
        await self._begin("healthcheck")
        self._finish()

    async def test(self) -> None:
        """Answer."""
        await self._begin("test")
        self._finish()

    async def put_in_maintenance(self, message: str) -> None:
        """Show a message."""
        await self._begin("put_in_maintenance")
        self._finish()

    async def warn(self, message: str) -> None:
        """Warn who is there."""
        await self._begin("warn")
        self._finish()

    async def _begin(self, call: str) -> None:
        """Take time for something. Raises what the machine's mood is."""
        machine, mood = self._machine, self._machine.mood
        machine.must(machine.busy is None, f"{call} during {machine.busy}")
        self._trace.note("machine", machine.name, call, mood.name)
        if mood is Mood.FAILS:
            raise BoardError(f"{call} failed")
        if mood is Mood.CRASHES:
            raise ZeroDivisionError(call)
        machine.busy = call
        try:
            if mood is Mood.HANGS:
                await asyncio.sleep(100_000)
            await asyncio.sleep(self._chance.uniform(1, 9) if mood is Mood.SLOWLY else 0.02)
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        # A killed agent's clean-up must not tell of a board that its successor works on.
        if not self._process.dead:
            self._machine.busy = None

    def _finish(self) -> None:
        self._release()
        if self._machine.mood is Mood.BREAKS:
            raise BoardError("failed at the last step")


class StillFacts(Facts):
    """Tell nothing of the machine on which the simulation runs."""

    async def now(self) -> dict[str, str]:
        """Return a fact."""
        return {"Kind": "simulated"}


class MachineClock(VirtualClock):
    """Run a little faster or slower than the farm's clock, as quartzes do."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self._rate = rate

    def monotonic(self) -> float:
        """Return the machine's own seconds."""
        return super().monotonic() * self._rate


class AgentProcess:
    """Run the real agent of a machine: fence, readying, and a link to every server."""

    def __init__(
        self,
        machine: Machine,
        servers: tuple[str, ...],
        network: Network,
        chance: Random,
        trace: Trace,
    ) -> None:
        self.machine = machine
        self._servers = servers
        self._network = network
        self._chance = chance
        self._trace = trace
        self.process: Process | None = None
        self.fence: BoardFence | None = None
        self.gone_since: float | None = None
        """Since when, in the loop's time, no agent runs; None while one does."""
        self.rotten = ""
        """What was wrong with the agent itself, such as a link that ended by an error of ours."""

    @property
    def alive(self) -> bool:
        """Tell whether the agent runs (or is stopped, which it does not know)."""
        return self.process is not None

    def start(self) -> None:
        """Start the agent, as its service manager does."""
        assert self.process is None
        self.gone_since = None
        self.machine.busy, self.machine.making = None, False
        self.machine.runs += 1
        self.machine.restless(5.0)
        self.process = process = Process(f"agent of {self.machine.name}")
        process.spawn(self._main(process)).add_done_callback(self._told)

    async def kill(self, *, told: bool = True) -> None:
        """Kill the agent; ``told`` False is for a machine that loses its power."""
        process, self.process, self.fence = self.process, None, None
        if process is None:
            return
        self.gone_since = asyncio.get_running_loop().time()
        process.die()
        self._network.drop(process, told=told)
        self.machine.busy, self.machine.making = None, False
        await process.bury()

    async def reboot(self) -> None:
        """Lose power, and come back without an agent, which is started by others."""
        await self.kill(told=False)
        self.machine.reboot()

    def _told(self, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self.process is not None and not self.process.dead:
            self.rotten = f"{type(error).__name__}: {error}"

    async def _main(self, process: Process) -> None:
        machine = self.machine
        config = AgentConfig(
            path=machine.folder / "dryad.conf",
            server=f"http://{self._servers[0]}",
            name=machine.name,
            driver="linux",
            state_dir=machine.folder,
            caps={"UUID": machine.uuid, **machine.caps},
        )
        clock = MachineClock(machine.rate)
        driver = SimulatedDriver(machine, process, self._chance, self._trace)
        store = MachineDisk(machine, process)
        fence = BoardFence(driver, store, clock, f"{machine.name} boot {machine.boot}")
        credential = Credential(machine.folder / "credential")
        logs = LogFolder(machine.folder / "logs")
        facts = StillFacts(machine.folder, lambda: driver.ssh_address, fence.facts)
        place = RelayPlace.of(config.server, "")
        streams = AgentStreams(machine.uuid, place, lambda: driver.ssh_address)
        dialler = Dialler(config.server, credential.present)
        await driver.start()
        await fence.start()
        self.fence = fence
        links = FarmLinks()
        async with asyncio.TaskGroup() as group:
            for server in self._servers:
                agent = Agent(
                    config, driver, fence, streams, dialler, facts, credential, logs, links
                )
                link = AgentLink(
                    self._dial(process, server, credential), agent, clock, self._chance.random
                )
                group.create_task(link.stay_connected())

    def _dial(
        self, process: Process, server: str, credential: Credential
    ) -> Callable[[], Awaitable[Socket]]:
        async def dial() -> Socket:
            return await self._network.dial(
                self.machine.host, process, server, credential.present()
            )

        return dial

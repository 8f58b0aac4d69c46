"""One simulated farm: servers, relays, agents, boards and people, and what befalls them."""

import asyncio
import logging
import shutil
from collections import Counter
from collections.abc import Coroutine
from contextvars import Context
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from boruta_farm.dryad.credential import digest_of
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import RequestUpdate
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.simulation import CountingPool
from tests.sim.disk import Disk, Moment, Plan
from tests.sim.machines import AgentProcess, Machine, Mood, Outcome, Visit
from tests.sim.network import Network, Noise
from tests.sim.people import Filed, People
from tests.sim.relays import SimulatedRelay
from tests.sim.servers import SETTINGS, ServerProcess
from tests.sim.shared import DATABASE, SharedDatabase
from tests.sim.steps import FAULTS, Step, Verb
from tests.sim.trace import Trace

READY = {"tool.image": "yes", "tool.boot": "yes"}
BOARDS = ({"arch": "arm", **READY}, {"arch": "arm", "hdmi": "yes", **READY}, {"arch": "riscv"})
DAY = timedelta(days=1)
JUMPS = (DAY, -DAY, timedelta(seconds=40), -timedelta(seconds=40), timedelta(minutes=3))
FAR = frozenset(
    {Verb.CUT_BOTH, Verb.CUT_TO_BOARD, Verb.CUT_TO_SERVER, Verb.SLOW, Verb.NOISE}
    | {Verb.STOP_AGENT, Verb.STOP_SERVER}
)
"""What delays frames between a board and its servers."""
DOWN = 3.0
"""Seconds after which a service manager starts anew what was killed."""


class World:
    """Put a farm together and let steps happen to it.

    One of five seeds has two servers over one database, the others one server with its own.
    """

    def __init__(self, seed: int, folder: Path, template: Path) -> None:
        self.trace = Trace()
        self.chance = Random(seed * 7919 + 1)
        self.faults: Counter[Verb] = Counter()
        self.network = Network(Random(seed * 7919 + 2), self.trace)
        self.database = folder / "farm.db"
        shutil.copy(template, self.database)
        count = 2 if seed % 5 == 1 else 1
        self.shared = shared = SharedDatabase(str(self.database)) if count == 2 else None
        pool = CountingPool()
        self.machines = [
            self._machine(number, caps, folder) for number, caps in enumerate(BOARDS, 1)
        ]
        known = {machine.uuid: machine for machine in self.machines}
        hosts = tuple(f"server-{number}" for number in range(1, count + 1))
        self.servers = tuple(
            ServerProcess(
                host, folder, SETTINGS, self.network, Disk(self.trace), SimulatedRelay(known), pool,
                self.chance, shared,
            )
            for host in hosts
        )  # fmt: skip
        self.agents = [
            AgentProcess(machine, hosts, self.network, self.chance, self.trace)
            for machine in self.machines
        ]
        self.people = People(self.network, self.servers)
        self._neutral = Context()
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._keepers: list[asyncio.Task[Any]] = []
        self.over = False
        for server in self.servers:
            server.disk.struck = server.disturb

    def _machine(self, number: int, caps: dict[str, str], folder: Path) -> Machine:
        place = folder / f"board-{number}"
        place.mkdir()
        # The same in every run, which one drawn by the agent would not be.
        (place / "credential").write_text(digest_of(f"board {number}") + "\n")
        return Machine(
            uuid=f"00000000-0000-4000-8000-{number:012}",
            name=f"board-{number}",
            caps=dict(caps),
            folder=place,
            rate=1 + (number - 2) * 0.0001,
        )

    async def start(self) -> None:
        """Start everything, and put every board into service."""
        for server in self.servers:
            self._keepers.append(self._run(self._keep_server(server)))
        await asyncio.sleep(2)
        for agent in self.agents:
            agent.start()
        await asyncio.sleep(4)
        for machine in self.machines:
            await self._set_state(0, machine, WorkerState.IDLE)
        await asyncio.sleep(4)

    async def heal(self) -> None:
        """Let everything behave again, and run."""
        self.network.heal_all()
        for server in self.servers:
            server.disk.full = server.disk.broken = False
            server.disk.plan = None
            server.synchronised = True
            if server.process is not None:
                server.process.go_on()
        for agent in self.agents:
            machine = agent.machine
            machine.mood, machine.outcome = Mood.WELL, Outcome.READY
            machine.refuses_keys = machine.full = False
            machine.on_prepared = _nothing
            if agent.process is not None:
                agent.process.go_on()

    async def end(self) -> None:
        """End all that runs."""
        self.over = True
        while self._tasks or self._keepers:
            tasks = [*self._tasks, *self._keepers]
            self._keepers.clear()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for agent in self.agents:
            await agent.kill()
        for server in self.servers:
            server.die()
            await server.bury()

    async def take(self, step: Step) -> None:
        """Let a step happen; what takes time goes on beside what follows."""
        self.trace.note("step", step)
        if step.verb in FAULTS:
            self.faults[step.verb] += 1
        self._act(step)
        await asyncio.sleep(step.gap)

    def _act(self, step: Step) -> None:
        agent = self.agents[step.which % len(self.agents)]
        server = self.servers[step.choice % len(self.servers)]
        if step.verb in (Verb.IDLE, Verb.ASIDE, Verb.LATER, Verb.REMOVE):
            self._run(self._administer(step, agent.machine))
        elif step.verb in FAULTS:
            self._break(step, agent, server)
        else:
            self._run(self._use(step))

    async def _use(self, step: Step) -> None:
        people, server = self.people, step.choice
        if step.verb is Verb.FILE:
            return await people.file(server, step.choice, self._now())
        if step.verb is Verb.VISIT:
            return self._visit()
        if step.verb is Verb.LEAVE:
            for machine in self.machines:
                machine.visits.clear()
            return None
        recent = people.filed[-12:]
        if not recent:
            return None
        filed = recent[step.which % len(recent)]
        request_id = filed.id
        if request_id is None:
            return None
        match step.verb:
            case Verb.CLOSE:
                await people.close(server, filed)
            case Verb.ACQUIRE:
                for each in recent:
                    await people.acquire(server, each)
                self._visit()
            case Verb.UPDATE:
                update = RequestUpdate(priority=1 + step.choice % 3)
                await people.call(
                    server,
                    lambda farm: farm.requests.update_request(LOCAL_ADMIN, request_id, update),
                )
            case Verb.PROLONG:
                await self._prolong(server, filed)
            case Verb.KEEP:
                await people.call(
                    server, lambda farm: farm.requests.keep_alive(LOCAL_ADMIN, request_id)
                )
            case Verb.LOOK:
                await people.call(
                    server, lambda farm: farm.requests.explain(LOCAL_ADMIN, request_id)
                )
                await people.call(server, lambda farm: farm.requests.list_requests(LOCAL_ADMIN))
        return None

    async def _prolong(self, server: int, filed: Filed) -> None:
        request_id = filed.id
        assert request_id is not None
        await self.people.call(
            server, lambda farm: farm.requests.prolong_access(LOCAL_ADMIN, request_id)
        )

    def _visit(self) -> None:
        """Have everybody try every key he has, through every relay."""
        for server in self.servers:
            for worker, route in tuple(server.relay.routes.items()):
                for filed in self.people.filed[-30:]:
                    for key, port in filed.keys.items():
                        epoch = route.entry.epoch
                        if port == route.entry.port and filed.id is not None and epoch is not None:
                            server.relay.visit(worker, Visit(key, filed.id, epoch))

    async def _administer(self, step: Step, machine: Machine) -> None:
        match step.verb:
            case Verb.IDLE:
                for each in self.machines:
                    await self._set_state(step.choice, each, WorkerState.IDLE)
            case Verb.ASIDE | Verb.LATER:
                later = step.verb is Verb.LATER
                await self._set_state(step.choice, machine, WorkerState.MAINTENANCE, later)
            case Verb.REMOVE:
                await self.people.call(
                    step.choice, lambda farm: farm.workers.deregister(LOCAL_ADMIN, machine.uuid)
                )

    async def _set_state(
        self, server: int, machine: Machine, state: WorkerState, later: bool = False
    ) -> None:
        await self.people.call(
            server,
            lambda farm: farm.workers.set_state(LOCAL_ADMIN, machine.uuid, state, "test", later),
        )

    def _break(self, step: Step, agent: AgentProcess, server: ServerProcess) -> None:
        machine, network, span = agent.machine, self.network, step.span
        if step.verb in FAR:
            for each in self.machines if step.verb is Verb.STOP_SERVER else [machine]:
                each.out_of_reach(span)
        match step.verb:
            case Verb.CUT_BOTH | Verb.CUT_TO_BOARD | Verb.CUT_TO_SERVER:
                ways = [(server.host, machine.host), (machine.host, server.host)]
                ways = {Verb.CUT_TO_BOARD: ways[:1], Verb.CUT_TO_SERVER: ways[1:]}.get(
                    step.verb, ways
                )
                self._run(self._cut(ways, span))
            case Verb.CUT_DATABASE:
                self._run(self._cut([(server.host, DATABASE)], span))
            case Verb.SLOW:
                self._run(self._slow(machine.host, span))
            case Verb.NOISE:
                drawn = [step.choice % 150, step.choice // 3 % 150, step.choice // 7 % 150]
                self._run(self._noise(machine.host, Noise(*drawn), span))
            case Verb.RESET:
                network.reset(machine.host)
            case Verb.KILL_AGENT:
                self._run(self._restart(agent, span))
            case Verb.STOP_AGENT:
                self._run(self._stop_agent(agent, span))
            case Verb.REBOOT | Verb.FORGET:
                self._run(self._reboot(agent, span, forget=step.verb is Verb.FORGET))
            case Verb.CHANGE:
                machine.caps["ram"] = str(int(machine.caps.get("ram", "0")) + 1)
                self._run(self._restart(agent, 0.3))
            case Verb.BOARD_DISK:
                self._run(self._fill_board(machine, span))
            case Verb.MOOD:
                self._run(self._mood(machine, tuple(Mood)[step.choice % len(Mood)], span))
            case Verb.OUTCOME:
                machine.outcome = tuple(Outcome)[step.choice % len(Outcome)]
            case Verb.REFUSE_KEYS:
                machine.refuses_keys = step.choice % 2 == 0
            case Verb.SLOW_READER:
                if server.serving:
                    # Never read: it is dropped at its bound, and nobody waits for it.
                    server.farm.feed.subscribe(bound=20)
            case _:
                self._break_server(step, agent, server)

    def _break_server(self, step: Step, agent: AgentProcess, server: ServerProcess) -> None:
        moments = tuple(Moment)
        match step.verb:
            case Verb.KILL_SERVER:
                server.die()
            case Verb.KILL_IN_STEP:
                self._kill_in(server, step.choice % 60)
            case Verb.KILL_AT_COMMIT:
                moment = moments[step.choice % 3]
                server.disk.plan = Plan(moment=moment, after=step.which, kill=True)
            case Verb.FAIL_COMMIT:
                moment = moments[step.choice % 3]
                server.disk.plan = Plan(moment=moment, after=step.which, kill=False)
            case Verb.FAIL_AFTER_PREPARE:
                moment = moments[step.choice % 2]
                plan = Plan(moment=moment, after=0, kill=step.choice % 4 == 0)
                agent.machine.on_prepared = lambda: self._plan(agent.machine, server, plan)
            case Verb.DISK_FULL:
                self._run(self._fill(server, step.span))
            case Verb.STOP_SERVER:
                self._run(self._stop_server(server, step.span))
            case Verb.KILL_RELAY:
                server.relay.kill()
            case Verb.CLOCK if len(self.servers) > 1:
                # Servers of one farm are promised to work where their machines' clocks agree.
                self.faults[step.verb] -= 1
            case Verb.CLOCK:
                server.clock.wall_ahead += JUMPS[step.choice % len(JUMPS)]
                server.synchronised = step.choice // 8 % 2 == 0
            case other:
                raise AssertionError(f"nothing is known of {other}")

    def _plan(self, machine: Machine, server: ServerProcess, plan: Plan) -> None:
        machine.on_prepared = _nothing
        server.disk.plan = plan

    def _kill_in(self, server: ServerProcess, rounds: int) -> None:
        """Kill a server after so many rounds of the loop, whatever it awaits there."""
        if rounds == 0:
            server.die()
        else:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._kill_in, server, rounds - 1, context=self._neutral)

    async def _cut(self, ways: list[tuple[str, str]], span: float) -> None:
        for way in ways:
            self.network.sever(*way)
        await asyncio.sleep(span)
        for way in ways:
            self.network.heal(*way)
        for server in self.servers:
            server.disturb()

    async def _slow(self, host: str, span: float) -> None:
        self.network.slow.add(host)
        await asyncio.sleep(span)
        self.network.slow.discard(host)

    async def _noise(self, host: str, noise: Noise, span: float) -> None:
        self.network.noise[host] = noise
        await asyncio.sleep(span)
        self.network.noise.pop(host, None)

    async def _restart(self, agent: AgentProcess, span: float) -> None:
        if agent.alive:
            await agent.kill()
            await asyncio.sleep(span)
            agent.start()

    async def _reboot(self, agent: AgentProcess, span: float, *, forget: bool) -> None:
        if agent.alive:
            await agent.reboot()
            if forget:
                agent.machine.stored = None
            await asyncio.sleep(span)
            agent.start()

    async def _stop_agent(self, agent: AgentProcess, span: float) -> None:
        process = agent.process
        if process is not None and not process.stopped:
            process.stop()
            agent.machine.restless(span + 10)
            await asyncio.sleep(span)
            process.go_on()

    async def _fill_board(self, machine: Machine, span: float) -> None:
        machine.full = True
        machine.restless(span + 80)
        await asyncio.sleep(span)
        machine.full = False

    async def _mood(self, machine: Machine, mood: Mood, span: float) -> None:
        machine.mood = mood
        # As long as an operation that hangs may take, or an ending that failed until it is tried.
        machine.restless(span + (400 if mood is Mood.HANGS else 80))
        await asyncio.sleep(span)
        machine.mood = Mood.WELL

    async def _fill(self, server: ServerProcess, span: float) -> None:
        server.disk.full = True
        await asyncio.sleep(span)
        server.disk.full = False
        server.disturb()

    async def _stop_server(self, server: ServerProcess, span: float) -> None:
        process = server.process
        if process is not None and not process.stopped:
            process.stop()
            await asyncio.sleep(span)
            process.go_on()
            server.disturb()

    async def _keep_server(self, server: ServerProcess) -> None:
        """Start a server, and start it anew whenever it was killed."""
        while True:
            await server.start()
            if server.process is not None:
                await server.process.death.wait()
                await server.bury()
            await asyncio.sleep(DOWN * self.chance.random())

    def _now(self) -> Any:
        return next(server for server in self.servers).clock.now()

    def _run(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, context=self._neutral.copy())
        self._tasks[task] = None
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.people.wrong.append(f"the simulation itself failed: {error!r}")
            logging.getLogger(__name__).error("failed", exc_info=error)


def _nothing() -> None:
    """Be told of a preparation, and let it pass."""

"""What must hold after every step, seen in the database, at the servers, and on the boards."""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain

from boruta_farm.core.transitions import REQUEST_TRANSITIONS, WORKER_TRANSITIONS
from boruta_farm.dryad.state import Phase
from boruta_farm.fleet import Link
from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.waiting import Waiting
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.selectors.selector import parse
from boruta_farm.store.dialect import SqliteDialect
from boruta_farm.store.packing import PackedRequests
from boruta_farm.store.records import Records
from boruta_farm.store.rows import REQUEST, WORKER
from boruta_farm.store.sqlite_driver import SqliteDriver
from boruta_farm.store.statements import Statements
from boruta_farm.store.values import micros
from tests.sim.machines import AgentProcess
from tests.sim.servers import ServerProcess
from tests.sim.shared import DATABASE
from tests.sim.world import World

# What the product promises is said here once more: a check must not follow what it checks.
SETTLING = timedelta(seconds=30)
CONFIRMED_WITHIN = timedelta(seconds=5)
OPENED_WITHIN = timedelta(seconds=12)
SLACK = timedelta(seconds=2)
SLACK_RATIO = 0.0002
MOST_SLACK = 2.0 + 1500 * SLACK_RATIO
OVER = "the job's time was over"

SOON = timedelta(seconds=3)
"""Deadlines act within 1 s (I10); the rest is for a try that failed and is made again."""

JOINED_WITHIN = 5.0
SILENCE = 15.0
"""Seconds without a heartbeat after which a link has ended."""

SILENT_FOR = 20.0
"""Seconds for which a server may take an agent's older link for a living one."""
TOLD_WITHIN = 12.0
STATEMENTS = Statements(SqliteDialect())


class BrokenPromiseError(AssertionError):
    """Tell which promise was broken."""


def must(holds: object, words: str) -> None:
    """Raise BrokenPromiseError unless something holds."""
    if not holds:
        raise BrokenPromiseError(words)


class Watch:
    """Look at a world after each step, remembering what was seen before."""

    def __init__(self, world: World) -> None:
        self._world = world
        connection = sqlite3.connect(world.database, isolation_level=None, check_same_thread=False)
        self._connection = connection
        self._records = Records(SqliteDriver(connection), STATEMENTS)
        self._number = self._records.last_event()
        self._states: dict[int, RequestState] = {}
        self._standing: dict[str, WorkerState] = {}
        self._came: dict[str, datetime] = {}
        """When each board came back that had been lost, by any server: it has its grace anew."""
        self._lost: set[str] = set()
        self._recovered: dict[str, list[datetime]] = defaultdict(list)
        self._recovering: set[str] = set()
        self._to_fail: set[str] = set()
        self._epochs: dict[str, int] = {}
        self._finished: dict[int, RequestState] = {}
        self._ends: dict[tuple[str, int], float] = {}
        self._pairs: dict[tuple[int, int, str, int], tuple[float, Link]] = {}
        self._told_requests: dict[int, Request] = {}
        self._told_workers: dict[str, Worker] = {}
        self._steady: dict[tuple[str, int], float] = {}
        self._began: dict[tuple[str, int], float] = {}
        self._running: dict[tuple[str, int], float] = {}
        self._wrong: list[str] = []
        self.requests: dict[int, Request] = {}
        self.workers: dict[str, Worker] = {}
        self.checks = 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def heard(self, server: ServerProcess, changes: tuple[Change, ...]) -> None:
        """Take what a server tells its followers: the very records that it has decided on."""
        for change in changes:
            if change.request is not None:
                self._judge(change.event, change.request, server.clock.now())
                self._told_requests[change.request.id] = change.request
                self._note_end(change.request, server.clock.now())
            if change.event.kind is EventKind.WORKER_LOST:
                self._judge_loss(server, str(change.event.worker))
            if change.event.kind is EventKind.WORKER_DEREGISTERED:
                self._told_workers.pop(change.event.worker or "", None)
            elif change.worker is not None:
                self._told_workers[change.worker.uuid] = change.worker

    def check(self) -> None:
        """Raise BrokenPromiseError where a promise is broken."""
        self.checks += 1
        world = self._world
        wrong = [
            *self._wrong,
            *world.people.wrong,
            *chain.from_iterable(m.wrong for m in world.machines),
        ]
        wrong += [] if world.shared is None else world.shared.wrong
        wrong += [agent.rotten for agent in world.agents if agent.rotten]
        must(not wrong, "; ".join(wrong[:3]))
        self._read()
        self._one_job_each()
        self._nothing_is_lost()
        self._stored_as_told()
        self._secrets_are_erased()
        self._follow_journal()
        self._note_ends()
        self._boards_hold_one()
        self._sessions_end()
        leader, since = self.able()
        if leader is not None:
            self._in_time(leader, since)
            self._found_each_other(leader, since)
            self._ends_are_told(leader, since)

    def able(self) -> tuple[ServerProcess | None, float]:
        """Return the server that leads and has nothing in its way, and since when (loop's time)."""
        for server in self._world.servers:
            if not server.serving or server.process is None or not server.store.leading:
                continue
            disk, cut = server.disk, self._world.network.cut
            if server.process.stopped or disk.full or disk.broken or (server.host, DATABASE) in cut:
                continue
            if server.farm.relay.alive() is None:
                return server, server.disturbed
        return None, 0.0

    def _judge(self, event: Event, request: Request, now: datetime) -> None:
        """Note what a change must not do to a job that is lent."""
        job, settings = request.live_job, self._world.servers[0].settings
        before = self._told_requests.get(request.id)
        known = None if before is None else before.live_job
        # Later in the same job the farm's time may have been set back.
        if event.kind in LENDING and known is None and event.at < request.valid_after:
            self._wrong.append(f"request {request.id} is served before its time")
        if event.kind is EventKind.REQUEST_STARTED and job is not None:
            length = min(request.length or settings.job_timeout, settings.job_limit)
            # With a key of its own it counts from when the agent was told, which takes its time.
            telling = OPENED_WITHIN if request.ssh_key is not None else SOON
            if job.timeout - event.at < length - telling:
                self._wrong.append(f"request {request.id} gets {job.timeout - event.at}")
        if job is not None and job.timeout > job.limit + SOON:
            self._wrong.append(f"request {request.id} lasts past its limit")
        if event.kind is EventKind.REQUEST_UPDATED and known is not None and job is not None:
            end = asyncio.get_running_loop().time() + (job.timeout - now).total_seconds()
            was = self._steady.get((job.worker, job.epoch), end)
            if known.phase is job.phase is JobPhase.LIVE and abs(end - was) > 2.0:
                self._wrong.append(f"the end of request {request.id} moved by {end - was} s (I11)")
        if job is not None:
            end = asyncio.get_running_loop().time() + (job.timeout - now).total_seconds()
            self._steady[job.worker, job.epoch] = end
            self._began.setdefault((job.worker, job.epoch), asyncio.get_running_loop().time())
        self._judge_end(event, request)

    def _judge_end(self, event: Event, request: Request) -> None:
        """A job is not ended for its time before that has come; a late heartbeat may shorten it."""
        job = request.job
        if event.kind is not EventKind.REQUEST_FINISHED or job is None or request.reason != OVER:
            return
        machine = next(m for m in self._world.machines if m.uuid == job.worker)
        quiet = machine.reached_since < self._began.get((job.worker, job.epoch), 0.0)
        if quiet and event.at < job.timeout - SLACK:
            self._wrong.append(f"request {request.id} ended {job.timeout - event.at} early")

    def _judge_loss(self, server: ServerProcess, uuid: str) -> None:
        """Nobody is lost who was heard within the grace, by a server that could hear all along."""
        if len(self._world.servers) > 1:
            # Which of them was heard by counts, and who led when.
            return
        now, grace = asyncio.get_running_loop().time(), server.settings.lost_grace.total_seconds()
        machine = next(m for m in self._world.machines if m.uuid == uuid)
        beat = self._world.network.beats.get((machine.host, server.host), 0.0)
        if now - server.disturbed > grace and now - beat < grace - 1.0:
            self._wrong.append(f"{machine.name} is lost {now - beat} s after a heartbeat (I5)")

    def _read(self) -> None:
        fetch = self._records.driver.fetch
        found = map(REQUEST.record, fetch(STATEMENTS.requests))
        self.requests = {request.id: request for request in found}
        self.workers = {w.uuid: w for w in map(WORKER.record, fetch(STATEMENTS.workers))}

    def _one_job_each(self) -> None:
        one_job_each(self.requests, self.workers)
        for worker in self.workers.values():
            known = self._epochs.get(worker.uuid, 0)
            must(worker.epoch >= known, f"the epoch of {worker.name} fell (I2)")
            self._epochs[worker.uuid] = worker.epoch

    def _nothing_is_lost(self) -> None:
        numbers: dict[str, int] = {}
        for request in self.requests.values():
            number = (request.context or {}).get("number", "")
            must(number not in numbers, f"what was filed once is {request.id}, too (I8)")
            numbers[number] = request.id
            before = self._finished.get(request.id)
            must(before in (None, request.state), f"finished request {request.id} moved (I9)")
            if request.state.finished:
                self._finished[request.id] = request.state
        for filed in self._world.people.filed:
            if filed.id is None:
                continue
            kept = self.requests.get(filed.id)
            must(kept is not None, f"acknowledged request {filed.id} is gone (I6)")
            assert kept is not None
            must(numbers.get(str(filed.number)) == filed.id, f"{filed.id} is somebody else's (I7)")
            must(not filed.closed or kept.state.finished, f"closed request {filed.id} lives (I6)")
            seen = filed.keys and kept.state is RequestState.WAITING
            must(not seen, f"request {filed.id} waits again though its key was seen (I21)")

    def _stored_as_told(self) -> None:
        """Whatever followers were told is what is stored, to the last field."""
        for request_id, told in self._told_requests.items():
            kept = self.requests.get(request_id)
            if kept is None or kept.revision != told.revision:
                continue
            must(kept == told, f"request {request_id} is not stored as it was told: {kept} {told}")
        for uuid, worker in self._told_workers.items():
            found = self.workers.get(uuid)
            if found is None or found.revision != worker.revision:
                continue
            must(found == worker, f"{uuid} is not stored as it was told: {found} {worker}")
        rows = self._records.driver.fetch(STATEMENTS.unfinished)
        for brief in PackedRequests([rows] if rows else []).brief():
            if isinstance(brief, Waiting):
                must(brief[2:] == waiting_of(self.requests[brief.id]), f"{brief} is told wrongly")

    def _secrets_are_erased(self) -> None:
        for uuid, epoch in self._records.driver.fetch(
            "SELECT worker, epoch FROM session_keys WHERE sealed IS NOT NULL"
        ):
            worker = self.workers.get(uuid)
            lent = worker is not None and worker.epoch == epoch
            must(lent, f"a private key of {uuid} outlived its epoch {epoch} (I18)")
            must(
                lent and worker is not None and worker.state in KEYED,
                f"a private key of {uuid} outlived its job (I18)",
            )

    def _follow_journal(self) -> None:
        for event in self._records.events(self._number, 100_000):
            must(event.number == self._number + 1, "the journal has a gap")
            self._number = event.number
            self._follow(event)
        must(not self._to_fail, f"{self._to_fail} are noted as lost and go on (I5)")

    def _follow(self, event: Event) -> None:
        self._world.trace.note("event", event)
        if event.kind is EventKind.CLOCK_STEPPED:
            self._recovered.clear()
            self._came.clear()
        elif event.request_id is not None:
            state = RequestState(str(event.state))
            before = self._states.get(event.request_id)
            allowed = before in (None, state) or state in REQUEST_TRANSITIONS[before]
            must(allowed, f"{before} -> {event} (I9)")
            self._states[event.request_id] = state
        elif event.worker is not None:
            now = WorkerState(str(event.state))
            was = self._standing.get(event.worker)
            must(was in (None, now) or now in WORKER_TRANSITIONS[was], f"{was} -> {event} (I9)")
            self._standing[event.worker] = now
            if event.kind is EventKind.WORKER_LOST:
                self._lost.add(event.worker)
            elif event.kind in COMING and event.worker in self._lost:
                self._lost.discard(event.worker)
                self._came[event.worker] = event.at
            self._lost_is_failed(event, now)
            self._count_recoveries(event, was, now)
            if event.kind is EventKind.WORKER_DEREGISTERED:
                del self._standing[event.worker]
                self._recovered.pop(event.worker, None)

    def _lost_is_failed(self, event: Event, now: WorkerState) -> None:
        """A board that is noted as lost is FAILED by the same command, unless it is lent or rests.

        So one that is lost and PREPARE or BUSY was sent there by an admin later on: it waits for
        its agent until the time for that is over, which ``_in_time`` looks at.
        """
        uuid = str(event.worker)
        if uuid in self._to_fail:
            self._to_fail.discard(uuid)
            must(now is WorkerState.FAILED, f"{uuid} is lost, and {now} (I5)")
        if event.kind is EventKind.WORKER_LOST and now in NEEDING_AGENTS:
            self._to_fail.add(uuid)

    def _count_recoveries(self, event: Event, was: WorkerState | None, now: WorkerState) -> None:
        """A board that has recovered three times within the hour is put aside (flapping).

        Whoever takes it into service again has seen to it: the count starts over.
        """
        uuid, settings = str(event.worker), self._world.servers[0].settings
        if (was, now) == (WorkerState.MAINTENANCE, WorkerState.PREPARE):
            self._recovered.pop(uuid, None)
        elif (was, now) == (WorkerState.FAILED, WorkerState.PREPARE):
            self._recovering.add(uuid)
        elif now is WorkerState.IDLE and uuid in self._recovering:
            self._recovering.discard(uuid)
            recent = [at for at in self._recovered[uuid] if at > event.at - settings.flap_within]
            self._recovered[uuid] = [*recent, event.at]
            most = settings.flap_recoveries
            # Whoever is one minute early saw the first of them begin, not end.
            must(len(recent) < most + 1, f"{uuid} has flapped {len(recent) + 1} times")
        elif now not in (WorkerState.PREPARE, WorkerState.IDLE):
            self._recovering.discard(uuid)

    def _note_ends(self) -> None:
        """Note ends that were committed and not told, by the time of the server that leads."""
        for server in self._world.servers:
            if server.serving and server.store.leading:
                for request in self.requests.values():
                    self._note_end(request, server.clock.now())

    def _note_end(self, request: Request, now: datetime) -> None:
        """Note the latest end, on the steady clock, that the farm has wanted for a job."""
        job, settings = request.live_job, self._world.servers[0].settings
        if job is None:
            return
        wanted = max(job.timeout, job.wanted_timeout or job.timeout)
        left = (wanted - now).total_seconds()
        if job.phase is not JobPhase.LIVE:
            # Not handed over yet: it may last as long from then on.
            longest = settings.ready_timeout + settings.opening_timeout + SETTLING
            left += longest.total_seconds()
        key, steady = (job.worker, job.epoch), asyncio.get_running_loop().time()
        self._ends[key] = max(self._ends.get(key, 0.0), steady + left)

    def _boards_hold_one(self) -> None:
        """Nobody meets another's traces, nor is on a board that is lent to somebody else."""
        holders = {
            request.live_job.worker: (request, request.live_job)
            for request in self.requests.values()
            if request.live_job is not None
        }
        for agent in self._world.agents:
            machine = agent.machine
            met = machine.leftovers
            must(len(met) <= 1, f"users of {sorted(met)} met on {machine.name} (I3)")
            here = {visit.request for visit in machine.visits}
            must(here <= met, f"somebody is on {machine.name} who left no trace")
            worker = self.workers.get(machine.uuid)
            if worker is None:
                continue
            held = holders.get(machine.uuid)
            if held is not None and _confirmed(held[1]):
                must(
                    met <= {held[0].id},
                    f"{sorted(met)} was on {machine.name}, which is lent to {held[0].id} (I3)",
                )
            if held is not None and held[1].phase is JobPhase.READYING:
                must(not met, f"somebody was on {machine.name} before its hand-over (I3)")
                lost = worker.unreachable_since
                must(lost is None, f"{machine.name} is made ready and lost since {lost}")
            if held is not None:
                self._opens(agent, *held)
            if worker.state is WorkerState.MAINTENANCE and self._settled(agent):
                must(not met, f"{machine.name} is set aside with somebody's traces (I3)")
            if worker.state is WorkerState.IDLE and self._settled(agent):
                must(not met, f"{machine.name} is IDLE with somebody's traces (I3)")
                stored = machine.stored
                clean = stored is not None and stored.epoch == worker.epoch
                must(clean, f"{machine.name} is IDLE at {worker.epoch}, its agent elsewhere (I2)")

    def _opens(self, agent: AgentProcess, request: Request, job: Job) -> None:
        """Whoever has a board that confirmed his job gets in with his key, and nobody else."""
        fence, now = agent.fence, asyncio.get_running_loop().time()
        if fence is None or not _confirmed(job) or not self._settled(agent):
            return
        state = fence.state
        if state.phase is not Phase.GRANTED or state.epoch != job.epoch:
            return
        key = self._records.session_key(job.worker, job.epoch)
        mine = request.ssh_key or ("" if key is None else key.public)
        opens = agent.machine.opens(mine, now)
        must(opens, f"{agent.machine.name} does not open to {request.id}, which has it")

    def _settled(self, agent: AgentProcess) -> bool:
        """Tell whether what a board's agent knows and what the farm knows have met."""
        process = agent.process
        if process is None or process.stopped or agent.fence is None:
            return False
        for server in self._world.servers:
            if server.serving and server.hub.fenced(agent.machine.uuid) is not None:
                at = server.linked.get(agent.machine.host)
                now = asyncio.get_running_loop().time()
                return at is not None and at[0] is process and now - at[1] > SILENT_FOR
        return False

    def _sessions_end(self) -> None:
        """No relay lets anybody through, and no agent leaves anybody in, past a job's end (I4)."""
        now = asyncio.get_running_loop().time()
        for agent in self._world.agents:
            machine, fence = agent.machine, agent.fence
            state = None if fence is None else fence.state
            if state is not None and state.end is not None and state.phase is Phase.GRANTED:
                ends = state.end / machine.rate
                wanted = self._ends.get((machine.uuid, state.epoch), ends)
                later = ends - wanted
                must(later < MOST_SLACK, f"{machine.name} would end {later} s late (I4)")
                if machine.calm_since <= now and not (agent.process and agent.process.stopped):
                    must(now < ends + 10, f"{machine.name} has not ended its session (I4)")
                if machine.key_until is not None and machine.calm_since <= now:
                    late = machine.key_until - wanted
                    must(late < MOST_SLACK + 6, f"the key of {machine.name} lives {late} s more")
            for visit in machine.visits:
                last = self._ends.get((machine.uuid, visit.epoch), 0.0)
                must(
                    now <= last + MOST_SLACK + 1, f"{visit} is on {machine.name} past its end (I4)"
                )
        for server in self._world.servers:
            for worker, route in server.relay.routes.items():
                if route.entry.epoch is None or route.cut_at is None:
                    continue
                end = self._ends.get((worker, route.entry.epoch))
                if end is not None:
                    must(
                        route.cut_at <= end + MOST_SLACK + 1,
                        f"a relay lets {worker} live too long (I4)",
                    )

    def _in_time(self, server: ServerProcess, since: float) -> None:
        """What falls due is done, by a server that could."""
        now, steady = server.clock.now(), asyncio.get_running_loop().time()
        able = now - timedelta(seconds=steady - since)
        settings = server.settings

        def due(at: datetime, what: str, more: timedelta = timedelta()) -> None:
            must(now <= max(at, able) + more + SOON, f"{what} since {at}, now {now}, able {able}")

        for request in self.requests.values():
            job, name = request.live_job, f"request {request.id}"
            if request.state is RequestState.WAITING and (
                job is None or job.phase is not JobPhase.LIVE
            ):
                due(request.deadline, f"{name} outlives its deadline (I10)")
            if request.state is RequestState.WAITING and job is None and request.orphaned_since:
                due(request.orphaned_since + settings.invalid_after, f"{name} is hopeless (I17)")
            if job is None:
                continue
            if job.phase is JobPhase.READYING:
                limit = job.granted + settings.ready_timeout
                due(limit, f"{name} is never ready (I17)", SETTLING)
            if job.phase is JobPhase.OPENING:
                due(job.granted + settings.opening_timeout, f"{name} is never opened (I17)")
            if job.phase is JobPhase.LIVE:
                if job.unconfirmed:
                    due(job.granted + CONFIRMED_WITHIN, f"{name} is not confirmed (I21)")
                slack = SLACK + (job.timeout - job.granted) * SLACK_RATIO
                due(job.timeout + slack, f"{name} outlives its job's end (I10)")
                if job.keep_alive_until is not None:
                    due(job.keep_alive_until, f"{name} outlives its KeepAlive (I10)")
        gone = {
            agent.machine.uuid: max(agent.gone_since, agent.machine.reached_since, since)
            for agent in self._world.agents
            if agent.gone_since is not None
        }
        missed_within = (settings.lost_grace + SOON).total_seconds() + SILENCE
        for worker in self.workers.values():
            if worker.state in (WorkerState.PREPARE, WorkerState.BUSY):
                due(
                    worker.since + settings.prepare_timeout,
                    f"{worker.name} is {worker.state} (I17)",
                )
            if worker.unreachable_since is not None:
                must(worker.state is not WorkerState.IDLE, f"{worker.name} is lost and IDLE (I5)")
                continue
            if worker.state in (WorkerState.IDLE, WorkerState.PREPARE):
                silent = steady - gone.get(worker.uuid, steady)
                must(silent <= missed_within, f"{worker.name} has no agent for {silent} s (I5)")
            away = server.farm.fleet.away(worker.uuid)
            if worker.state in (WorkerState.IDLE, WorkerState.PREPARE) and away is not None:
                came = self._came.get(worker.uuid, able)
                lost = max(away, able, came) + settings.lost_grace
                due(lost, f"{worker.name} is lost and {worker.state} (I5)")

    def _ends_are_told(self, server: ServerProcess, since: float) -> None:
        """A job does not go on for a farm whose board has ended it, or lost it by a reboot."""
        now, running = asyncio.get_running_loop().time(), dict[tuple[str, int], float]()
        agents = {agent.machine.uuid: agent for agent in self._world.agents}
        for request in self.requests.values():
            job = request.live_job
            if job is None or not _confirmed(job):
                continue
            agent = agents[job.worker]
            fence = agent.fence
            if fence is None or not self._settled(agent) or agent.machine.calm_since > now:
                continue
            if fence.state.phase is Phase.GRANTED and fence.state.epoch == job.epoch:
                continue
            if server.hub.fenced(job.worker) is None or server.farm.fleet.link(job.worker) is None:
                continue
            key = (job.worker, job.epoch)
            linked = server.linked[agent.machine.host][1]
            first = running[key] = max(self._running.get(key, now), since, linked)
            must(now - first <= TOLD_WITHIN, f"request {request.id} runs on a board that ended it")
        self._running = running

    def _found_each_other(self, server: ServerProcess, since: float) -> None:
        """A waiting request and an idle board that fits it are joined (I17)."""
        steady, now = asyncio.get_running_loop().time(), server.clock.now()
        pairs: dict[tuple[int, int, str, int], tuple[float, Link]] = {}
        for request, worker in unserved(self.requests.values(), self.workers.values(), now):
            link = server.farm.fleet.link(worker.uuid)
            if link is None:
                continue
            key = (request.id, request.revision, worker.uuid, worker.revision)
            first, known = self._pairs.get(key, (steady, link))
            if known is not link or first < since:
                first = steady
            pairs[key] = (first, link)
            must(
                steady - first <= JOINED_WITHIN,
                f"request {request.id} and {worker.name} wait for each other (I17)",
            )
        self._pairs = pairs


LENDING = (
    EventKind.REQUEST_READYING,
    EventKind.REQUEST_OPENING,
    EventKind.REQUEST_STARTED,
)
COMING = (EventKind.WORKER_REGISTERED, EventKind.WORKER_BACK)
NEEDING_AGENTS = (WorkerState.IDLE, WorkerState.PREPARE, WorkerState.BUSY)
"""States out of which nothing but its agent brings a board."""

KEYED = (WorkerState.IDLE, WorkerState.RUNNING)
"""States in which a prepared board's private key may lie in the database."""


def _confirmed(job: Job) -> bool:
    return job.phase is JobPhase.LIVE and not job.unconfirmed


def waiting_of(request: Request) -> tuple[object, ...]:
    """Return how a request is told in brief, after its id and what it asks for."""
    return (
        request.priority,
        micros(request.created),
        micros(request.valid_after),
        micros(request.deadline),
        request.revision,
        None if request.orphaned_since is None else micros(request.orphaned_since),
        None if request.length is None else request.length // timedelta(microseconds=1),
    )


def one_job_each(requests: dict[int, Request], workers: dict[str, Worker]) -> dict[str, Request]:
    """Return who holds which worker; nobody holds what another does."""
    held: dict[str, Request] = {}
    for request in requests.values():
        job = request.live_job
        if request.state is RequestState.IN_PROGRESS:
            live = job is not None and job.phase is JobPhase.LIVE
            must(live, f"{request.id} runs without a LIVE job")
        if job is None:
            continue
        if request.state is RequestState.WAITING:
            must(job.phase is not JobPhase.LIVE, f"{request.id} waits with a LIVE job")
        must(not request.state.finished, f"{request.id} is finished and holds a worker")
        must(job.worker not in held, f"{job.worker} is lent twice (I1)")
        held[job.worker] = request
        worker = workers.get(job.worker)
        must(worker is not None, f"{job.worker} is held and gone")
        assert worker is not None
        running = worker.state is WorkerState.RUNNING
        must(running, f"{worker.name} is held and not RUNNING")
        must(worker.epoch == job.epoch, f"{worker.name} is held in another epoch")
    for worker in workers.values():
        if worker.state is WorkerState.RUNNING:
            must(worker.uuid in held, f"{worker.name} is RUNNING for nobody")
    return held


def unserved(
    requests: Iterable[Request], workers: Iterable[Worker], now: datetime | None = None
) -> list[tuple[Request, Worker]]:
    """Return waiting requests and idle workers that should have found each other by ``now``."""
    idle = [w for w in workers if w.state is WorkerState.IDLE and w.unreachable_since is None]
    return [
        (request, worker)
        for request in requests
        if request.state is RequestState.WAITING and request.live_job is None
        if now is None or request.valid_after <= now < request.deadline
        for worker in idle
        if request.required.items() <= worker.caps.items()
        and (request.selector is None or parse(request.selector).matches(worker.caps))
    ]

"""Thousands of random histories of a whole farm: every promise is checked after every step.

Boards answer late, never, badly, or do what they are told and lose the answer; agents vanish,
reboot and change; the server is killed and starts again; all under virtual time.
"""

import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.request import NewRequest, RequestUpdate
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.boards import Manner, SimulatedBoard
from boruta_farm.testing.loop import run_virtual
from boruta_farm.testing.simulation import SimulatedFarm
from tests.core.test_requests import ED25519
from tests.farm.invariants import Observer, read_all, unserved

READY = {"tool.image": "yes", "tool.boot": "yes"}
BOARDS = (
    ("00000000-0000-4000-8000-000000000001", {"arch": "arm", **READY}),
    ("00000000-0000-4000-8000-000000000002", {"arch": "arm", "hdmi": "yes", **READY}),
    ("00000000-0000-4000-8000-000000000003", {"arch": "riscv"}),
)
CAPS: tuple[dict[str, str], ...] = ({}, {"arch": "arm"}, {"arch": "riscv"}, {"hdmi": "yes"})
SETTINGS = FarmSettings(
    job_timeout=timedelta(minutes=10),
    job_limit=timedelta(minutes=25),
    invalid_after=timedelta(minutes=2),
    ready_timeout=timedelta(minutes=1),
)

BOARD_VERBS = (
    *("idle", "idle", "idle", "maintenance", "later", "drop", "connect", "connect", "reboot"),
    *("change", "forget", "manner", "manner", "fail", "deregister"),
    *("slow", "stuck", "unready"),
)
UNEXPECTED = ("internal", "illegal-transition")
"""Codes of refusals that can only be a fault of ours."""

number = st.integers(0, 11)
board = st.integers(0, len(BOARDS) - 1)


@dataclass(frozen=True)
class New:
    """File a request."""

    caps: int
    priority: int
    own_key: bool
    keep_alive: int | None
    image: bool
    start: float
    life: float


@dataclass(frozen=True)
class OnRequest:
    """Do something with one of the requests filed so far."""

    verb: str
    which: int


@dataclass(frozen=True)
class OnBoard:
    """Do something with a board."""

    verb: str
    which: int
    manner: Manner


@dataclass(frozen=True)
class Time:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True)
class Crash:
    """Kill the server and start it again."""

    down: float


new_requests = st.builds(
    New,
    caps=st.integers(0, len(CAPS) - 1),
    priority=st.integers(1, 3),
    own_key=st.booleans(),
    keep_alive=st.sampled_from([None, None, 30]),
    image=st.booleans(),
    start=st.sampled_from([0.0, 0.0, 45.0]),
    life=st.sampled_from([20.0, 300.0, 9000.0]),
)
request_steps = st.builds(
    OnRequest,
    verb=st.sampled_from(["close", "close", "update", "prolong", "acquire", "keep"]),
    which=number,
)
board_steps = st.builds(
    OnBoard,
    verb=st.sampled_from(BOARD_VERBS),
    which=board,
    manner=st.sampled_from(Manner),
)
times = st.builds(Time, seconds=st.sampled_from([0.05, 1.0, 4.0, 12.0, 35.0, 130.0, 700.0]))
crashes = st.builds(Crash, down=st.sampled_from([0.0, 5.0, 650.0]))
steps = st.lists(
    st.one_of(new_requests, new_requests, request_steps, board_steps, times, crashes),
    min_size=5,
    max_size=40,
)


class History:
    """Play a list of steps on a farm of three boards."""

    def __init__(self, folder: Path) -> None:
        self.farm = SimulatedFarm(folder / "farm.db", SETTINGS)
        self.observer = Observer(self.farm)
        self.boards = [
            SimulatedBoard(uuid=uuid, caps=dict(caps), name=f"board-{n}")
            for n, (uuid, caps) in enumerate(BOARDS)
        ]

    async def play(self, history: list[object]) -> None:
        """Start with every board idle, play, check after every step, then heal and check."""
        await self.farm.start()
        for one in self.boards:
            await self.farm.connect(one)
            await self.farm.farm.workers.set_state(LOCAL_ADMIN, one.uuid, WorkerState.IDLE)
        await self.farm.settle()
        for step in history:
            try:
                await self._do(step)
            except BorutaError as refusal:
                if refusal.code in UNEXPECTED:
                    raise
            await self.farm.settle()
            await self.observer.check()
        await self._heal()
        await self.farm.crash()

    async def _do(self, step: object) -> None:
        match step:
            case New():
                await self._file(step)
            case OnRequest():
                await self._on_request(step)
            case OnBoard():
                await self._on_board(step)
            case Time():
                await self.farm.settle(step.seconds)
            case Crash():
                await self.farm.crash()
                await self.farm.settle(step.down)
                await self.farm.start()
                await self.farm.settle(1.0)

    async def _file(self, step: New) -> None:
        now = self.farm.clock.now()
        request_id = (
            await self.farm.farm.requests.new_request(
                LOCAL_ADMIN,
                NewRequest(
                    caps=CAPS[step.caps],
                    priority=step.priority,
                    ssh_key=ED25519 if step.own_key else None,
                    keep_alive=step.keep_alive,
                    image="https://images.example/a.img" if step.image else None,
                    boot_until="login:" if step.image else None,
                    valid_after=now + timedelta(seconds=step.start),
                    deadline=now + timedelta(seconds=step.start + step.life),
                ),
            )
        ).id
        assert request_id not in self.observer.acknowledged, "an id was used twice (I7)"
        request = await self.farm.farm.requests.get_request_info(LOCAL_ADMIN, request_id)
        self.observer.acknowledged[request_id] = request.state

    async def _on_request(self, step: OnRequest) -> None:
        requests = self.farm.farm.requests
        request_id = step.which + 1
        match step.verb:
            case "close":
                await requests.close_request(LOCAL_ADMIN, request_id)
                closed = await requests.get_request_info(LOCAL_ADMIN, request_id)
                assert closed.state.finished, "an acknowledged close is not there (I6)"
            case "update":
                update = RequestUpdate(priority=1)
                await requests.update_request(LOCAL_ADMIN, request_id, update)
            case "prolong":
                end = await requests.prolong_access(LOCAL_ADMIN, request_id)
                job = (await requests.get_request_info(LOCAL_ADMIN, request_id)).job
                assert job is not None
                assert job.timeout >= end, "an acknowledged prolongation is not there (I6)"
            case "acquire":
                access = await requests.acquire_worker(LOCAL_ADMIN, request_id)
                again = await requests.acquire_worker(LOCAL_ADMIN, request_id)
                assert access == again
            case "keep":
                await requests.keep_alive(LOCAL_ADMIN, request_id)

    async def _on_board(self, step: OnBoard) -> None:
        one, workers = self.boards[step.which], self.farm.farm.workers
        match step.verb:
            case "idle":
                await workers.set_state(LOCAL_ADMIN, one.uuid, WorkerState.IDLE)
            case "maintenance" | "later":
                state, later = WorkerState.MAINTENANCE, step.verb == "later"
                await workers.set_state(LOCAL_ADMIN, one.uuid, state, "test", later)
            case "drop":
                self.farm.disconnect(one.uuid)
            case "connect":
                await self.farm.connect(one)
            case "reboot":
                self.farm.disconnect(one.uuid)
                one.reboot()
                await self.farm.connect(one)
            case "forget":
                self.farm.disconnect(one.uuid)
                one.wipe()
                one.epoch = one.cleaned = 0
                await self.farm.connect(one)
            case "change":
                one.caps["ram"] = str(int(one.caps.get("ram", "0")) + 1)
                await self.farm.connect(one)
            case "manner":
                one.manner = step.manner
            case "slow" | "stuck":
                one.ready_after, one.trouble = 50.0 if step.verb == "slow" else 1e9, None
            case "unready":
                one.ready_after, one.trouble = 3.0, "the image was not there"
            case "fail":
                await self.farm.farm.superviser.set_fail(one.uuid, "smoke")
            case "deregister":
                self.farm.disconnect(one.uuid)
                await workers.deregister(LOCAL_ADMIN, one.uuid)

    async def _heal(self) -> None:
        """Once boards behave, nothing stays in between and nobody waits for an idle board."""
        for one in self.boards:
            one.manner, one.ready_after = Manner.WELL, 1.0
            self.farm.disconnect(one.uuid)
            await self.farm.connect(one)
        await self.farm.settle(120)
        await self.observer.check()
        requests, workers = await read_all(self.farm)
        passing = (WorkerState.PREPARE, WorkerState.BUSY, WorkerState.FAILED)
        stuck = [w for w in workers.values() if w.state in passing]
        assert not stuck, f"boards that behave are stuck: {stuck}"
        assert not unserved(requests.values(), workers.values())


def play(history: list[object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run_virtual(History(Path(folder)).play(history))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=steps)
def test_promises_hold_in_random_histories(history: list[object]) -> None:
    play(history)


@pytest.mark.prove
@settings(
    max_examples=1000,
    derandomize=False,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(history=steps)
def test_promises_hold_in_thousands_of_histories(history: list[object]) -> None:
    play(history)

"""A whole farm under virtual time learns how long jobs last, and remembers it over a crash."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.explanation import Cause
from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.model.request import NewRequest, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.boards import SimulatedBoard
from boruta_farm.testing.loop import run_virtual
from boruta_farm.testing.simulation import SimulatedFarm

UUID = "00000000-0000-4000-8000-00000000000{}"
ARM = NewRequest(caps={"arch": "arm"}, priority=8)
BOB = replace(LOCAL_ADMIN, id="bob", name="bob")


def play(
    path: Path,
    script: Callable[[SimulatedFarm], Awaitable[None]],
    policies: Policies | None = None,
    boards: int = 1,
) -> None:
    """Run a script in a farm with idle boards."""

    async def main() -> None:
        settings = FarmSettings(policies=policies or Policies())
        farm = SimulatedFarm(path / "farm.db", settings)
        await farm.start()
        for number in range(boards):
            uuid = UUID.format(number)
            await farm.connect(SimulatedBoard(uuid=uuid, caps={"UUID": uuid, "arch": "arm"}))
            await farm.farm.workers.set_state(LOCAL_ADMIN, uuid, WorkerState.IDLE)
        await farm.settle(5)
        try:
            await script(farm)
        finally:
            await farm.crash()

    run_virtual(main())


def test_what_was_learnt_survives_a_crash_and_foretells_the_next_start(tmp_path: Path) -> None:
    async def script(farm: SimulatedFarm) -> None:
        for _ in range(5):
            request_id = (await farm.farm.requests.new_request(LOCAL_ADMIN, ARM)).id
            await farm.settle(600)
            await farm.farm.requests.close_request(LOCAL_ADMIN, request_id)
            await farm.settle(5)
        await farm.farm.requests.new_request(LOCAL_ADMIN, ARM)
        waiting = (await farm.farm.requests.new_request(LOCAL_ADMIN, ARM)).id
        await farm.settle(1)
        await farm.crash()
        await farm.start()
        await farm.settle(1)
        found = await farm.farm.requests.explain(LOCAL_ADMIN, waiting)
        assert found.cause is Cause.BUSY
        assert found.forecast is not None
        wait = found.forecast.earliest - farm.clock.now()
        assert timedelta(minutes=8) < wait < timedelta(minutes=11)
        assert found.forecast.latest - farm.clock.now() < timedelta(minutes=13)

    play(tmp_path, script)


def test_ranges_told_come_true_for_most_starts_and_the_share_is_told(tmp_path: Path) -> None:
    async def script(farm: SimulatedFarm) -> None:
        dice = random.Random(7)
        requests = farm.farm.requests
        waiting: list[int] = []
        for _ in range(60):
            while len(waiting) < 4:
                waiting.append((await requests.new_request(LOCAL_ADMIN, ARM)).id)
                await farm.settle(1)
                await requests.explain(LOCAL_ADMIN, waiting[-1])
            running = waiting.pop(0)
            assert (
                await requests.get_request_info(LOCAL_ADMIN, running)
            ).state is RequestState.IN_PROGRESS
            await farm.settle(dice.uniform(300, 900))
            await requests.close_request(LOCAL_ADMIN, running)
            await farm.settle(5)
        found = await requests.explain(LOCAL_ADMIN, waiting[-1])
        assert found.forecast is not None
        assert found.forecast.of > 50
        assert found.forecast.hits / found.forecast.of > 0.75

    play(tmp_path, script)


def test_under_a_fair_share_a_restart_forgets_nobody_s_use(tmp_path: Path) -> None:
    async def script(farm: SimulatedFarm) -> None:
        requests = farm.farm.requests
        first = (await requests.new_request(LOCAL_ADMIN, ARM)).id
        await farm.settle(600)
        await requests.close_request(LOCAL_ADMIN, first)
        await farm.settle(5)
        running = (await requests.new_request(LOCAL_ADMIN, ARM)).id
        await farm.settle(1)
        older = (await requests.new_request(LOCAL_ADMIN, ARM)).id
        newer = (await requests.new_request(BOB, ARM)).id
        await farm.crash()
        await farm.start()
        await farm.settle(1)
        found = await farm.farm.requests.explain(LOCAL_ADMIN, older)
        assert (found.position, found.decided) == (2, "fair share between owners")
        await farm.farm.requests.close_request(LOCAL_ADMIN, running)
        await farm.settle(5)
        state = (await farm.farm.requests.get_request_info(BOB, newer)).state
        assert state is RequestState.IN_PROGRESS

    play(tmp_path, script, Policies(fair_share=FairShare.OWNERS))


def test_a_limit_lets_others_pass_and_the_answer_says_so(tmp_path: Path) -> None:
    async def script(farm: SimulatedFarm) -> None:
        requests = farm.farm.requests
        for _ in range(2):
            held = (await requests.new_request(LOCAL_ADMIN, ARM)).id
        other = (await requests.new_request(BOB, ARM)).id
        await farm.settle(1)
        outlook = await requests.explain(LOCAL_ADMIN, held, brief=True)
        assert (outlook.cause, outlook.decided) == (Cause.LIMIT, "limit of jobs per owner")
        state = (await requests.get_request_info(BOB, other)).state
        assert state is RequestState.IN_PROGRESS

    play(tmp_path, script, Policies(owner_limit=1), boards=2)

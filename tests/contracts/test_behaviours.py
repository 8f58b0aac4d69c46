"""What users of such systems rely on, through every implementation of the contracts.

The last of them, an unreachable server named in clear words with exit status 1, is told in
``tests/cli/test_version.py``.
"""

from boruta_farm.model.request import NewRequest
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.boards import Manner, SimulatedBoard
from tests.contracts.scene import scene
from tests.contracts.stage import CALLER, UUID, Stage

ARM = {"arch": "arm"}


async def board_of(stage: Stage, request_id: int) -> str:
    """Return the name of the board that a request has."""
    request = await stage.requests.get_request_info(CALLER, request_id)
    assert request.job is not None
    return (await stage.workers.get_worker_info(CALLER, request.job.worker)).name


async def wake(stage: Stage, *numbers: int) -> None:
    """Make boards IDLE at once."""
    for number in numbers:
        await stage.workers.set_state(CALLER, UUID.format(number), WorkerState.IDLE)
    await stage.farm.settle()


@scene
async def test_the_order_of_input_does_not_matter_for_exact_demands(stage: Stage) -> None:
    await stage.board(2, {"board": "rpi4"}, idle=False)
    await stage.board(1, {"board": "rpi3"}, idle=False)
    first = await stage.filed({"board": "rpi4"})
    second = await stage.filed({"board": "rpi3"})
    await wake(stage, 1, 2)
    assert await board_of(stage, first) == "board-2"
    assert await board_of(stage, second) == "board-1"


@scene
async def test_a_flexible_request_leaves_the_scarce_board_to_the_specific_one(stage: Stage) -> None:
    await stage.board(1, ARM | {"hdmi": "yes"})
    await stage.board(2, ARM)
    flexible = (
        await stage.requests.new_request(
            CALLER, NewRequest(caps={}, selector="arch in (arm, arm64)", priority=8)
        )
    ).id
    specific = await stage.filed(ARM | {"hdmi": "yes"})
    assert await board_of(stage, flexible) == "board-2"
    assert await board_of(stage, specific) == "board-1"


@scene
async def test_on_contention_the_first_in_order_wins_and_release_hands_on(stage: Stage) -> None:
    board = await stage.board(1, ARM)
    held = await stage.filed(ARM)
    late = await stage.filed(ARM, priority=9)
    soon = await stage.filed(ARM, priority=8)
    assert [await stage.state(n) for n in (held, late, soon)] == [
        "IN PROGRESS",
        "WAITING",
        "WAITING",
    ]
    await stage.requests.close_request(CALLER, held)
    await stage.farm.settle()
    assert await board_of(stage, soon) == board.name
    assert await stage.state(late) == "WAITING"
    await stage.requests.close_request(CALLER, soon)
    await stage.farm.settle()
    assert await board_of(stage, late) == board.name


@scene
async def test_a_board_that_cannot_be_prepared_fails_with_a_visible_reason(stage: Stage) -> None:
    board = SimulatedBoard(uuid=UUID.format(1), caps=dict(ARM), manner=Manner.BADLY)
    await stage.farm.connect(board)
    waiting = await stage.filed(ARM)
    await wake(stage, 1)
    worker = await stage.workers.get_worker_info(CALLER, board.uuid)
    assert worker.state is WorkerState.FAILED
    assert worker.reason
    assert await stage.state(waiting) == "WAITING", "nobody is given a board that is not ready"


@scene
async def test_a_restarted_agent_keeps_the_lease(stage: Stage) -> None:
    board = await stage.board(1, ARM)
    held = await stage.filed(ARM)
    before = await stage.requests.acquire_worker(CALLER, held)
    stage.farm.disconnect(board.uuid)
    await stage.farm.settle(3)
    await stage.farm.connect(board)
    await stage.farm.settle(3)
    assert await stage.state(held) == "IN PROGRESS"
    assert await stage.requests.acquire_worker(CALLER, held) == before


@scene
async def test_a_frozen_agent_is_noticed_and_its_board_not_lent(stage: Stage) -> None:
    board = await stage.board(1, ARM)
    stage.farm.disconnect(board.uuid)
    await stage.farm.settle(40)
    worker = await stage.workers.get_worker_info(CALLER, board.uuid)
    assert worker.state is WorkerState.FAILED
    assert worker.reason == "its agent is out of reach"
    assert await stage.state(await stage.filed(ARM)) == "WAITING"

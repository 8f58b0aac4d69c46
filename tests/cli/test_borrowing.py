"""A board in MAINTENANCE is borrowed, operated and given back, by the real command."""

import asyncio
import shutil
import sys

import pytest

from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing import LocalFarm

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="openssh-client is missing")
WITHIN = 60.0


async def boruta(*words: str) -> tuple[int, str]:
    """Run the command and return its status and all that it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "boruta_farm.cli", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), WITHIN)
    assert process.returncode is not None
    return process.returncode, output.decode()


@pytest.mark.prove
async def test_a_board_in_maintenance_is_operated_and_stays_there(local_farm: LocalFarm) -> None:
    await asyncio.to_thread(local_farm.set_aside, "rpi4", "new fan")
    await asyncio.to_thread(local_farm.settle)
    [before] = await asyncio.to_thread(local_farm.boards)
    try:
        status, told = await boruta("worker", "borrow", "rpi4", "--", "dut power on && dut power")
        assert status == 0, told
        assert "\non, " in told
        await asyncio.to_thread(local_farm.settle)
        [after] = await asyncio.to_thread(local_farm.boards)
        assert (after.state, after.reason) == (WorkerState.MAINTENANCE, "new fan")
        assert after.epoch == before.epoch + 2
        newest = await asyncio.to_thread(last_request, local_farm)
        assert newest.borrows
        assert newest.state is RequestState.DONE
    finally:
        await asyncio.to_thread(local_farm.take_back, "rpi4")
    status, told = await boruta("worker", "borrow", "rpi4", "--", "true")
    assert status == 255
    assert "it is in service: boruta ssh rpi4" in told


def last_request(local_farm: LocalFarm) -> Request:
    """Return the request that was filed last."""
    with local_farm.connected() as (api, bridge):
        page = bridge.run(api.requests.list_requests(api.caller))
    return max(page.items, key=lambda request: request.id)

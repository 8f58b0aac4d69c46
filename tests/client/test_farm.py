from datetime import UTC, datetime, timedelta

from boruta_farm.client.farm import Farm
from boruta_farm.client.watch import Resync
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.events import Event
from boruta_farm.model.version import Version
from boruta_farm.model.worker import WorkerState
from tests.client.serving import Served
from tests.web.serving import VERSION


async def test_version(farm: Farm) -> None:
    assert await farm.version() == Version(server=VERSION, api="v1", api_state="devel")


async def test_time_is_the_servers(farm: Farm) -> None:
    await farm.version()
    assert abs(farm.now() - datetime.now(UTC)) < timedelta(seconds=5)


async def test_events_over_a_real_connection_that_breaks(farm: Farm, served: Served) -> None:
    worker = served.board(1, "lab", state=WorkerState.MAINTENANCE)
    seen: list[str | None] = []
    async with farm.watch(worker=worker) as happenings:
        async for happening in happenings:
            if isinstance(happening, Resync):
                state = WorkerState.MAINTENANCE if seen else WorkerState.IDLE
                served.do(served.contracts.workers.set_state(LOCAL_ADMIN, worker, state))
            if isinstance(happening, Event):
                seen.append(happening.state)
                if happening.state == "MAINTENANCE":
                    break
                if happening.state == "IDLE":
                    served.cut()
    assert seen == ["PREPARE", "IDLE", "BUSY", "MAINTENANCE"]

from datetime import UTC, datetime, timedelta
from functools import partial

from boruta_farm.client.farm import Farm
from boruta_farm.client.watch import Resync
from boruta_farm.model.answers import Version
from boruta_farm.model.events import Event
from tests.client.fakes import FakeFarm
from tests.client.serving import Served


async def test_version(farm: Farm) -> None:
    assert await farm.version() == Version(server="0.3.0", api="v1", api_state="devel")


async def test_time_is_the_servers(farm: Farm) -> None:
    await farm.version()
    assert abs(farm.now() - datetime.now(UTC)) < timedelta(seconds=5)


async def test_events_over_a_real_connection_that_breaks(farm: Farm, served: Served) -> None:
    worker = served.do(lambda fake: fake.add_worker(1, "lab"))
    seen: list[str | None] = []
    async with farm.watch(worker=worker["WorkerUUID"]) as happenings:
        async for happening in happenings:
            if isinstance(happening, Resync):
                state = "FAILED" if seen else "RUNNING"
                served.do(partial(FakeFarm.set_worker, uuid=worker["WorkerUUID"], state=state))
            if isinstance(happening, Event):
                seen.append(happening.state)
                if len(seen) == 2:
                    break
                served.do(lambda fake: fake.send(None))
    assert seen == ["RUNNING", "FAILED"]

"""A standby that takes over: what commits waited for is there, and what is lost is told."""

from collections.abc import Iterator

import pytest

from boruta_farm.clock import SystemClock
from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.postgres import PostgresStore
from tests.store.making import creating
from tests.store.postgres_server import NoServerError
from tests.store.standby import Pair, replicated

pytestmark = pytest.mark.prove


@pytest.fixture
def pair() -> Iterator[Pair]:
    try:
        with replicated() as both:
            yield both
    except NoServerError as reason:
        pytest.skip(str(reason))


async def opened(pair: Pair) -> PostgresStore:
    store = PostgresStore(pair.database("farm"), SystemClock(), FarmSettings())
    await store.start()
    return store


async def refused(store: PostgresStore) -> None:
    with pytest.raises(UnavailableError):
        await store.execute(creating())


async def test_what_commits_waited_for_is_there(pair: Pair) -> None:
    pair.be_synchronous()
    store = await opened(pair)
    assert store.at_risk() is None
    assert [await store.execute(creating()) for _ in range(20)] == list(range(1, 21))
    pair.first.kill()
    await refused(store)
    pair.fail_over()
    assert await store.execute(creating()) == 21
    assert [event.number for event in await store.events(0, 99)] == list(range(1, 22))
    await store.close()


async def test_what_is_lost_is_told_and_nothing_of_it_is_believed(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    store = await opened(pair)
    assert "synchronous_standby_names is empty" in (store.at_risk() or "")
    assert "synchronous_standby_names is empty" in caplog.text
    doubts: list[None] = []
    store.on_doubt(lambda: doubts.append(None))
    assert await store.execute(creating()) == 1
    pair.cut()
    assert await store.execute(creating(priority=3)) == 2
    lost = await store.get_request(2)
    assert lost is not None
    assert lost.priority == 3
    pair.first.kill()
    await refused(store)
    pair.fail_over()
    assert await store.execute(creating(priority=9)) == 2
    assert doubts, "followers start over"
    assert "has lost what was committed last" in caplog.text
    found = await store.get_request(2)
    assert found is not None
    assert found.priority == 9, "not what the lost one said under the same revision"
    await store.close()

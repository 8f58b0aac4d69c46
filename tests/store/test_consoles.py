"""What consoles said is kept with its request, once however often it is told, and pruned."""

from datetime import datetime, timedelta

from boruta_farm.model.console import ConsoleChunk, ConsoleLog
from boruta_farm.model.events import EventKind
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.base import Decide, Transaction
from boruta_farm.store.database import DatabaseStore
from tests.store.farms import Farm
from tests.store.making import HandClock, make_request

DAY = timedelta(days=1)


def chunk(sequence: int, content: str = "eJw=", console: str = "uart") -> ConsoleChunk:
    return ConsoleChunk(console=console, sequence=sequence, count=2, dropped=7, content=content)


def keep(request_id: int, epoch: int, *chunks: ConsoleChunk) -> Decide[None]:
    def decide(tx: Transaction, _: datetime) -> None:
        for one in chunks:
            tx.save_console(request_id, epoch, one)

    return decide


async def test_parts_are_kept_once_and_read_back_after_a_new_start(farm: Farm) -> None:
    store = await farm.open()
    await store.execute(keep(1, 5, chunk(0, "first")))
    (log,) = await store.console_logs(1)
    assert log == ConsoleLog(
        request_id=1, epoch=5, console="uart", count=2, dropped=7, complete=False
    )
    assert await store.console_chunk(log, 1) is None
    await store.execute(keep(1, 5, chunk(0, "another"), chunk(1, "second"), chunk(0, console="b")))
    store = await farm.reopen()
    other, log = await store.console_logs(1)
    assert (other.console, log.console, log.complete) == ("b", "uart", True)
    assert [await store.console_chunk(log, n) for n in (0, 1, 2)] == ["first", "second", None]
    assert await store.console_logs(2) == ()
    assert await store.console_logs(2**80) == ()


async def test_old_logs_and_those_beyond_the_bound_go_wholly(farm: Farm, clock: HandClock) -> None:
    store = await farm.open()
    for number in range(1, 5):
        await store.execute(keep(number, 1, chunk(0), chunk(1)))
        clock.advance(40 * DAY)
    await _touch(store)
    assert [number for number in range(1, 5) if await store.console_logs(number)] == [3, 4]
    store = await farm.reopen(FarmSettings(console_keep=0 * DAY, console_bytes=1))
    for number in range(5, 8):
        await store.execute(keep(number, 1, *(chunk(n, "x" * 300_000) for n in range(2))))
        clock.advance(DAY)
    await _touch(store)
    assert [number for number in range(1, 8) if await store.console_logs(number)] == [7]


async def _touch(store: DatabaseStore) -> None:
    await store.execute(
        lambda tx, _: tx.save_request(make_request(tx.next_request_id()), EventKind.REQUEST_CREATED)
    )

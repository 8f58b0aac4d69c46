"""The writer for virtual clocks."""

import asyncio
from datetime import timedelta

from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.store.writer import InlineWriter
from tests.store.making import HandClock, creating


async def test_the_inline_writer_runs_at_once_and_shares_the_loop(clock: HandClock) -> None:
    store = SqliteStore(":memory:", clock, FarmSettings(), inline=True)
    await store.start()
    try:
        assert isinstance(store._writer, InlineWriter)
        turns: list[str] = []
        asyncio.get_running_loop().call_soon(turns.append, "another")
        store.listen(lambda changes: turns.append("told"))
        assert await store.execute(creating()) == 1
        assert turns == ["told", "another"]
        assert store.alive(clock.now() + timedelta(days=1)) is None
        assert await store.get_request(1) is not None
    finally:
        await store.close()

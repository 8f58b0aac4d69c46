"""An ended job's log goes over the link in parts; an older server has none of it."""

import asyncio

import pytest

from boruta_farm.link import versions
from boruta_farm.model.console import LONGEST_CHUNK, ConsoleChunk
from boruta_farm.testing.loop import run_virtual
from tests.link.links import UUID, FakeUser, Wires

CHUNK = ConsoleChunk(console="uart", sequence=0, count=2, dropped=3, content="x" * LONGEST_CHUNK)


@pytest.mark.parametrize("older", [False, True])
def test_parts_are_told_to_servers_that_take_them(
    older: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        wires = Wires()
        user = FakeUser()
        user.adopting.set()
        wires.agent(user)
        await wires.ready()
        await asyncio.sleep(1)
        assert user.farm is not None
        assert await user.farm.console(4, CHUNK) is not older
        assert wires.farm.consoles == ([] if older else [(UUID, 4, CHUNK)])
        await wires.close()

    if older:
        monkeypatch.setattr("boruta_farm.link.connection.agree", lambda *_: versions.OLDEST)
    run_virtual(scene())

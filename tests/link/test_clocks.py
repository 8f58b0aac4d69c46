"""A board's clock that is wrong is told in both logs and with the board's facts, while it is."""

import asyncio
from datetime import timedelta

import pytest

from boruta_farm.link.clocks import apart
from boruta_farm.link.messages import Heartbeat, read
from boruta_farm.model.errors import ProtocolError
from boruta_farm.model.worker import CLOCK_FACT
from boruta_farm.testing.loop import run_virtual
from tests.link.links import UUID, FakeUser, Wires


def test_words() -> None:
    assert apart(92.7).startswith("93 s ahead of the farm's; set it by a time server")
    assert apart(-3e8).startswith("300000000 s behind the farm's")


@pytest.mark.parametrize("ahead", [-1.8e9, -6.0, 6.0, 4e9])
def test_a_clock_that_is_wrong_is_told_until_it_is_right(
    ahead: float, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        wires = Wires()
        wires.clock.wall_ahead = timedelta(seconds=ahead)
        wires.agent(FakeUser())
        await wires.ready()
        await asyncio.sleep(60)
        ((uuid, facts),) = wires.farm.facts
        assert uuid == UUID
        assert facts["Load"] == "0.1"
        assert ("ahead" if ahead > 0 else "behind") in facts[CLOCK_FACT]
        told = [r.message for r in caplog.records if "clock" in r.message]
        assert [words.partition(" is ")[0] for words in told] == [
            f"the clock of board {UUID}",
            "this board's clock",
        ]
        wires.clock.wall_ahead = timedelta(seconds=4)
        await asyncio.sleep(10)
        assert wires.farm.facts[1:] == [(UUID, {"Load": "0.1"})]
        await wires.close()

    with caplog.at_level("WARNING"):
        run_virtual(scene())


def test_a_clock_that_agrees_is_not_told() -> None:
    async def scene() -> None:
        wires = Wires()
        wires.clock.wall_ahead = timedelta(seconds=-4)
        wires.agent(FakeUser())
        await wires.ready()
        await asyncio.sleep(60)
        assert wires.farm.facts == []
        await wires.close()

    run_virtual(scene())


def test_older_agents_show_no_clock() -> None:
    assert read(Heartbeat, {"sequence": 1, "ready": True}).clock is None
    with pytest.raises(ProtocolError, match="clock"):
        read(Heartbeat, {"sequence": 1, "ready": True, "clock": 2**60})

"""Facts about a board travel at registration and whenever its agent likes, within limits."""

import asyncio

import pytest

from boruta_farm.link.agent import FarmEnd
from boruta_farm.link.messages import MOST_FACTS
from boruta_farm.model.errors import RefusedError
from boruta_farm.testing.loop import run_virtual
from tests.link.links import UUID, FakeUser, Wires


async def connected() -> tuple[Wires, FarmEnd]:
    """Return the wires, and the farm as a registered agent has it."""
    wires, user = Wires(), FakeUser()
    wires.agent(user)
    user.adopting.set()
    await wires.ready()
    await asyncio.sleep(1)
    assert user.farm is not None
    return wires, user.farm


def test_facts_are_told_anew() -> None:
    async def scene() -> None:
        wires, farm = await connected()
        assert wires.farm.registrations[0].facts == {"Load": "0.1"}
        await farm.describe({"Load": "3.0", "Odd\0": "x" * 1000})
        assert wires.farm.facts == [(UUID, {"Load": "3.0", "Odd?": "x" * 400})]
        await wires.close()

    run_virtual(scene())


def test_facts_that_come_too_often_are_refused() -> None:
    async def scene() -> None:
        wires, farm = await connected()
        await farm.describe({"Load": "1"})
        with pytest.raises(RefusedError, match="once in 10 s"):
            await farm.describe({"Load": "2"})
        await asyncio.sleep(10)
        await farm.describe({f"n{number}": "x" for number in range(100)})
        assert [len(facts) for _, facts in wires.farm.facts] == [1, MOST_FACTS]
        await wires.close()

    run_virtual(scene())

"""Turns at the door: one guest's many wishes do not stand before another's one."""

import asyncio

import pytest

from boruta_farm.frontdoor.turns import Turns


async def test_one_guest_waits_in_his_order_and_another_does_not() -> None:
    turns, begun, end = Turns(at_once=2), list[str](), asyncio.Event()

    async def wish(who: str, name: str) -> None:
        async with turns.of(who):
            begun.append(name)
            await end.wait()

    async with asyncio.TaskGroup() as group:
        first = [group.create_task(wish("ann", f"ann {number}")) for number in range(4)]
        group.create_task(wish("bob", "bob 0"))
        for _ in range(3):
            await asyncio.sleep(0)
        assert begun == ["ann 0", "ann 1", "bob 0"]
        first[2].cancel()
        end.set()
    assert begun == ["ann 0", "ann 1", "bob 0", "ann 3"]


async def test_a_turn_that_fails_is_free_again() -> None:
    turns = Turns(at_once=1)
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            async with turns.of("ann"):
                raise ValueError("no")

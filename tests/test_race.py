import asyncio

import pytest

from boruta_farm.race import race


class Runner:
    """Run until it is let, and tell how it ended; may raise as it is ended."""

    def __init__(self, *, fails: str = "", fails_ended: str = "") -> None:
        self.began = asyncio.Event()
        self.let = asyncio.Event()
        self.ended = ""
        self._fails = fails
        self._fails_ended = fails_ended

    async def go(self) -> None:
        self.began.set()
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.ended = "cancelled"
            if self._fails_ended:
                raise ValueError(self._fails_ended) from None
            raise
        self.ended = "by itself"
        if self._fails:
            raise ValueError(self._fails)


async def test_the_first_to_end_ends_the_others() -> None:
    runners = Runner(), Runner(), Runner()
    runners[1].let.set()
    await race(*(runner.go() for runner in runners))
    assert [runner.ended for runner in runners] == ["cancelled", "by itself", "cancelled"]


async def test_what_the_first_one_raises_is_raised_whatever_ending_the_others_does() -> None:
    other, first = Runner(fails_ended="no clean end"), Runner(fails="the first")
    first.let.set()
    with pytest.raises(ValueError, match="the first"):
        await race(other.go(), first.go())
    assert other.ended == "cancelled"


async def test_of_two_that_end_at_once_the_one_that_is_named_first_is_heard() -> None:
    runners = [Runner(fails=name) for name in "abc"]
    for runner in runners:
        runner.let.set()
    with pytest.raises(ValueError, match="a"):
        await race(*(runner.go() for runner in runners))


async def test_one_that_cannot_be_ended_cleanly_is_told() -> None:
    other, first = Runner(fails_ended="no clean end"), Runner()
    first.let.set()
    with pytest.raises(ValueError, match="no clean end"):
        await race(other.go(), first.go())


async def test_who_is_cancelled_ends_all() -> None:
    runners = Runner(), Runner()
    racing = asyncio.create_task(race(*(runner.go() for runner in runners)))
    for runner in runners:
        await runner.began.wait()
    racing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await racing
    assert [runner.ended for runner in runners] == ["cancelled", "cancelled"]

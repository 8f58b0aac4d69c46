"""One operation at a time, within limits; what is called off ends in words, not in silence."""

import asyncio

import pytest

from boruta_farm.dryad.handling import INTERRUPTED, BoardTurn, handle
from boruta_farm.dryad.stm.errors import SilenceError
from boruta_farm.model.errors import BoardError, InvalidError, UnavailableError
from boruta_farm.testing.loop import run_virtual


@pytest.mark.parametrize("error", [SilenceError("no reply"), InvalidError("no such colour")])
def test_every_failure_of_a_driver_has_a_name_that_the_farm_knows(error: Exception) -> None:
    async def fail() -> None:
        raise error

    async def main() -> None:
        with pytest.raises(BoardError) as caught:
            await handle("healthcheck", 1.0, fail)
        assert type(caught.value) is BoardError

    asyncio.run(main())


def test_an_operation_that_takes_too_long_is_named() -> None:
    async def main() -> None:
        with pytest.raises(BoardError, match="clean: the board took longer than 300 s"):
            await handle("clean", 300.0, asyncio.Event().wait)

    run_virtual(main())


def test_a_look_called_off_before_it_began_has_begun_nothing() -> None:
    """A coroutine made too early would be left behind, with a warning in the agent's log."""
    begun: list[str] = []

    async def look() -> None:
        begun.append("look")

    async def change() -> str:
        begun.append("change")
        return "changed"

    async def main() -> None:
        turn = BoardTurn()
        looking = asyncio.create_task(turn.look(lambda: handle("facts", 1.0, look)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert turn._look is not None
        assert await turn.take(change) == "changed"
        with pytest.raises(UnavailableError, match=INTERRUPTED):
            await looking
        assert begun == ["change"]
        await turn.close()

    run_virtual(main())


def test_the_failure_of_an_operation_nobody_waits_for_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        turn = BoardTurn()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await turn.take(lambda: handle("clean", 300.0, asyncio.Event().wait))
        await asyncio.sleep(300)
        await turn.close()

    run_virtual(main())
    told = [record for record in caplog.records if record.name == "boruta_farm.dryad.handling"]
    assert [record.getMessage() for record in told] == [
        "an operation that nobody waits for any more failed:"
        " clean: the board took longer than 300 s"
    ]

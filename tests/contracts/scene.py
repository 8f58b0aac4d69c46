"""Play a test on a stage, under virtual time."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from boruta_farm.testing.loop import run_virtual
from tests.contracts.stage import Opening, Stage

Scene = Callable[[Stage], Coroutine[Any, Any, None]]


def scene(play: Scene) -> Callable[[Opening, Path], None]:
    """Turn ``async def test_...(stage)`` into a test of every implementation."""

    def test(opening: Opening, tmp_path: Path) -> None:
        async def run() -> None:
            async with opening(tmp_path) as stage:
                await play(stage)

        run_virtual(run())

    test.__doc__ = play.__doc__
    return test

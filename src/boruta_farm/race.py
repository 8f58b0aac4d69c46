"""Run tasks that live and die together."""

import asyncio
from collections.abc import Awaitable


async def race(*works: Awaitable[object]) -> None:
    """Run all until the first one ends, and end the others.

    Raises what the first one raised, else what another did while it was ended.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    first: list[asyncio.Task[object]] = []
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        first = [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in (*first, *tasks):
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            raise error

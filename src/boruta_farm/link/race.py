"""Run tasks that live and die together."""

import asyncio
from collections.abc import Awaitable


async def race(*works: Awaitable[object]) -> None:
    """Run all until the first one ends, cancel the others, raise what any of them raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome

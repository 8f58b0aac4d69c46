"""Wait for the end of processes."""

import asyncio
import os

WITHIN = 60.0


async def gone(pid: int) -> None:
    """Return when a process has ended. Raises TimeoutError when it does not."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        async with asyncio.timeout(WITHIN):
            await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)

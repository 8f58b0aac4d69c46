"""Network namespaces for tests, each held by a process that ends with the block."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


async def run(*command: str) -> None:
    """Run a command to its good end."""
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0, command


def inside(holder: int) -> tuple[str, ...]:
    """Return the words that lead a command into the namespace of a process."""
    return ("nsenter", "-t", str(holder), "-n")


@asynccontextmanager
async def network_namespace() -> AsyncIterator[int]:
    """Hold a network namespace; give the process that holds it."""
    holder = await asyncio.create_subprocess_exec(
        *("unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert await holder.stdout.readline() == b"up\n"
        yield holder.pid
    finally:
        holder.stdin.close()
        await holder.wait()

"""Processes beside the server that outlive it: started in a session of their own."""

import asyncio
import os
import signal
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from boruta_farm.access.relaylog import open_log
from boruta_farm.model.errors import UnavailableError

TOLD_OF_LOG = 2000
START_WITHIN = 20.0


async def start_detached(
    what: str, arguments: Sequence[str], log: Path, good: Collection[int]
) -> None:
    """Run Python so, with a log of its own, and return once it serves in a child of its own.

    ``good`` are the exit codes of a start that succeeded. Raises UnavailableError.
    """
    with os.fdopen(open_log(log.parent, log.name), "ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=output,
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(START_WITHIN):
            code = await process.wait()
    except TimeoutError:
        await _kill(process)
        raise UnavailableError(f"the {what} did not start within {START_WITHIN:g} s") from None
    except asyncio.CancelledError:
        await _kill(process)
        raise
    if code not in good:
        raise UnavailableError(f"the {what} cannot be started: {_last_line(log)} (see {log})")


def detached() -> bool:
    """Go on in a child that nobody waits for; False in the parent, which may end now."""
    sys.stdout.flush()
    if os.fork():
        return False
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return True


def _last_line(log: Path) -> str:
    words = log.read_bytes()[-TOLD_OF_LOG:].decode(errors="replace").strip().splitlines()
    return words[-1] if words else "no reason was given"


async def _kill(process: "asyncio.subprocess.Process") -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()

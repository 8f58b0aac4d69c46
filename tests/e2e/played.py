"""A program of ours, played to its end as a person would."""

import asyncio
import sys


async def played(*words: str, within: float) -> tuple[int, str]:
    """Run ``python -m`` with the words; return its status and all it said.

    ``within`` is in seconds; what has not ended by then is ended. Raises TimeoutError.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), within)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode(errors="replace")

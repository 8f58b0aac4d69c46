"""Images moved by a process of their own, so that neither loop nor fence waits for a medium."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from boruta_farm.dryad.commands import PATH
from boruta_farm.dryad.images.work import ImageOrder
from boruta_farm.model.errors import BoardError

HALF: Final = "the medium is now neither old nor new: flash it again"
_SOURCES: Final = Path(__file__).parents[3]
# Without site-packages (-S) and settings (-I): it needs the standard library alone.
_BOOT: Final = (
    "import os, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from boruta_farm.dryad.images.work import main; main(); os._exit(0)"
)
WORDS: Final = (sys.executable, "-I", "-S", "-c", _BOOT, str(_SOURCES))
_PROXIES: Final = ("http_proxy", "https_proxy", "no_proxy")

Note = Callable[[Mapping[str, Any]], Awaitable[None]]


class MoveError(BoardError):
    """the image could not be moved"""


async def move(order: ImageOrder, descriptors: Iterable[int], note: Note) -> dict[str, Any]:
    """Carry out an order and return what its result tells.

    ``note`` is told how far it has come; a slow one misses some. Raises MoveError. Called off, the
    process is ended at once.
    """
    process = await asyncio.create_subprocess_exec(
        *WORDS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=tuple(descriptors),
        start_new_session=True,
        cwd="/",
        env={"PATH": PATH, "LANG": "C.UTF-8", **_proxies()},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    telling: asyncio.Task[None] | None = None
    result: dict[str, Any] = {}
    try:
        process.stdin.write(order.line())
        async for line in process.stdout:
            words = json.loads(line)
            if "phase" not in words:
                result = words
            elif telling is None or telling.done():
                telling = asyncio.ensure_future(note(words))
        await process.wait()
    finally:
        process.stdin.close()
        if telling is not None:
            telling.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if telling is not None:
            # Whoever is told may have gone: the act is called off by who sees that.
            await asyncio.gather(telling, return_exceptions=True)
    if "done" in result:
        return dict(result["done"])
    words = result.get("error") or "the process that moves images failed; see the agent's log"
    if result.get("touched") or not (result or order.saving):
        words = f"{words}; {HALF}"
    raise MoveError(words)


def _proxies() -> dict[str, str]:
    names = (*_PROXIES, *map(str.upper, _PROXIES))
    return {name: os.environ[name] for name in names if name in os.environ}

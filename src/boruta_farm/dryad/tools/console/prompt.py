"""Wait for what a console is to show: a process of its own looks for the pattern.

A pattern comes from people and may take for ever at an unlucky line. What it costs then is the
process's time, which is given to everybody else first; agent and fence go on.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from boruta_farm.dryad.commands import PATH
from boruta_farm.dryad.tools.console.desk import Desk, Viewer
from boruta_farm.dryad.tools.console.looking import FOUND
from boruta_farm.model.errors import BoardError

_SOURCES: Final = Path(__file__).parents[4]
_BOOT: Final = (
    "import os, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from boruta_farm.dryad.tools.console.looking import main; main(); os._exit(0)"
)


class PromptWatch:
    """Look for a pattern in what consoles show from the block's beginning on."""

    def __init__(self, desks: Mapping[str, Desk], pattern: str) -> None:
        self._desks = desks
        self._pattern = pattern
        self._processes: list[asyncio.subprocess.Process] = []
        self._viewers: list[tuple[Desk, Viewer]] = []
        self._tasks: list[asyncio.Task[bool]] = []
        self._feeders: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        try:
            for desk in self._desks.values():
                if desk.held:
                    await self._watch(desk)
        except BaseException:
            await self._end()
            raise
        if not self._tasks:
            raise BoardError("its console is not held by the agent; the agent's log tells why")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    async def opened(self) -> None:
        """Return when a console's port is open: what is said before that is seen by nobody."""
        loop = asyncio.get_running_loop()
        waiting = [loop.create_task(_opened(desk)) for desk, _ in self._viewers]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def seen(self) -> None:
        """Return when one console has shown it. Raises BoardError when none can any more."""
        waiting = set(self._tasks)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if any(task.result() for task in done):
                return
        raise BoardError("what looks for the prompt failed; see the agent's log")

    async def _watch(self, desk: Desk) -> None:
        viewer = desk.join(None)
        self._viewers.append((desk, viewer))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", _BOOT, str(_SOURCES)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            cwd="/",
            env={"PATH": PATH, "LANG": "C.UTF-8"},
        )
        self._processes.append(process)
        assert process.stdin is not None
        process.stdin.write(self._pattern.encode() + b"\0")
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(_look(process)))
        self._feeders.append(loop.create_task(_feed(process.stdin, desk, viewer)))

    async def _end(self) -> None:
        for task in (*self._tasks, *self._feeders):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._feeders, return_exceptions=True)
        for desk, viewer in self._viewers:
            desk.leave(viewer)
        for process in self._processes:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _look(process: asyncio.subprocess.Process) -> bool:
    assert process.stdout is not None
    return (await process.stdout.read()).startswith(FOUND)


async def _opened(desk: Desk) -> None:
    viewer = desk.join(None)
    try:
        while desk.kept.ring.trouble:
            viewer.news.clear()
            await viewer.news.wait()
    finally:
        desk.leave(viewer)


async def _feed(pipe: asyncio.StreamWriter, desk: Desk, viewer: Viewer) -> None:
    """Hand on what the console shows, as fast as it is looked at."""
    with contextlib.suppress(ConnectionError):
        while True:
            while data := viewer.look(desk.kept.ring):
                pipe.write(data)
                await pipe.drain()
            await viewer.news.wait()

"""Programs with an environment of their own that act for a tool: one JSON object a line, each way.

A library that cannot be had beside the agent (its dependencies replace ours, its licence stays
apart) is used by such a program. It starts at the first call, ends when the agent closes its input
or dies, and is ended when a call takes too long.
"""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any, Final

from boruta_farm.dryad.commands import PATH
from boruta_farm.dryad.hooks import distrust
from boruta_farm.dryad.tools.programs import Words, tied
from boruta_farm.model.errors import BoardError

LONGEST: Final = 64 * 1024
KEPT_WORDS: Final = 500
ENDS_WITHIN: Final = 2.0


class Adapter:
    """Keep such a program; one call at a time."""

    def __init__(self, words: Words, limit: float) -> None:
        """Take its command, and the seconds that its start and each call may take."""
        self._words = words
        self._limit = limit
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._said = ""

    async def ask(self, act: str, **arguments: object) -> dict[str, Any]:
        """Have it do something and return its answer. Raises BoardError in its words."""
        async with self._turn:
            try:
                async with asyncio.timeout(self._limit):
                    answer = await self._ask({"act": act, **arguments})
            except TimeoutError:
                await self._end(0.0)
                words = f"did not answer within {self._limit:g} s and was ended{self._last()}"
                raise BoardError(f"{self._words[0]} {words}") from None
            except BaseException:
                # What was not answered must not be taken for the next call's answer.
                await self._end(0.0)
                raise
        if "error" in answer:
            raise BoardError(str(answer["error"])[:KEPT_WORDS])
        return answer

    async def close(self) -> None:
        """End it."""
        async with self._turn:
            await self._end()

    async def _ask(self, asked: dict[str, object]) -> dict[str, Any]:
        process = self._process
        if process is None or process.returncode is not None:
            await self._end()
            process = await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
            answer = json.loads(line) if line.endswith(b"\n") else None
        except (ConnectionError, ValueError):
            answer = None
        if not isinstance(answer, dict):
            await process.wait()
            if self._listening is not None:
                await self._listening
            raise BoardError(f"{self._words[0]} ended without an answer{self._last()}")
        return answer

    async def _start(self) -> asyncio.subprocess.Process:
        if trouble := distrust(Path(self._words[0])):
            raise BoardError(trouble)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *tied(self._words),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                cwd="/",
                env={"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/nonexistent"},
                limit=LONGEST,
            )
        except OSError as error:
            raise BoardError(f"{self._words[0]} cannot be started: {error.strerror}") from None
        self._said = ""
        self._listening = asyncio.create_task(self._listen(self._process))
        return self._process

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Keep the last line of what it complains about."""
        assert process.stderr is not None
        while data := await process.stderr.read(LONGEST):
            lines = [line for line in data.decode(errors="replace").splitlines() if line.strip()]
            self._said = lines[-1][:KEPT_WORDS] if lines else self._said

    def _last(self) -> str:
        said = "".join(c if c.isprintable() else "?" for c in self._said)
        return f": {said}" if said else ""

    async def _end(self, within: float = ENDS_WITHIN) -> None:
        """End it by closing its input; kill it when it has not ended by itself."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(within):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

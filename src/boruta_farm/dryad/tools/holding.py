"""A program that holds something for as long as it runs: a GPIO line, a relay."""

import asyncio
import contextlib
from typing import Final

from boruta_farm.dryad.commands import PATH, lines_of
from boruta_farm.dryad.tools.programs import Words, tied
from boruta_farm.model.errors import BoardError

REFUSES_WITHIN: Final = 0.2
"""Seconds in which a holder that cannot hold has ended; they print nothing when they can."""

ENDS_WITHIN: Final = 5.0


class Holding:
    """Keep at most one holder, which ends with the agent: the next one could not hold beside it."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    @property
    def alive(self) -> bool:
        """Tell whether it holds."""
        return self._process is not None and self._process.returncode is None

    async def begin(self, words: Words) -> None:
        """Hold, in place of the holder before. Raises BoardError with its complaint."""
        await self.end()
        try:
            process = await asyncio.create_subprocess_exec(
                *tied(words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                cwd="/",
                env={"PATH": PATH, "LANG": "C.UTF-8"},
            )
        except OSError as error:
            raise BoardError(f"{words[0]} cannot be started: {error.strerror}") from error
        self._process = process
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REFUSES_WITHIN):
                _, complaint = await process.communicate()
                told = ": ".join([f"{words[0]} does not hold the line", *lines_of(complaint)[-1:]])
                raise BoardError(told)

    async def end(self) -> None:
        """Let go."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()

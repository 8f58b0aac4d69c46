"""A medium that commands switch, write and read: recovery tools, mostly."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from boruta_farm.dryad.commands import Outcome
from boruta_farm.dryad.tools.cache import SPARE
from boruta_farm.dryad.tools.drivers.exec_programs import ExecTool, Programs
from boruta_farm.dryad.tools.kinds.storage import Holder, OpenMedium
from boruta_farm.dryad.tools.programs import Words, call
from boruta_farm.dryad.users.media import MediumUse
from boruta_farm.model.errors import BoardError

IMAGE: Final = "{image}"
"""Stands for the image's file in a command; without it, the image is its standard input."""

SPOOL: Final = "image"


class ExecStorage(ExecTool):
    """Run ``to_supervisor``, ``to_dut``, ``write`` and ``read``."""

    def __init__(self, programs: Programs) -> None:
        super().__init__(programs)
        self.folder: Path = programs.bench.folder
        self.can_read = self.settings.read is not None
        self._holder = Holder.UNKNOWN

    async def give(self, to: Holder) -> None:
        """Run the side's command, where there is one."""
        self._holder = Holder.UNKNOWN
        settings = self.settings
        dut = to is Holder.DUT
        await self.programs.succeed(settings.to_dut if dut else settings.to_supervisor)
        self._holder = to

    async def holder(self) -> Holder:
        """Return whom it was given to last."""
        return self._holder

    @asynccontextmanager
    async def open(self, use: MediumUse) -> AsyncIterator[OpenMedium]:
        """Start ``read``; or ``write``, where it takes a file: once that is whole."""
        words = self.settings.read if use is MediumUse.READ else self.settings.write
        assert words is not None
        if use is MediumUse.READ or not any(IMAGE in word for word in words):
            async with self._piped(words, use) as medium:
                yield medium
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / SPOOL
        # One that an agent before this one left is no room that is taken.
        path.unlink(missing_ok=True)
        room = max(0, shutil.disk_usage(self.folder).free - SPARE)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            try:
                yield OpenMedium(descriptor=file, grows=True, room=room)
            finally:
                os.close(file)
            filled = tuple(word.replace(IMAGE, str(path)) for word in words)
            _see(await self._call(filled), None)
        finally:
            path.unlink(missing_ok=True)

    @asynccontextmanager
    async def _piped(self, words: Words, use: MediumUse) -> AsyncIterator[OpenMedium]:
        """Run a command at the other end of a pipe, and wait for its end."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        if use is MediumUse.READ:
            ours, program = reading, asyncio.ensure_future(self._call(words, sink=writing))
        else:
            ours, program = writing, asyncio.ensure_future(self._call(words, source=reading))
        failure = None
        try:
            try:
                yield OpenMedium(descriptor=ours, grows=True)
            except BoardError as error:
                failure = error
            finally:
                os.close(ours)
            outcome = await program
            # What is read need not be all that the command prints.
            read_enough = use is MediumUse.READ and outcome.status == -signal.SIGPIPE
            _see(replace(outcome, status=0) if read_enough else outcome, failure)
        finally:
            program.cancel()
            await asyncio.wait((program,))

    async def _call(
        self, words: Words, *, source: int = subprocess.DEVNULL, sink: int | None = None
    ) -> Outcome:
        limit, environment = self.settings.write_timeout, self.programs.environment
        return await call(words, limit, environment, source=source, sink=sink)


def _see(outcome: Outcome, failure: BoardError | None) -> None:
    """Raise BoardError for what went wrong at either end of a pipe."""
    words = [failure.message] if failure is not None else []
    if outcome.status:
        last = f": {outcome.last_line}" if outcome.last_line else ""
        words.append(f"the command {outcome.ending}{last}")
    if words:
        raise BoardError("; ".join(words)) from failure

"""A console as a pseudo terminal, so that minicom, kermit and expect scripts go on as ever."""

import asyncio
import contextlib
import logging
import os
import pty
import select
import termios
import tty
from pathlib import Path
from typing import Final

from boruta_farm.dryad.tools.console.desk import Desk, Viewer
from boruta_farm.dryad.tools.errors import ActError
from boruta_farm.model.errors import BoardError

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 0.5
"""Seconds: the kernel tells that nobody has the terminal open any more, but not that one does."""

PIECE: Final = 4096


class Terminal:
    """Join one console to a fresh terminal for as long as a session lasts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ours, theirs = pty.openpty()
        try:
            tty.setraw(theirs, termios.TCSANOW)
            self.device = Path(os.ttyname(theirs))
            os.set_blocking(self._ours, False)
        finally:
            # From now on a hang-up tells that nobody has it open.
            os.close(theirs)
        self._joined: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to carry bytes whenever somebody opens the terminal."""
        self._joined = asyncio.get_running_loop().create_task(self._serve())

    async def close(self) -> None:
        """Hang up on whoever has it open."""
        if self._joined is not None:
            self._joined.cancel()
            await asyncio.gather(self._joined, return_exceptions=True)
        os.close(self._ours)

    async def _serve(self) -> None:
        while True:
            while self._hung_up():  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(LOOK_EVERY)
            try:
                viewer = self._desk.join(None)
            except (ActError, BoardError) as error:
                logger.info("a terminal waits for its console: %s", error.message)
                await asyncio.sleep(LOOK_EVERY)
                continue
            showing = asyncio.create_task(self._show(viewer))
            try:
                await self._type(viewer)
            except OSError as error:
                # Its user has closed it, which is no fault.
                logger.debug("a console's terminal was left: %s", error)
            finally:
                showing.cancel()
                self._desk.leave(viewer)
                await asyncio.gather(showing, return_exceptions=True)

    async def _show(self, viewer: Viewer) -> None:
        while True:
            try:
                data = viewer.look(self._desk.kept.ring)
            except BoardError:
                data = b""
            while data:
                try:
                    data = data[os.write(self._ours, data) :]
                except BlockingIOError:
                    await self._ready(write=True)
            await viewer.news.wait()

    async def _type(self, viewer: Viewer) -> None:
        """Pass on what is typed, until the terminal is left. Raises OSError then."""
        while True:
            await self._ready(write=False)
            data = os.read(self._ours, PIECE)
            try:
                await self._desk.write(viewer, data)
            except (ActError, BoardError) as error:
                words = f"\r\n[boruta: {error.message}]\r\n".encode()
                with contextlib.suppress(BlockingIOError):
                    os.write(self._ours, words)

    async def _ready(self, *, write: bool) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        add, remove = (
            (loop.add_writer, loop.remove_writer)
            if write
            else (loop.add_reader, loop.remove_reader)
        )
        add(self._ours, ready.set)
        try:
            await ready.wait()
        finally:
            remove(self._ours)

    def _hung_up(self) -> bool:
        poll = select.poll()
        poll.register(self._ours, 0)
        return any(flags & select.POLLHUP for _, flags in poll.poll(0))

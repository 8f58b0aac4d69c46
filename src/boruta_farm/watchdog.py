"""What a service manager wants to hear: that a process serves, lives, and stops (sd_notify(3))."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager

logger = logging.getLogger(__name__)

BEATS = 3
"""Within the unit's patience (``WatchdogSec``): one that comes late is no reason to be killed."""


class Watchdog:
    """Tell the service manager how a process is, where one has asked for it.

    Made before the process starts others: what it is told by is taken out of the environment, so
    that children do not speak for it.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = environment.pop("NOTIFY_SOCKET", "")
        patience = environment.pop("WATCHDOG_USEC", "")
        meant = environment.pop("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self._every = int(patience) / 1_000_000 / BEATS if meant and patience.isdigit() else None

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Tell for the block that the process serves, and again and again that its loop turns.

        A process whose loop stands still is killed and started anew by the manager.
        """
        if not self._address:
            yield
            return
        self._tell("READY=1")
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            self._tell("STOPPING=1")
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating

    async def _beat(self) -> None:
        while self._every is not None:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self._every)

    def _tell(self, words: str) -> None:
        # A name that begins with @ is one of the kernel's own, without a file.
        abstract = self._address.startswith("@")
        place = f"\0{self._address[1:]}" if abstract else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as letter:
                letter.setblocking(False)
                letter.sendto(words.encode(), place)
        except OSError as error:
            logger.warning("the service manager cannot be told %s: %s", words, error)

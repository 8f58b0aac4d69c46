"""The sign by which servers on several machines see each other in one data folder.

A lock on a file keeps servers of one machine apart for certain. On a network file system it may
hold on each machine for itself; there the server that runs also renews the lock file's time, and
one that comes from another machine waits long enough to see that.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from boruta_farm.dryad.proc.mounts import find_mount
from boruta_farm.model.errors import ConfigError

logger = logging.getLogger(__name__)

NETWORKED = ("9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "nfs", "nfs4", "smb3")
"""What the kernel calls file systems that other machines may have mounted, too."""

RENEW_EVERY = 2.0
WATCHED_FOR = 3 * RENEW_EVERY
LOOK_EVERY = 0.5
LONGEST_NAME = 256


def networked(folder: Path) -> bool:
    """Tell whether other machines may use a folder, as far as the kernel tells."""
    mount = find_mount(str(folder.resolve()))
    return mount is not None and mount.kind in NETWORKED


class Sign:
    """Say in the lock file which machine's server uses the folder, and see who else does."""

    def __init__(
        self,
        path: Path,
        machine: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the lock file, which this process holds; ``machine`` is by default this one."""
        self._path = path
        self._machine = machine or socket.gethostname()
        self._sleep = sleep

    def put(self) -> None:
        """Name this machine, unless another one's server lives here.

        Takes some seconds where another machine's server has not taken its name away: it was
        killed, or it runs. Raises ConfigError when it runs, OSError.
        """
        other = self._read()
        if other not in ("", self._machine) and self._renewed():
            raise ConfigError(
                f"data: a server on the machine {other} uses {self._path.parent}, which lies on "
                "a network file system; stop it, or name another folder with --data"
            )
        self._path.write_text(self._machine, encoding="utf-8")

    def take_away(self) -> None:
        """Name nobody: the next server need not wait."""
        if self._read() == self._machine:
            self._path.write_text("", encoding="utf-8")

    async def keep_renewing(self) -> NoReturn:
        """Renew the file's time until cancelled; a file system that is gone is told once."""
        told = False
        while True:
            try:
                os.utime(self._path)
                told = False
            except OSError as error:
                if not told:
                    logger.warning("%s cannot be renewed: %s", self._path, error.strerror)
                told = True
            await asyncio.sleep(RENEW_EVERY)

    def _read(self) -> str:
        # Opened anew each time: so network file systems ask their server.
        with self._path.open(encoding="utf-8", errors="replace") as file:
            return file.read(LONGEST_NAME).strip()

    def _renewed(self) -> bool:
        before = self._changed()
        for _ in range(int(WATCHED_FOR / LOOK_EVERY)):
            self._sleep(LOOK_EVERY)
            if self._changed() != before:
                return True
        return False

    def _changed(self) -> int:
        with self._path.open() as file:
            return os.fstat(file.fileno()).st_mtime_ns

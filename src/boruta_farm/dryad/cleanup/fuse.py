"""Cut off file systems that a session serves itself: who waits for one of them cannot be killed.

A process that waits for an answer of its own file system, which it has taken the question of, waits
through SIGKILL for the file system's end; and that comes when the last who serves it has ended.
"""

import os
from typing import Final

from boruta_farm.dryad.cleanup.kernel_folder import KernelFolder
from boruta_farm.dryad.cleanup.tree import FOLDER
from boruta_farm.dryad.uids import UidRange
from boruta_farm.model.errors import BoardError

CONNECTIONS: Final = KernelFolder("fusectl", "/sys/fs/fuse/connections", "FUSE's connections")
ABORT: Final = "abort"


def abort_connections(uids: UidRange) -> None:
    """End every FUSE file system that one of the uids has mounted, in any namespace.

    Who waits for an answer gets an error and can be ended. Raises BoardError.
    """
    folder = CONNECTIONS.open()
    if folder is None:
        return
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                _abort(entry.name, folder, uids)
    except OSError as error:
        raise BoardError(f"{CONNECTIONS.words} cannot be ended: {error.strerror}") from error
    finally:
        os.close(folder)


def _abort(name: str, folder: int, uids: UidRange) -> None:
    """Abort a connection if it is one of theirs; its folder belongs to who has mounted it."""
    try:
        connection = os.open(name, FOLDER, dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        if os.fstat(connection).st_uid in uids:
            handle = os.open(ABORT, os.O_WRONLY | os.O_CLOEXEC, dir_fd=connection)
            try:
                os.write(handle, b"1")
            finally:
                os.close(handle)
    except FileNotFoundError:
        return
    finally:
        os.close(connection)

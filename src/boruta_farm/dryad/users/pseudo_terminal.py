"""Pseudo terminals given to the session user by root: those of the agent, and no others."""

import os
import stat
from pathlib import Path
from typing import Final

from boruta_farm.model.errors import BoardError

FOLDER: Final = Path("/dev/pts")
MAJORS: Final = range(136, 144)
"""Of the kernel's pseudo terminals (its ``devices.txt``)."""


def give_terminal(number: int, owner: int, uid: int) -> None:
    """Make a user the only one who may open a terminal that ``owner`` has made.

    Raises BoardError for what is no terminal, or another's: its number may have come to somebody
    else meanwhile.
    """
    path = FOLDER / str(number)
    try:
        place = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = os.fstat(place)
            if not stat.S_ISCHR(found.st_mode) or os.major(found.st_rdev) not in MAJORS:
                raise BoardError(f"{path} is no pseudo terminal")
            if found.st_uid != owner:
                raise BoardError(f"{path} is not the agent's, so no session gets it")
            held = f"/proc/self/fd/{place}"
            os.chmod(held, 0o600)  # noqa: PTH101 - it is the file that was looked at
            os.chown(held, uid, -1)
        finally:
            os.close(place)
    except OSError as error:
        raise BoardError(f"{path} cannot be given to the session: {error.strerror}") from None

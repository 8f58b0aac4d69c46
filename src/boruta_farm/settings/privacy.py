"""Folders and files that hold secrets: nobody else may change them, or read what is one."""

import logging
import os
import stat
from pathlib import Path
from typing import Final

from boruta_farm.model.errors import ConfigError

logger = logging.getLogger(__name__)

WRITABLE: Final = stat.S_IWGRP | stat.S_IWOTH


def keep_others_out(folder: Path, setting: str) -> None:
    """See that nobody else can put something into a folder of secrets, and tell what was mended.

    They could replace what lies there, or wait in place of its sockets. Where everybody could while
    something lay there already, and where the folder is not ours to mend, it is refused. Raises
    ConfigError, OSError.
    """
    mode = stat.S_IMODE(folder.stat().st_mode)
    check_private(folder, setting)
    if mode & WRITABLE and _is_ours(folder):
        folder.chmod(mode & ~WRITABLE)
        logger.warning(
            "%s: %s could be written to by others (mode %04o); only its owner may write there now",
            setting,
            folder,
            mode,
        )


def check_private(folder: Path, setting: str) -> None:
    """Refuse what ``keep_others_out`` would refuse, but change nothing. Raises as that does."""
    found = folder.stat()
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid not in (0, os.geteuid()) and os.geteuid() != 0:
        raise ConfigError(
            f"{setting}: {folder} belongs to another user (uid {found.st_uid}), who could replace "
            "what lies there; name a folder of the one who runs this"
        )
    if not mode & stat.S_IWOTH:
        return
    if mode & stat.S_ISVTX:
        raise ConfigError(
            f"{setting}: {folder} is a folder for everybody (mode {mode:04o}); name one of its own"
        )
    if not _is_ours(folder) or any(folder.iterdir()):
        raise ConfigError(
            f"{setting}: {folder} can be written to by everybody on this machine (mode "
            f"{mode:04o}), who could have put something else in place of what lies there; if "
            f"nobody did, run: chmod 700 {folder}"
        )


def exposure(path: Path) -> str:
    """Return what is wrong with a file that holds a secret, empty when nothing is. Raises OSError.

    A group may read it: the service's, which does not own its configuration.
    """
    if not path.stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        return ""
    return (
        "everybody on this machine can read this file, or its group can change it; run: "
        f"chmod g-w,o= {path}"
    )


def _is_ours(folder: Path) -> bool:
    return folder.stat().st_uid == os.geteuid()

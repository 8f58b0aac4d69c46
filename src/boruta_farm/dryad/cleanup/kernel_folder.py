"""Look into a file system of the kernel's own, wherever it is mounted, or nowhere."""

import errno
import os
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.cleanup.guise import call
from boruta_farm.dryad.cleanup.tree import FOLDER
from boruta_farm.model.errors import BoardError

FSOPEN, FSCONFIG, FSMOUNT = 430, 431, 432
"""New enough to have one number on all machines."""

FSOPEN_CLOEXEC, FSCONFIG_CREATE, FSMOUNT_CLOEXEC = 1, 6, 1
NO_SUCH_KIND: Final = errno.ENODEV


@dataclass(frozen=True, slots=True)
class KernelFolder:
    """Name a file system by its kind, its usual place, and in words."""

    kind: str
    usual: str
    words: str

    def open(self) -> int | None:
        """Return the folder, mounted for nobody else to see; None without such a thing.

        Kernels before 5.2 cannot do that: there the usual mount is taken. Raises BoardError.
        """
        try:
            context = call(FSOPEN, self.kind.encode(), FSOPEN_CLOEXEC)
        except OSError as error:
            return None if error.errno == NO_SUCH_KIND else self._open_usual()
        mounted = -1
        try:
            call(FSCONFIG, context, FSCONFIG_CREATE, None, None, 0)
            mounted = call(FSMOUNT, context, FSMOUNT_CLOEXEC, 0)
            return os.open(".", FOLDER, dir_fd=mounted)
        except OSError as error:
            raise BoardError(f"{self.words} cannot be looked at: {error.strerror}") from error
        finally:
            os.close(context)
            if mounted >= 0:
                os.close(mounted)

    def _open_usual(self) -> int | None:
        try:
            return os.open(self.usual, FOLDER)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BoardError(f"{self.usual} cannot be looked through: {error.strerror}") from error

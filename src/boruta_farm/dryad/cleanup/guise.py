"""Act with another uid in one thread of root's, and come back: no process has to be made for it."""

import contextlib
import ctypes
import logging
import os
import platform
import struct
from collections.abc import Iterator
from typing import Final

from boruta_farm.dryad.proc.processes import read_own_capabilities
from boruta_farm.model.errors import BoardError

logger = logging.getLogger(__name__)

CAP_KILL: Final = 1 << 5
LOST: Final = 70
"""The status of an agent that cannot take its own uid back and so must not go on."""

NUMBERS: Final = {
    ("x86_64", 8): (117, 250),
    ("x86_64", 4): (208, 288),
    ("i686", 4): (208, 288),
    ("aarch64", 8): (147, 219),
    ("aarch64", 4): (208, 311),
    ("armv7l", 4): (208, 311),
    ("armv6l", 4): (208, 311),
    ("riscv64", 8): (147, 219),
}
"""The kernel's numbers of setresuid and keyctl, by machine and bytes of a pointer.

The C library's setresuid changes all threads, and it has no keyctl.
"""


def call(number: int, *arguments: object) -> int:
    """Call the kernel. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def numbers() -> tuple[int, int]:
    """Return the numbers of setresuid and keyctl. Raises BoardError on an unknown machine."""
    machine = platform.machine(), struct.calcsize("P")
    if machine not in NUMBERS:
        raise BoardError(
            f"sessions cannot be ended on a machine of the kind {machine[0]}; report it, so that "
            "it is added"
        )
    return NUMBERS[machine]


@contextlib.contextmanager
def guise(*, real: int, effective: int) -> Iterator[None]:
    """Give this thread two uids that are not root's, for the block.

    It may not kill what the effective uid may not. Nobody of that uid may signal it, unless the
    real one is his. Raises BoardError, before the block, when the kernel does not go along.
    """
    if real <= 0 or effective <= 0:
        raise BoardError(f"uids {real} and {effective}: root's is nobody's guise")
    setresuid, _ = numbers()
    try:
        call(setresuid, real, effective, 0)
        taken = os.getresuid() == (real, effective, 0)
        if not taken or read_own_capabilities() & CAP_KILL:
            raise BoardError(f"the kernel does not let this thread be uid {effective} alone")
        yield
    except OSError as error:
        raise BoardError(f"acting as uid {effective}: {error.strerror}") from error
    finally:
        try:
            call(setresuid, 0, 0, 0)
        except OSError:
            logger.critical("a thread cannot become root's again: the agent ends")
            os._exit(LOST)

"""What goes wrong with an image or a medium, in words for whoever waits for it."""

import errno
from typing import Final

GONE: Final = frozenset(
    {errno.EIO, errno.ENXIO, errno.ENODEV, errno.ENOMEDIUM, errno.EREMOTEIO, errno.ESHUTDOWN}
)
"""What the kernel says when a medium has been pulled, or is broken."""


class ImageError(Exception):
    """What happened, and what to do."""


def size(count: int) -> str:
    """Return a number of bytes for people: ``1.2 GB``."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def medium_failed(error: OSError, doing: str, offset: int) -> ImageError:
    """Return what a failure of the medium means."""
    if error.errno in GONE:
        why = "was it pulled, or is it broken?"
    elif error.errno == errno.ENOSPC:
        why = "the disk below it is full"
    elif error.errno in (errno.EROFS, errno.EPERM, errno.EACCES, errno.EBADF):
        why = "is it write-protected?"
    elif error.errno == errno.EPIPE:
        why = "the program that takes the image has ended"
    else:
        why = "see the supervisor's kernel log"
    return ImageError(
        f"the medium cannot be {doing} at {size(offset)}: {error.strerror or error}; {why}"
    )

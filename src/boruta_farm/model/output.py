"""What our programs print, where it cannot be written: a closed or full output."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

FAILED: Final = 1
UNWRITABLE: Final = frozenset(
    {errno.EPIPE, errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG, errno.EDQUOT}
)
"""What writing to a stream ends with; errors of files name them."""


@contextmanager
def output_told(program: str) -> Iterator[None]:
    """Tell in one line when what was printed could not be written, and end with 1.

    Closed streams are nothing to write to: Python has none then, and our next file would get
    their numbers. Whoever closes a pipe has read enough, and is told nothing.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in UNWRITABLE:
            raise
        # The interpreter flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno != errno.EPIPE:
            _complain(f"{program}: the output could not be written: {error.strerror}")
        sys.exit(FAILED)


def _complain(line: str) -> None:
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:
        # Where nothing can be written, nothing can be told.
        return

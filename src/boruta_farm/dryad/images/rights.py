"""The rights of a process that works on what comes from people: nobody's, in bounded memory."""

import contextlib
import os
import resource
from typing import Final

NOBODY: Final = 65534
MEMORY: Final = 512 << 20
"""Bytes that an image, or a pattern, may make us take: they may ask for any amount."""


def drop_rights() -> None:
    """Become nobody: what comes from people is unpacked by nobody's rights."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    if os.geteuid() != 0:
        return
    # An agent in a container may lack the right to change; it has no others to lose then.
    with contextlib.suppress(PermissionError):
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

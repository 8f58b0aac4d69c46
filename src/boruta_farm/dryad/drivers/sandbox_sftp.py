"""SFTP within the scratch home, for machines without OpenSSH's own SFTP server.

It serves the same paths as the shell shows: relative ones from the home, absolute ones as they
are, and refuses what lies outside the home.
"""

import os
import posixpath
from pathlib import Path

import asyncssh


class HomeSFTPServer(asyncssh.SFTPServer):
    """Serve the files of one home."""

    def __init__(self, chan: "asyncssh.SSHServerChannel[bytes]", home: Path) -> None:
        super().__init__(chan)
        self._home = os.fsencode(home.resolve())

    def map_path(self, path: bytes) -> bytes:
        """Return the file's path. Raises SFTPPermissionDenied outside the home."""
        full = posixpath.normpath(posixpath.join(self._home, path))
        # The last part may be a link itself (lstat, remove): its folder decides.
        folder, name = posixpath.split(full)
        true = posixpath.join(os.path.realpath(folder), name)
        if full != self._home and not true.startswith(self._home + b"/"):
            raise asyncssh.SFTPPermissionDenied(
                f"only files below {os.fsdecode(self._home)} can be reached by SFTP"
            )
        return full

    def exit(self) -> None:
        """Tell success at the end, without which scp takes the copy for failed."""
        self.channel.exit(0)

"""Images from the web, kept by their sha256: a bounded number of bytes, the longest unused go."""

import os
import re
import shutil
from pathlib import Path
from typing import Final

from boruta_farm.model.errors import BoardError

PART: Final = "part"
SPARE: Final = 512 << 20
"""Bytes of the disk that are left to others."""

_SUM: Final = re.compile("[0-9a-f]{64}")


class ImageCache:
    """Keep images of which the sum was given, and found to be right, for any job that knows it."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most

    def find(self, digest: str) -> int | None:
        """Return a descriptor of the image of a sum, None where it is not kept."""
        try:
            path = self._folder / digest
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        os.utime(descriptor)
        return descriptor

    def begin(self) -> tuple[int, int]:
        """Return a descriptor of a fresh file, -1 where none can be kept, and how long it may be.

        Raises BoardError where the folder cannot be used.
        """
        if not self._most:
            return -1, 0
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            room = min(self._most, shutil.disk_usage(self._folder).free - SPARE)
            if room <= 0:
                return -1, 0
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            return os.open(self._folder / PART, flags, 0o600), room
        except OSError as error:
            raise BoardError(f"{self._folder} cannot keep images: {error.strerror}") from None

    def keep(self, digest: str) -> None:
        """Keep what was begun, under its sum, and let the longest unused go."""
        (self._folder / PART).replace(self._folder / digest)
        images = [each for each in self._folder.iterdir() if _SUM.fullmatch(each.name)]
        total = 0
        for image in sorted(images, key=lambda each: each.stat().st_mtime_ns, reverse=True):
            total += image.stat().st_size
            if total > self._most:
                image.unlink()

    def drop(self, name: str = PART) -> None:
        """Forget what was begun, or the image of a sum."""
        (self._folder / name).unlink(missing_ok=True)

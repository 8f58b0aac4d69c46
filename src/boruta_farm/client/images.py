"""An image of ours on its way to a board: its bytes, with its sum behind them."""

import fcntl
import hashlib
import os
import stat
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from boruta_farm.model.errors import ConfigError

PIECE: Final = 1 << 20
SCHEMES: Final = ("http://", "https://")


class ImageStream:
    """Feed an image's file to a program's standard input, in a thread; used as a context.

    ``words`` are the options that tell ``dut flash -`` what comes: a bmap, the image, and its
    sha256, which is computed on the way, unless the caller has one. What cannot be read, or gets
    shorter, ends early, which the board tells by the length. Raises ConfigError for what is no
    file.
    """

    def __init__(self, path: Path, bmap: Path | None = None, sha256: str = "") -> None:
        self._file = _open(path)
        self._bmap = b""
        try:
            if bmap is not None:
                self._bmap = _read(bmap)
        except BaseException:
            os.close(self._file)
            raise
        self._size = os.fstat(self._file).st_size
        self._follows = not sha256
        self.words: tuple[str, ...] = ("--size", str(self._size), "--sha256", sha256 or "follows")
        if bmap is not None:
            self.words += ("--bmap-size", str(len(self._bmap)))
        self.source, self._target = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._feed, name="boruta-image", daemon=True)

    def __enter__(self) -> Self:
        fcntl.fcntl(self._target, fcntl.F_SETPIPE_SZ, PIECE)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self.source)
        self._thread.join()

    def _feed(self) -> None:
        total = hashlib.sha256()
        left = self._size
        try:
            self._send(self._bmap)
            while left and (data := os.read(self._file, min(PIECE, left))):
                total.update(data)
                left -= len(data)
                self._send(data)
            if not left and self._follows:
                self._send(total.hexdigest().encode())
        except OSError:
            # Nobody reads on, or the file cannot be read: the other end says that it ended early.
            return
        finally:
            os.close(self._target)
            os.close(self._file)

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._target, view) :]


def is_elsewhere(image: str) -> bool:
    """Tell whether the board has to fetch an image by itself."""
    return image.lower().startswith(SCHEMES)


def _open(path: Path) -> int:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ConfigError(f"{path} is no file; pipe what it holds into boruta flash ID -")
    return file


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None

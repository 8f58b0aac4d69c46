"""A medium's content read into a file or pipe, packed where that is asked for."""

import bz2
import errno
import hashlib
import io
import lzma
import os
import select
import stat
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from boruta_farm.dryad.images.copying import Ahead, Buffers
from boruta_farm.dryad.images.errors import ImageError, size
from boruta_farm.dryad.images.forms import Form, finish_zstd, start_zstd
from boruta_farm.dryad.images.medium import BLOCK, Medium
from boruta_farm.dryad.images.source import wait_for

NOTHING: Final = bytes(BLOCK)


class _Packer(Protocol):
    def compress(self, data: memoryview, /) -> bytes: ...

    def flush(self) -> bytes: ...


class SaveTarget:
    """Where the content goes; blocks of nothing become holes of a file."""

    def __init__(self, descriptor: int, form: Form) -> None:
        self._descriptor = descriptor
        mode = os.fstat(descriptor).st_mode
        self._holes = form is Form.RAW and stat.S_ISREG(mode)
        self._packer = _packer(form)
        self._zstd = (
            start_zstd("-3", io.FileIO(descriptor, "wb", closefd=False))
            if (form is Form.ZSTD)
            else None
        )

    def put(self, data: memoryview) -> None:
        """Write a block. Raises ImageError."""
        try:
            if self._zstd is not None:
                assert self._zstd.stdin is not None
                self._zstd.stdin.write(data)
            elif self._packer is not None:
                self._write(memoryview(self._packer.compress(data)))
            elif self._holes and not any_set(data):
                os.lseek(self._descriptor, len(data), os.SEEK_CUR)
            else:
                self._write(data)
        except OSError as error:
            raise _failed(error) from None

    def finish(self) -> None:
        """Write what is left. Raises ImageError."""
        try:
            if self._zstd is not None:
                assert self._zstd.stdin is not None
                self._zstd.stdin.close()
                finish_zstd(self._zstd)
            elif self._packer is not None:
                self._write(memoryview(self._packer.flush()))
            elif self._holes:
                os.ftruncate(self._descriptor, os.lseek(self._descriptor, 0, os.SEEK_CUR))
            if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
                os.fsync(self._descriptor)
        except OSError as error:
            raise _failed(error) from None

    def _write(self, data: memoryview) -> None:
        while len(data):
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                wait_for(self._descriptor, select.POLLOUT)


def save(
    medium: Medium, target: SaveTarget, told: Callable[[int], None], length: int | None = None
) -> tuple[int, str]:
    """Read a medium to its end; return bytes and sha256 of its content. Raises ImageError.

    ``length`` is how much is read at most.
    """
    buffers = Buffers()

    def read() -> Iterator[tuple[memoryview, memoryview]]:
        done = 0
        while True:
            buffer = buffers.take()
            most = len(buffer) if length is None else min(len(buffer), length - done)
            count = medium.read(buffer[:most], done)
            if not count:
                return
            yield buffer[:count], buffer
            done += count

    total, done = hashlib.sha256(), 0
    for data, buffer in Ahead(read()):
        total.update(data)
        target.put(data)
        done += len(data)
        buffers.give_back(buffer)
        told(done)
    target.finish()
    if medium.capacity is not None and length is None and done < medium.capacity:
        raise ImageError(f"only {size(done)} of the medium's {size(medium.capacity)} could be read")
    return done, total.hexdigest()


def any_set(data: memoryview) -> bool:
    """Tell whether any byte is other than zero."""
    return bytes(data) != NOTHING[: len(data)]


def _packer(form: Form) -> _Packer | None:
    match form:
        case Form.GZIP:
            return zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        case Form.XZ:
            return lzma.LZMACompressor(preset=1)
        case Form.BZIP2:
            return bz2.BZ2Compressor()
        case Form.RAW | Form.ZSTD:
            return None


def _failed(error: OSError) -> ImageError:
    if error.errno == errno.EPIPE:
        return ImageError("nobody takes what is read any more")
    return ImageError(f"what was read cannot be kept: {error.strerror}; is there room?")

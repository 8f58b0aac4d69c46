"""In which form an image comes, told by its first bytes, and how it is unpacked or packed."""

import bz2
import gzip
import io
import lzma
import shutil
import subprocess
import threading
import zlib
from collections.abc import Mapping
from enum import StrEnum
from typing import IO, Final

from boruta_farm.dryad.images.errors import ImageError
from boruta_farm.dryad.images.source import Source

PIECE: Final = 1 << 20


class Form(StrEnum):
    """How an image is packed."""

    RAW = "raw"
    GZIP = "gz"
    XZ = "xz"
    ZSTD = "zst"
    BZIP2 = "bz2"


FIRST_BYTES: Final[Mapping[bytes, Form]] = {
    b"\x1f\x8b\x08": Form.GZIP,
    b"\xfd7zXZ\x00": Form.XZ,
    b"\x28\xb5\x2f\xfd": Form.ZSTD,
    **{bytes((0x50 + number, 0x2A, 0x4D, 0x18)): Form.ZSTD for number in range(16)},
    b"BZh": Form.BZIP2,
}

NO_IMAGES: Final[Mapping[bytes, str]] = {
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it first",
    b"QFI\xfb": "a virtual machine's disk; convert it first: qemu-img convert -O raw",
    b"\x3a\xff\x26\xed": "an Android sparse image; convert it first: simg2img",
}


def tell_form(head: bytes) -> Form:
    """Return the form of an image that begins so. Raises ImageError for what is none."""
    if not head:
        raise ImageError("the image is empty")
    for first, what in NO_IMAGES.items():
        if head.startswith(first):
            raise ImageError(f"this is no image that can be written as it is, but {what}")
    return next((form for first, form in FIRST_BYTES.items() if head.startswith(first)), Form.RAW)


class Unpacked(io.RawIOBase):
    """Read what is packed in a source. Reading raises ImageError for a damaged one.

    ``as_it_is`` takes any bytes for what is to be written, whatever they look like.
    """

    def __init__(self, source: Source, *, as_it_is: bool = False) -> None:
        super().__init__()
        self.form = Form.RAW if as_it_is else tell_form(source.head())
        self._stream = _open(self.form, source)

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Fill a buffer's beginning; return how many bytes, 0 at the end."""
        try:
            return self._stream.readinto(buffer) or 0
        except EOFError:
            raise ImageError(f"the {self.form} archive ends in its middle; is it whole?") from None
        except MemoryError:
            raise ImageError(
                f"the {self.form} archive needs more memory than images get; pack it with a "
                "smaller dictionary"
            ) from None
        except (lzma.LZMAError, zlib.error, OSError, ValueError) as error:
            raise ImageError(f"the {self.form} archive is damaged: {error}") from None


def _open(form: Form, source: Source) -> "io.RawIOBase | io.BufferedIOBase":
    match form:
        case Form.GZIP:
            return gzip.GzipFile(fileobj=io.BufferedReader(source, PIECE))
        case Form.XZ:
            return lzma.LZMAFile(io.BufferedReader(source, PIECE))
        case Form.BZIP2:
            return bz2.BZ2File(io.BufferedReader(source, PIECE))
        case Form.ZSTD:
            return _ZstdProgram(source)
        case Form.RAW:
            return source


class _ZstdProgram(io.RawIOBase):
    """Unpack by the program zstd: Python has no module of its own for it."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._failure: Exception | None = None
        self._ended = False
        self._process = start_zstd("-d", subprocess.PIPE)
        self._feeding = threading.Thread(target=self._feed, daemon=True)
        self._feeding.start()

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Fill a buffer's beginning; return how many bytes, 0 at the end."""
        if self._ended:
            return 0
        assert self._process.stdout is not None
        count = self._process.stdout.readinto(buffer)  # type: ignore[attr-defined]
        if count:
            return int(count)
        self._feeding.join()
        try:
            finish_zstd(self._process)
        except ImageError as error:
            # It complains about an archive that ended because its source had failed.
            raise (self._failure or error) from None
        self._ended = True
        return 0

    def _feed(self) -> None:
        """Give it the source; what fails there is raised where the result is read."""
        assert self._process.stdin is not None
        buffer = memoryview(bytearray(PIECE))
        try:
            while count := self._source.readinto(buffer):
                self._process.stdin.write(buffer[:count])
        except BrokenPipeError:
            return  # It has ended, and says why by itself.
        except (ImageError, OSError) as error:
            self._failure = error
        finally:
            self._process.stdin.close()


def start_zstd(mode: str, output: "int | IO[bytes]") -> "subprocess.Popen[bytes]":
    """Start zstd between a pipe and ``output``. Raises ImageError where it is missing."""
    program = shutil.which("zstd")
    if program is None:
        raise ImageError("the supervisor lacks the program zstd; install it (Debian: zstd)")
    return subprocess.Popen(
        (program, mode, "-c", "-q"),
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.PIPE,
    )


def finish_zstd(process: "subprocess.Popen[bytes]") -> None:
    """Wait for its end. Raises ImageError with what it complained about."""
    assert process.stderr is not None
    with process:
        words = process.stderr.read().decode(errors="replace").strip().splitlines()
    if process.returncode:
        last = words[-1].removeprefix("zstd: ").strip() if words else "without a word"
        raise ImageError(f"the zst archive is damaged, or cut off: {last}")

"""Archives read as they come, from a file or from the web, and summed on their way."""

import hashlib
import http.client
import io
import tarfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from boruta_farm.dryad.dut.call import DutError
from boruta_farm.dryad.dut.frames import Status

SCHEMES: Final = ("http://", "https://")
ANSWER_WITHIN: Final = 60.0
PIECE: Final = 1 << 20
LARGEST_SUMS: Final = 1 << 20


class Archive(io.RawIOBase):
    """A tar archive that is read once, from beginning to end; ``key`` names it among sums."""

    def __init__(self, stream: IO[bytes], key: str) -> None:
        super().__init__()
        self.key = key
        self._stream = stream
        self._sum = hashlib.md5(usedforsecurity=False)

    @classmethod
    @contextmanager
    def open(cls, name: str, *, remote: bool) -> "Iterator[Archive]":
        """Open one for the block. Raises DutError."""
        key = Path(urllib.parse.urlsplit(name).path).name if remote else name
        with _open(name, remote=remote) as stream:
            yield cls(stream, key)

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Fill a buffer's beginning; return how many bytes, 0 at the end."""
        view = memoryview(buffer).cast("B")
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self._sum.update(data)
        return len(data)

    def files(self) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
        """Yield each file with its content, to be read before the next. Raises TarError."""
        with tarfile.open(fileobj=io.BufferedReader(self, PIECE), mode="r|*") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield member, content

    def md5(self) -> str:
        """Return the sum of all of it, also of what lies behind its last file."""
        while self.read(PIECE):
            pass
        return self._sum.hexdigest()


def is_address(name: str) -> bool:
    """Tell whether a name is one of the web."""
    return name.lower().startswith(SCHEMES)


def read_sums(name: str) -> dict[str, str]:
    """Return the sums of a file, by its lines' names. Raises DutError."""
    with _open(name, remote=is_address(name)) as stream:
        text = stream.read(LARGEST_SUMS).decode(errors="replace")
    sums = {}
    for line in text.splitlines():
        digest, _, file = line.strip().partition(" ")
        if digest and file:
            sums[file.lstrip(" *")] = digest.lower()
    return sums


@contextmanager
def _open(name: str, *, remote: bool) -> Iterator[IO[bytes]]:
    try:
        if remote:
            with urllib.request.urlopen(name, timeout=ANSWER_WITHIN) as answer:
                yield answer
        else:
            with Path(name).open("rb") as file:
                yield file
    except urllib.error.HTTPError as error:
        raise _failed(name, f"unexpected HTTP status: {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise _failed(name, str(getattr(reason, "strerror", None) or reason)) from None


def _failed(name: str, why: str) -> DutError:
    return DutError(Status.FAILED, f"{name}: {why}")

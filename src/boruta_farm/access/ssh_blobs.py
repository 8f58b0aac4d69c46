"""The binary forms of OpenSSH, read strictly: nothing is cut short, nothing is left over."""

from collections.abc import Iterator


class BlobReader:
    """Take numbers and strings off a blob, one after the other (RFC 4251, section 5).

    Raises ValueError where less is left than is asked for.
    """

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self.at = 0

    def __bool__(self) -> bool:
        return self.at < len(self._blob)

    def raw(self, size: int) -> bytes:
        """Return the next bytes."""
        end = self.at + size
        if end > len(self._blob):
            raise ValueError(f"{size} bytes are announced, {len(self._blob) - self.at} are there")
        taken = self._blob[self.at : end]
        self.at = end
        return taken

    def number(self, size: int) -> int:
        """Return a number of a fixed size in bytes."""
        return int.from_bytes(self.raw(size), "big")

    def string(self) -> bytes:
        """Return the next string."""
        return self.raw(self.number(4))

    def strings(self) -> Iterator[bytes]:
        """Yield all strings that are left."""
        while self:
            yield self.string()

    def see_end(self) -> None:
        """Raise ValueError if anything is left."""
        if self:
            raise ValueError(f"{len(self._blob) - self.at} bytes follow that mean nothing")

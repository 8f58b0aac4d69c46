"""Where server and relay meet: a locked unix socket in the data folder, as that of the front door.

The name of a unix socket may have 107 bytes at most, a data folder's path more. So the folder is
opened and the socket named through the open descriptor: it lies in the data folder, behind its
permissions, however long the path.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from boruta_farm.model.errors import UnavailableError

RELAY = "relay"
"""What the names of the relay's files begin with."""
SOCKET = f"{RELAY}.sock"
LOCK = f"{RELAY}.lock"
BACKLOG = 16


class NameTakenError(UnavailableError):
    """another process of this kind serves this data folder"""

    code = "relay-name-taken"


class Seat:
    """Hold a data folder's name of the relay, or of another process: lock and listening socket.

    Only one process at a time can take it; it is free again when that process ends, however it
    ends. Giving it up for draining renames the socket, so that who knows the new name, or is
    connected already, can still talk to the relay.

    Where the folder was removed and made anew meanwhile, what bears the name is another's.
    """

    def __init__(self, folder: Path, lock: int, listener: socket.socket, kind: str = RELAY) -> None:
        self.folder = folder
        self._kind = kind
        self._lock: int | None = lock
        self._name = f"{kind}.sock"
        self._bound = self._bears_the_name()
        self.listener = listener

    @classmethod
    def take(cls, folder: Path, kind: str = RELAY) -> "Seat":
        """Take the name and listen. Raises NameTakenError."""
        lock = os.open(folder / f"{kind}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            # Who holds the lock owns the name: what still lies there is of one that died.
            (folder / f"{kind}.sock").unlink(missing_ok=True)
            return cls(folder, lock, listen(folder, f"{kind}.sock"), kind)
        except BlockingIOError:
            os.close(lock)
            raise NameTakenError(f"{folder}: another {kind} serves this data folder") from None
        except BaseException:
            os.close(lock)
            raise

    def sign(self) -> None:
        """Write into the lock's file which process holds it, for who has to end one that hangs."""
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def give_up(self) -> None:
        """Let another relay take the name; harmless when it is given up already."""
        if self._lock is None:
            return
        if self._bears_the_name() == self._bound:
            name = f"{self._kind}-{os.getpid()}.sock"
            (self.folder / self._name).rename(self.folder / name)
            self._name = name
        os.close(self._lock)
        self._lock = None

    def close(self) -> None:
        """Stop listening and leave nothing behind but the lock's file."""
        if self._bears_the_name() == self._bound:
            (self.folder / self._name).unlink(missing_ok=True)
        self.listener.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _bears_the_name(self) -> tuple[int, int] | None:
        """Return which file bears the name now."""
        try:
            status = (self.folder / self._name).stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino


def call(folder: Path, name: str = SOCKET) -> socket.socket:
    """Connect to a relay's socket. Raises OSError when nobody listens there."""
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        with _short(folder, name) as path:
            caller.connect(path)
    except BaseException:
        caller.close()
        raise
    return caller


def draining(folder: Path, kind: str = RELAY) -> tuple[str, ...]:
    """Return the names of sockets of relays (or others) that gave their name up."""
    return tuple(sorted(path.name for path in folder.glob(f"{kind}-*.sock")))


def holder(folder: Path, name: str = SOCKET) -> int | None:
    """Return the process that serves a socket at which somebody listens, None if it did not say.

    It need not answer: the lock's file and a draining relay's own name tell its process.
    """
    told = (folder / LOCK).read_text() if name == SOCKET else name.partition("-")[2][:-5]
    return int(told) if told.isdecimal() else None


def sweep(folder: Path, name: str) -> None:
    """Remove a socket of a relay that died."""
    (folder / name).unlink(missing_ok=True)


def listen(folder: Path, name: str) -> socket.socket:
    """Listen under a name that is free, for this user alone. Raises OSError."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        before = os.umask(0o177)
        try:
            with _short(folder, name) as path:
                listener.bind(path)
        finally:
            os.umask(before)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        with suppress(FileNotFoundError):
            (folder / name).unlink()
        raise
    return listener


@contextmanager
def _short(folder: Path, name: str) -> Iterator[str]:
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{name}"
    finally:
        os.close(handle)

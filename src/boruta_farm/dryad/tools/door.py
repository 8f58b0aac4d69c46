"""Where sessions call for tools, and by what the agent knows them: by the kernel's word."""

import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from boruta_farm.model.errors import ConfigError

FOLDER: Final = Path("/run/boruta/dut")
"""Holds a socket for each board of the host, called by its session user's name."""

CONSOLES: Final = Path("/run/boruta/console")
"""Holds a terminal for each console of the host's boards, called by its name."""

BACKLOG: Final = 16
_CREDENTIALS: Final = struct.Struct("3i")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerProcess:
    """Name the process at the other end of a connection, as it was when it connected."""

    pid: int
    uid: int

    @classmethod
    def of(cls, connection: socket.socket) -> "PeerProcess":
        """Return who is at the other end of a unix socket."""
        packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(packed)
        return cls(pid=pid, uid=uid)


class ToolDoor(Protocol):
    """Where sessions come in. Each session has a socket of its own, at the same place."""

    def open(self) -> socket.socket:
        """Return a fresh socket that listens, in place of any before. Raises ConfigError."""
        ...

    def close(self) -> None:
        """Remove the socket from its place."""
        ...

    def admits(self, peer: PeerProcess) -> bool:
        """Tell whether a process belongs to the session that is on the board now."""
        ...


class SessionDoor(ToolDoor, Protocol):
    """A door of sessions, which also find their consoles' terminals somewhere."""

    @property
    def consoles(self) -> Path:
        """Return the folder in which a session finds its consoles' terminals."""
        ...

    async def give(self, terminal: Path) -> None:
        """Let the present session, and nobody else, open a terminal. Raises OSError, BoardError."""
        ...

    def belongs(self, peer: PeerProcess) -> bool:
        """Tell whether a process is of a session, of this board's or of another's of its kind."""
        ...


class TerminalGiver(Protocol):
    """Give terminals to the session user: the host of the session, or root's helper."""

    async def give_terminal(self, number: int) -> None:
        """Make the session user the owner of a pseudo terminal. Raises BoardError."""
        ...


class AccountDoor:
    """A door for a system user of the board, whose uid is another one in each job.

    ``uid`` returns the present session's, None while there is none. It must be known, not looked
    up: databases of users may hang.
    """

    def __init__(
        self,
        name: str,
        uid: Callable[[], int | None],
        folder: Path = FOLDER,
        *,
        host: TerminalGiver,
    ) -> None:
        self._host = host
        self.path = folder / f"{name}.sock"
        self.uid = uid
        self.consoles = CONSOLES

    async def give(self, terminal: Path) -> None:
        """Make the session's user its owner, which takes root."""
        await self._host.give_terminal(int(terminal.name))

    def open(self) -> socket.socket:
        """Listen for everybody on the machine; who is admitted is asked for each."""
        folder = self.path.parent
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            return listen(self.path)
        except OSError as error:
            raise ConfigError(
                f"tools: {self.path} cannot be made: {error.strerror}; run the agent as root, or "
                f"give it the folder: install -d -o dryad {folder}"
            ) from error

    def close(self) -> None:
        """Remove the socket."""
        self.path.unlink(missing_ok=True)

    def admits(self, peer: PeerProcess) -> bool:
        """Tell whether a process has the uid of the present session."""
        return peer.uid == self.uid()

    def belongs(self, peer: PeerProcess) -> bool:
        """Tell the same: no session has the uid of root, or of an agent."""
        return self.admits(peer)


class OwnDoor:
    """A door for root and the agent's own user, open for as long as the agent runs.

    In a sandbox that user is the session's as well, and that of the sandboxes beside it;
    ``session`` is its door, by which sessions are told from others: they have to use their own.
    """

    def __init__(self, path: Path, session: SessionDoor | None = None) -> None:
        self.path = path
        self._session = session

    def open(self) -> socket.socket:
        """Listen for the agent's own user, and root."""
        try:
            return listen(self.path, 0o600)
        except OSError as error:
            raise ConfigError(f"state_dir: {self.path} cannot be made: {error.strerror}") from error

    def close(self) -> None:
        """Remove the socket."""
        self.path.unlink(missing_ok=True)

    def admits(self, peer: PeerProcess) -> bool:
        """Tell whether it is one of them, and no process of a session."""
        if peer.uid not in (0, os.geteuid()):
            return False
        return self._session is None or not self._session.belongs(peer)


def listen(path: Path, mode: int = 0o666) -> socket.socket:
    """Return a socket that listens at a path of any length, in place of what was there.

    Raises OSError.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The path of a socket is limited to 107 bytes: go through a descriptor of the folder.
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        path.chmod(mode)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(folder)
    return listener

"""Where a sandbox's session calls for tools: its user is the agent's own, so its place is asked."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

from boruta_farm.dryad.drivers.sandbox_isolation import Isolation
from boruta_farm.dryad.drivers.sandbox_lease import SandboxLease
from boruta_farm.dryad.drivers.sandbox_mark import is_any_session, is_marked
from boruta_farm.dryad.proc.namespaces import read_pid_namespace
from boruta_farm.dryad.tools.door import PeerProcess, listen
from boruta_farm.model.errors import ConfigError

Session = Callable[[], tuple[int, SandboxLease] | None]
"""Returns the pid of the present session's keeper, and its lease."""


class SandboxDoor:
    """Admit the processes of the session's PID namespace, else those that bear its mark.

    The socket lies in the sandbox's folder and is made anew for each session. Whoever else of the
    same user finds it is refused, since the kernel tells from which namespace a process called.
    """

    def __init__(self, path: Path, session: Session) -> None:
        self._path = path
        self._session = session
        self.consoles = path.with_name("console")

    async def give(self, terminal: Path) -> None:
        """Keep it: the session has the agent's own user, as all of a sandbox."""
        os.chmod(terminal, 0o600)  # noqa: PTH101 - it waits for nothing

    def open(self) -> socket.socket:
        """Listen for the agent's own user."""
        try:
            return listen(self._path, 0o600)
        except OSError as error:
            raise ConfigError(f"sandbox: {self._path} cannot be made: {error.strerror}") from error

    def close(self) -> None:
        """Remove the socket."""
        self._path.unlink(missing_ok=True)

    def admits(self, peer: PeerProcess) -> bool:
        """Tell whether a process runs in the present session."""
        session = self._session()
        if session is None:
            return False
        keeper, lease = session
        if lease.isolation is Isolation.SUBREAPER:
            return is_marked(peer.pid, lease.mark)
        own = read_pid_namespace(keeper)
        return bool(own) and read_pid_namespace(peer.pid) == own

    def belongs(self, peer: PeerProcess) -> bool:
        """Tell whether a process is of this sandbox's session, or of another sandbox's.

        All have the agent's own uid. Who has been put into a PID namespace, or bears a mark, is.
        """
        own = read_pid_namespace(os.getpid())
        theirs = read_pid_namespace(peer.pid)
        return not theirs or theirs != own or is_any_session(peer.pid)

"""The ssh connection to a lent board: one for each job, by the job's own key, for all terminals."""

import asyncio
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from boruta_farm.model.errors import TerminalError
from boruta_farm.model.ssh import COMPRESSIONS, KEY_EXCHANGES
from boruta_farm.model.worker import AccessInfo
from boruta_farm.terminals.slices import sliced_client

if TYPE_CHECKING:
    import asyncssh

CONNECT_WITHIN: Final = 15.0
ALIVE_EVERY: Final = 15.0
MOST_BOARDS: Final = 1024
"""Boards that are held connections to at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSession:
    """Carry a connection, and the access that it was opened by: another job has another."""

    access: AccessInfo
    connection: "asyncssh.SSHClientConnection"


class BoardSessions:
    """Reach the boards of running requests as their users do, through their tunnels.

    The library of ssh is loaded for the first of them: it would take an eighth of the server's
    start, and most servers never need it.
    """

    def __init__(self) -> None:
        self._open: dict[int, asyncio.Task[BoardSession]] = {}
        self._loading = asyncio.Lock()
        self._loaded = False

    async def reach(self, request_id: int, access: AccessInfo) -> "asyncssh.SSHClientConnection":
        """Return the connection to the board of a running request. Raises TerminalError."""
        if not access.key:
            raise TerminalError(
                f"request {request_id} has no key of the farm's: it brought its own, or is shared "
                "with you and its owner has no terminal open; use ssh"
            )
        await self._load()
        import asyncssh

        task = self._open.get(request_id)
        if task is not None and not _serves(task, access):
            self._forget(request_id)
            task = None
        if task is None:
            self._sweep()
            if len(self._open) >= MOST_BOARDS:
                raise TerminalError(f"{MOST_BOARDS} boards are open in pages; use ssh")
            task = asyncio.create_task(self._connect(access))
            self._open[request_id] = task
        try:
            # Others may wait for the same connection: one who goes does not end it.
            return (await asyncio.shield(task)).connection
        except (OSError, asyncssh.Error, asyncssh.KeyImportError, TimeoutError) as error:
            self._forget(request_id)
            raise TerminalError(f"the board cannot be reached: {_words(error)}") from error

    async def _load(self) -> None:
        """Load the library, in a thread: its 0.2 s are nobody else's to wait."""
        async with self._loading:
            if not self._loaded:
                await asyncio.to_thread(import_module, "asyncssh")
                self._loaded = True

    async def close(self) -> None:
        """Close all connections."""
        for request_id in tuple(self._open):
            self._forget(request_id)

    def _sweep(self) -> None:
        """Forget connections that are closed: the end of a job closes its own."""
        for request_id, task in tuple(self._open.items()):
            if task.done() and not _serves(task, None):
                self._forget(request_id)

    def _forget(self, request_id: int) -> None:
        task = self._open.pop(request_id, None)
        if task is None:
            return
        if not task.done():
            task.cancel()
        elif not task.cancelled() and task.exception() is None:
            task.result().connection.abort()

    async def _connect(self, access: AccessInfo) -> BoardSession:
        import asyncssh

        known_hosts = None
        if access.host_key is not None:
            line = f"[{access.host}]:{access.port} {access.host_key}\n"
            known_hosts = asyncssh.import_known_hosts(line)
        async with asyncio.timeout(CONNECT_WITHIN):
            connection = await asyncssh.connect(
                access.host,
                access.port,
                client_factory=sliced_client,
                username=access.username,
                client_keys=[asyncssh.import_private_key(access.key)],
                known_hosts=known_hosts,
                # Nothing of the account that the server runs as may take part.
                config=None,
                agent_path=None,
                x509_trusted_certs=None,
                kex_algs=KEY_EXCHANGES,
                compression_algs=COMPRESSIONS,
                preferred_auth="publickey",
                keepalive_interval=ALIVE_EVERY,
            )
        return BoardSession(access=access, connection=connection)


def _serves(task: "asyncio.Task[BoardSession]", access: AccessInfo | None) -> bool:
    """Tell whether a connection is open, or attempted, and that of this access, if one is given."""
    if not task.done():
        return True
    if task.cancelled() or task.exception() is not None:
        return False
    session = task.result()
    same = access is None or session.access.key == access.key
    return same and not session.connection.is_closed()


def _words(error: BaseException) -> str:
    return str(error) or ("it took too long" if isinstance(error, TimeoutError) else "no reason")

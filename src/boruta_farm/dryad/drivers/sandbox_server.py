"""The sandbox's SSH server: one user name, one key in memory, nobody while there is none."""

import asyncio
import logging
import os
import secrets
from collections import Counter
from pathlib import Path
from typing import NoReturn

import asyncssh

from boruta_farm.dryad.drivers.sandbox_sessions import Room, SandboxSession
from boruta_farm.dryad.files import write_durably
from boruta_farm.model.errors import BoardError, KeyRefusedError

_log = logging.getLogger(__name__)

# OpenSSH's client tells only servers of this name that nobody reads any more (`yes | head -1`).
_VERSION = "OpenSSH_compatible_Boruta_sandbox"
_NOT_FORWARDED = "a sandbox forwards no ports; its network is that of the agent's machine"
_CONNECTIONS = 100
_SESSIONS = 200
_CLOSE_TIMEOUT = 1.0
# SHA-1 signatures are what clients of the original's age can make with the RSA keys they get.
_SIGNATURES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
_RSA_SIGNATURES = ("rsa-sha2-256", "rsa-sha2-512", "ssh-rsa")
# First what dropbear guesses: it does not begin anew where a server prefers another. The last is
# what clients of the original's age can.
_KEY_EXCHANGES = (
    "curve25519-sha256,*25519*,curve448*,ecdh-sha2-nistp*,diffie-hellman-group14-sha256,"
    "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha1"
)
# Above Linux's range of ports for outgoing connections, so that a kept port stays free.
_PORTS = range(61000, 65536)


class SandboxServer:
    """Listen on a loopback port and let those who have one of the keys into the room."""

    def __init__(self, username: str) -> None:
        self.notice = ""
        self._username = username
        self._key: asyncssh.SSHKey | None = None
        self._others: dict[bytes, str] = {}
        self._room: Room | None = None
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._users: dict[asyncssh.SSHServerConnection, SandboxVisitor] = {}

    @property
    def listening(self) -> bool:
        """Tell whether connections are taken."""
        return self._acceptor is not None

    @property
    def connections(self) -> int:
        """Return how many connections are open, those not yet logged in included."""
        return len(self._connections)

    async def listen(self, port: int, host_key: asyncssh.SSHKey) -> int:
        """Start listening on loopback and return the port; 0 chooses one.

        Raises BoardError when the port is taken.
        """
        ports = [port] if port else [*(secrets.choice(_PORTS) for _ in range(20)), 0]
        for candidate in ports:
            try:
                self._acceptor = await asyncssh.listen(
                    "127.0.0.1",
                    candidate,
                    server_factory=lambda: SandboxVisitor(self),
                    server_host_keys=[host_key],
                    server_version=_VERSION,
                    kex_algs=_KEY_EXCHANGES,
                    signature_algs=[*_SIGNATURES, *_RSA_SIGNATURES],
                    encoding=None,
                    line_editor=False,
                    allow_scp=False,
                    agent_forwarding=False,
                    password_auth=False,
                    kbdint_auth=False,
                    host_based_auth=False,
                    gss_host=None,
                    login_timeout=30,
                    keepalive_interval=15,
                    keepalive_count_max=3,
                )
            except OSError as error:
                failure = error
            else:
                return self._acceptor.get_port()
        raise BoardError(
            f"sandbox: cannot listen on 127.0.0.1 port {ports[0]}: {failure.strerror}; end what "
            "holds the port, or remove the file 'port' in the sandbox's folder to choose anew"
        )

    def admit(self, key: asyncssh.SSHKey, room: Room) -> None:
        """Let the holder of ``key``, and nobody else, into ``room``."""
        self._key, self._others, self._room = key, {}, room

    def certify(self, host_key: asyncssh.SSHKey, line: str) -> None:
        """Show a certificate of the host key, beside the key, to those who come from now on.

        Raises BoardError for what is none of this key.
        """
        try:
            certificate = asyncssh.import_certificate(line)
        except asyncssh.KeyImportError as error:
            raise BoardError(f"sandbox: the certificate cannot be read: {error}") from error
        if certificate.key.public_data != host_key.public_data:
            raise BoardError("sandbox: the certificate is not of this board's host key")
        if self._acceptor is not None:
            # The key itself first: dropbear guesses that, and does not begin anew where a server
            # prefers another. OpenSSH's client chooses by its own order.
            certified, plain = asyncssh.load_keypairs([(host_key, certificate)])
            self._acceptor.update(server_host_keys=[plain, certified])

    def let_in(self, lines: tuple[str, ...]) -> None:
        """Let the holders of these keys in as well; one that cannot be read is left out."""
        others: dict[bytes, str] = {}
        for line in lines:
            try:
                others[parse_key(line).public_data] = line
            except KeyRefusedError as error:
                _log.warning("%s", error.message)
        self._others = others

    async def part_with(self, lines: tuple[str, ...], reason: str) -> None:
        """End the connections that these keys have opened, and the programs that run in them."""
        gone = [c for c, visitor in self._users.items() if visitor.line in lines]
        for connection in gone:
            for session in self._users[connection].sessions:
                session.kill()
        await _part(gone, reason)

    def visitors(self) -> Counter[str]:
        """Return how many connections each key has opened."""
        return Counter(visitor.line for visitor in self._users.values())

    def signed_in(self) -> frozenset[int]:
        """Return the far ports of the connections in which somebody is logged in."""
        return frozenset(
            int(peer[1])
            for connection in self._users
            if (peer := connection.get_extra_info("peername"))
        )

    async def shut(self, reason: str) -> int:
        """Let nobody in and end every connection; return how many were logged in."""
        users = len(self._users)
        room, self._key, self._others, self._room = self._room, None, {}, None
        await _part(list(self._connections), reason)
        if room is not None:
            await asyncio.gather(*room.tasks, return_exceptions=True)
        return users

    async def close(self) -> None:
        """Stop listening, let nobody in and end every connection."""
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
            self._acceptor = None
        await self.shut("the board's agent is stopping")

    def enter(self, connection: asyncssh.SSHServerConnection) -> bool:
        """Count a new connection; False when there are too many."""
        if len(self._connections) >= _CONNECTIONS:
            return False
        self._connections.add(connection)
        return True

    def log_in(self, connection: asyncssh.SSHServerConnection, visitor: "SandboxVisitor") -> None:
        """Note that a connection is logged in, unless its key was taken off meanwhile."""
        self._users[connection] = visitor
        if visitor.line not in self._lines():
            connection.disconnect(asyncssh.DISC_BY_APPLICATION, "your key was taken off the board")

    def leave(self, connection: asyncssh.SSHServerConnection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)
        self._users.pop(connection, None)

    def line_of(self, username: str, key: asyncssh.SSHKey) -> str | None:
        """Return the line of a key by which this user may log in now, else None."""
        if self._key is None or username != self._username:
            return None
        if key.public_data == self._key.public_data:
            return format_key(self._key)
        return self._others.get(key.public_data)

    def _lines(self) -> tuple[str, ...]:
        own = () if self._key is None else (format_key(self._key),)
        return (*own, *self._others.values())

    def open_session(self) -> SandboxSession | None:
        """Return a session in the room, None when nobody may have one."""
        if self._room is None or len(self._room.tasks) >= _SESSIONS:
            return None
        return SandboxSession(self._room)


class SandboxVisitor(asyncssh.SSHServer):
    """Answer one connection; forwarding of any kind is refused.

    The far end would lie in the agent's process and use up its open files. ``line`` is the key
    that has opened it.
    """

    def __init__(self, server: SandboxServer) -> None:
        self.line = ""
        self.sessions: list[SandboxSession] = []
        self._server = server
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        if not self._server.enter(conn):
            _log.warning("a connection was refused: %d are open", self._server.connections)
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._server.leave(self._connection)

    def begin_auth(self, username: str) -> bool:
        if self._server.notice and self._connection is not None:
            self._connection.send_auth_banner(f"{self._server.notice}\r\n")
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        # The last key that is asked for before the log-in is the one that was proved.
        self.line = self._server.line_of(username, key) or ""
        return bool(self.line)

    def auth_completed(self) -> None:
        if self._connection is not None:
            self._server.log_in(self._connection, self)

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> NoReturn:
        raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, _NOT_FORWARDED)

    def unix_connection_requested(self, dest_path: str) -> NoReturn:
        raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, _NOT_FORWARDED)

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        # The answer to this request has no room for words.
        _log.info("port %d was asked for; %s", listen_port, _NOT_FORWARDED)
        return False

    def session_requested(self) -> SandboxSession | bool:
        session = self._server.open_session()
        if session is None:
            return False
        self.sessions.append(session)
        return session


async def _part(connections: list[asyncssh.SSHServerConnection], reason: str) -> None:
    """End connections, and wait until they are gone."""
    for connection in connections:
        connection.disconnect(asyncssh.DISC_BY_APPLICATION, reason)
    for connection in connections:
        try:
            await asyncio.wait_for(connection.wait_closed(), _CLOSE_TIMEOUT)
        except TimeoutError:
            connection.abort()
            await connection.wait_closed()


def read_host_key(path: Path) -> asyncssh.SSHKey:
    """Return the host key kept in ``path``, made at the first start.

    Raises BoardError when the file is no private key, StoreError when it cannot be written.
    """
    if not path.exists():
        key = asyncssh.generate_private_key("ssh-ed25519", comment="boruta sandbox")
        write_durably(path, key.export_private_key())
    try:
        return asyncssh.read_private_key(os.fspath(path))
    except (asyncssh.KeyImportError, OSError) as error:
        raise BoardError(
            f"sandbox: the host key {path} cannot be read ({error}); remove the file to have a "
            "new one made (clients will then warn that the key changed)"
        ) from error


def parse_key(line: str) -> asyncssh.SSHKey:
    """Return the public key of an authorized_keys line. Raises KeyRefusedError."""
    try:
        return asyncssh.import_public_key(line)
    except (asyncssh.KeyImportError, ValueError) as error:
        raise KeyRefusedError(
            f"sandbox: the session's public key cannot be used: {error}"
        ) from error


def format_key(key: asyncssh.SSHKey) -> str:
    """Return the public half as the two words of a known_hosts line."""
    return " ".join(key.export_public_key().decode("ascii").split()[:2])

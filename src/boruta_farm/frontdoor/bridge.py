"""A session carried on to a board by the door itself: for tools that know no jump.

The door signs in there with the job's own key, so the path is not end to end: the farm can read
what passes. It says so.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import asyncssh

from boruta_farm.frontdoor.boards import Granted
from boruta_farm.frontdoor.names import Here
from boruta_farm.model.errors import ForbiddenError, UnavailableError
from boruta_farm.model.front_door import ALIVE_EVERY, ALIVE_MOST
from boruta_farm.model.ssh import COMPRESSIONS, KEY_EXCHANGES
from boruta_farm.terminals.slices import sliced_client

SIGN_IN_WITHIN: Final = 20.0


class Near(Protocol):
    """The channel of the one who came."""

    def write(self, data: bytes) -> None:
        """Send what the board writes."""
        ...

    def write_stderr(self, data: bytes) -> None:
        """Send what it writes beside that."""
        ...

    def write_eof(self) -> None:
        """Send nothing more."""
        ...

    def pause_reading(self) -> None:
        """Take nothing for now."""
        ...

    def resume_reading(self) -> None:
        """Take bytes again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionWish:
    """Carry what somebody wants to run: a command, a subsystem, or a shell, and his terminal."""

    command: str | None = None
    subsystem: str | None = None
    terminal: str | None = None
    size: tuple[int, int, int, int] = (80, 24, 0, 0)
    modes: Mapping[int, int] = field(default_factory=dict)


class BoardBridge:
    """Carry one session on to a board."""

    def __init__(self, near: Near) -> None:
        self._near = near
        self._far: asyncssh.SSHClientChannel[bytes] | None = None

    async def carry_out(
        self, granted: Granted, wish: SessionWish, here: Here, ready: Callable[[], None]
    ) -> int | str:
        """Run what is wished for; return its status, or the signal that ended it.

        ``ready`` is called once the board takes what is sent. Raises UnavailableError where it
        cannot be reached, or does not let the door in, ForbiddenError where the farm has no key
        to it.
        """
        requests = granted.farm.requests
        access = await requests.acquire_worker(granted.farm.caller, granted.request.id)
        if not access.key:
            raise ForbiddenError(here.keyed(granted.request.id))
        try:
            connection = await asyncssh.connect(
                granted.host,
                granted.port,
                client_factory=sliced_client,
                username=access.username,
                client_keys=[asyncssh.import_private_key(access.key)],
                known_hosts=_known(access.host_key),
                agent_path=None,
                config=None,
                kex_algs=KEY_EXCHANGES,
                compression_algs=COMPRESSIONS,
                connect_timeout=SIGN_IN_WITHIN,
                login_timeout=SIGN_IN_WITHIN,
                keepalive_interval=ALIVE_EVERY,
                keepalive_count_max=ALIVE_MOST,
                encoding=None,
            )
        except (asyncssh.Error, OSError, ValueError) as error:
            raise UnavailableError(
                f"{granted.worker.name} does not let the farm in ({error})"
            ) from error
        try:
            far = _Far(self._near, self._resume)
            try:
                channel, _ = await connection.create_session(
                    lambda: far,
                    command=wish.command,
                    subsystem=wish.subsystem,
                    request_pty="force" if wish.terminal else False,
                    term_type=wish.terminal,
                    term_size=wish.size,
                    term_modes=dict(wish.modes),
                    encoding=None,
                )
            except asyncssh.Error as error:
                raise UnavailableError(f"{granted.worker.name}: {error.reason}") from error
            self._far = channel
            ready()
            return await far.over
        finally:
            connection.close()
            await connection.wait_closed()

    # From the one who came.

    def feed(self, data: bytes) -> None:
        """Hand on what he sends."""
        if self._far is not None:
            self._far.write(data)

    def feed_eof(self) -> None:
        """Hand on that he sends nothing more."""
        if self._far is not None:
            self._far.write_eof()

    def hold_back(self) -> None:
        """Read nothing from the board for now."""
        if self._far is not None:
            self._far.pause_reading()

    def go_on(self) -> None:
        """Read from it again."""
        if self._far is not None:
            self._far.resume_reading()

    def resize(self, width: int, height: int, pixels: tuple[int, int]) -> None:
        """Tell the board how large his terminal is now."""
        if self._far is not None:
            self._far.change_terminal_size(width, height, *pixels)

    def signal(self, name: str) -> None:
        """Hand a signal on."""
        if self._far is not None:
            self._far.send_signal(name)

    def _resume(self, *, reading: bool) -> None:
        if reading:
            self._near.resume_reading()
        else:
            self._near.pause_reading()


class _Far(asyncssh.SSHClientSession[bytes]):
    """Be the session on the board."""

    def __init__(self, near: Near, reading: Callable[..., None]) -> None:
        self._near = near
        self._reading = reading
        self._status: int | str = 255
        self.over: asyncio.Future[int | str] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Hand on what the board writes."""
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self._near.write_stderr(data)
        else:
            self._near.write(data)

    def eof_received(self) -> bool:
        """Hand on that it writes nothing more."""
        self._near.write_eof()
        return True

    def exit_status_received(self, status: int) -> None:
        """Note how it ended."""
        self._status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """Note by which signal it ended."""
        self._status = signal

    def pause_writing(self) -> None:
        """Have the one who came wait for the board."""
        self._reading(reading=False)

    def resume_writing(self) -> None:
        """Have him go on."""
        self._reading(reading=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that it is over."""
        if not self.over.done():
            self.over.set_result(self._status)


def _known(
    host_key: str | None,
) -> "tuple[list[asyncssh.SSHKey], list[asyncssh.SSHKey], list[asyncssh.SSHKey]] | None":
    """Return whom to believe: the board's key; anybody where the farm knows none."""
    if host_key is None:
        return None
    return [asyncssh.import_public_key(host_key)], [], []

"""The door: its listening socket, and all connections that came through it."""

import asyncio
import logging
import socket
from typing import Any, Final, NoReturn

import asyncssh

from boruta_farm.clock import Clock
from boruta_farm.frontdoor.boards import HeldBoards
from boruta_farm.frontdoor.crowd import USUAL, DoorBounds, DoorCrowd
from boruta_farm.frontdoor.knock import TOKEN_GONE, Knock
from boruta_farm.frontdoor.line import ServerLine
from boruta_farm.model.errors import BorutaError, TooManyCallsError
from boruta_farm.model.front_door import ALIVE_EVERY, ALIVE_MOST
from boruta_farm.model.ssh import COMPRESSIONS, KEY_EXCHANGES

log = logging.getLogger(__name__)

# The client of OpenSSH knows servers of this name to tell it when nobody reads any more.
VERSION: Final = "OpenSSH_compatible_Boruta"
LOOK_AGAIN: Final = 0.5
"""Seconds between two looks whether keys and accounts of those inside are still good."""
ACCEPT_PAUSE: Final = 0.2
CLOSE_WITHIN: Final = 2.0


class SshDoor:
    """Let people in to the boards of one farm."""

    def __init__(
        self, line: ServerLine, key: asyncssh.SSHKey, clock: Clock, bounds: DoorBounds = USUAL
    ) -> None:
        self._line = line
        self._key = key
        self._bounds = bounds
        self._crowd = DoorCrowd(clock, bounds)
        self.boards = HeldBoards(line)
        self._knocks: dict[Knock, asyncssh.SSHServerConnection | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._knocks)

    async def accept(self, listener: socket.socket) -> NoReturn:
        """Take connections for ever; what is open goes on when this is cancelled."""
        loop = asyncio.get_running_loop()
        options = await self._options()
        while True:
            try:
                taken, address = await loop.sock_accept(listener)
            except OSError as error:
                # Too many open files, or gone before it was taken: others may still come.
                log.warning("a connection was not taken: %s", error)
                await asyncio.sleep(ACCEPT_PAUSE)
                continue
            self._take(taken, str(address[0]), options)

    def _take(
        self, taken: socket.socket, host: str, options: asyncssh.SSHServerConnectionOptions
    ) -> None:
        knock = Knock(self._line, self.boards, self._crowd)
        try:
            self._crowd.enter(knock, host, knock.cut)
        except TooManyCallsError as error:
            log.info("%s was not let in: %s", host, error.message)
            taken.close()
            return
        task = asyncio.create_task(self._serve(knock, taken, host, options))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(
        self,
        knock: Knock,
        taken: socket.socket,
        host: str,
        options: asyncssh.SSHServerConnectionOptions,
    ) -> None:
        self._knocks[knock] = None
        self._empty.clear()
        try:
            connection = await asyncssh.run_server(
                taken, options=options, server_factory=lambda: knock
            )
            self._knocks[knock] = connection
            await connection.wait_closed()
        except (asyncssh.Error, OSError) as error:
            log.info("a connection from %s ended before it was in: %s", host, error)
        finally:
            if not knock.begun:
                taken.close()
            self._crowd.leave(knock)
            del self._knocks[knock]
            if not self._knocks:
                self._empty.set()

    async def look_after(self) -> NoReturn:
        """Put out, within a second, those whose key, token or account is gone.

        What they have open ends where the farm wishes that, and always with a token: by one that
        was stolen nobody is to stay longer than its owner lets it live.
        """
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            inside = [(knock, held) for knock in self._knocks if (held := knock.holding)]
            if not inside:
                continue
            try:
                gone = await self._line.gone([held for _, held in inside])
                ending = bool(gone) and (await self._line.settings()).end_removed
            except BorutaError as error:
                log.debug("nobody can be asked whether keys are still good: %s", error)
                continue
            for place in gone:
                if place >= len(inside):
                    continue
                knock = inside[place][0]
                knock.put_out()
                if ending or knock.gone is TOKEN_GONE:
                    knock.part(knock.gone)

    async def empty(self) -> None:
        """Return once nobody is there any more, and no board is held for anybody."""
        while self._knocks or self.boards.count:
            await self._empty.wait()
            await asyncio.sleep(LOOK_AGAIN)

    async def close(self) -> None:
        """End all connections and give all boards back."""
        for knock, connection in list(self._knocks.items()):
            if connection is not None:
                knock.part("the farm's door closes")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_WITHIN)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.boards.close()

    async def _options(self) -> asyncssh.SSHServerConnectionOptions:
        given: dict[str, Any] = {
            "server_host_keys": [self._key],
            "server_version": VERSION,
            "kex_algs": KEY_EXCHANGES,
            "compression_algs": COMPRESSIONS,
            "encoding": None,
            "line_editor": False,
            "allow_scp": False,
            "agent_forwarding": False,
            "x11_forwarding": False,
            "kbdint_auth": False,
            "host_based_auth": False,
            "gss_host": None,
            "login_timeout": self._bounds.login_patience,
            "keepalive_interval": ALIVE_EVERY,
            "keepalive_count_max": ALIVE_MOST,
            "config": None,
        }
        made: asyncssh.SSHServerConnectionOptions
        made = await asyncssh.SSHServerConnectionOptions.construct(None, **given)
        return made

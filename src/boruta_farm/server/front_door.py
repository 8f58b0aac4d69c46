"""The server's side of the SSH front door: its process kept at hand, its socket served."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from boruta_farm import __version__
from boruta_farm.access import rendezvous
from boruta_farm.access.detached import start_detached
from boruta_farm.model.addresses import with_port
from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.front_door import DOOR, DRAIN, LOG, SOCKET, STOP
from boruta_farm.server.http.connection import HttpConnection
from boruta_farm.server.http.door import Door
from boruta_farm.terminals.line import TerminalLine

logger = logging.getLogger(__name__)

NAME_TAKEN: Final = 3
GREET_WITHIN: Final = 5.0
DRAINS_WITHIN: Final = 10.0
STOP_WITHIN: Final = 10.0
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorGreeting:
    """Carry what a door tells of itself."""

    version: str
    asked: str
    port: int
    key: str
    terminals: bool
    """Whether it keeps the page's terminals."""


async def serve_locally(app: ASGIApp, data: Path, state: ServerState) -> asyncio.Server:
    """Serve an application at the unix socket of the data folder, for this user alone."""
    (data / SOCKET).unlink(missing_ok=True)
    listener = rendezvous.listen(data, SOCKET)
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    loop = asyncio.get_running_loop()
    return await loop.create_unix_server(
        partial(HttpConnection, Door(), config, state), sock=listener
    )


class FrontDoor:
    """Keep the door of a data folder at hand, listening where it is wanted."""

    def __init__(
        self,
        data: Path,
        address: tuple[str, int],
        tell: Callable[[DoorGreeting | None], None] = lambda _: None,
        *,
        start: bool = True,
    ) -> None:
        """Take where it is wanted; ``tell`` gets what a door says of itself, None when it goes.

        With ``start`` False others start it (a unit of its own): whatever is there is taken.
        """
        self._start = start
        self._data = data.resolve()
        self._asked = with_port(*address)
        self._tell = tell
        self.greeting: DoorGreeting | None = None
        """What the door at hand told, None while none is."""

    async def keep_at_hand(self) -> NoReturn:
        """Find the door or start one, again and again; one of another version drains first."""
        pause = FIRST_PAUSE
        while True:
            try:
                if await self._attend():
                    pause = FIRST_PAUSE
            except UnavailableError as error:
                logger.error("%s", error.message)
            self._note(None)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def terminal_line(self) -> TerminalLine | None:
        """Return a line to the door for one viewer of a terminal, None where none can keep it.

        One of another version could be told in words that it does not understand.
        """
        try:
            found = await _called(self._data)
        except UnavailableError as error:
            logger.warning("%s; the server keeps the page's terminals itself", error.message)
            return None
        if found is None:
            return None
        greeting, reader, writer = found
        if greeting.version != __version__ or not greeting.terminals:
            writer.close()
            return None
        return TerminalLine(reader, writer)

    def _note(self, greeting: DoorGreeting | None) -> None:
        if greeting != self.greeting:
            self.greeting = greeting
            self._tell(greeting)

    async def _attend(self) -> bool:
        """Follow the door until it is gone; tell whether it was the one that is wanted."""
        found = await _called(self._data)
        if found is None and not self._start:
            raise UnavailableError(f"no front door listens in {self._data}; start its unit")
        if found is None:
            await start_detached(
                "front door",
                *(
                    (
                        *("-m", "boruta_farm.frontdoor.process", "--detach"),
                        *("--data", str(self._data), "--ssh-addr", self._asked),
                    ),
                    self._data / LOG,
                    (0, NAME_TAKEN),
                ),
            )
            found = await _called(self._data)
            if found is None:
                raise UnavailableError(f"the front door does not answer; see {self._data / LOG}")
        greeting, reader, writer = found
        try:
            other = (greeting.version, greeting.asked) != (__version__, self._asked)
            if other and not self._start:
                logger.warning(
                    "the front door is of version %s and listens at %s: restart its unit when "
                    "nobody works",
                    greeting.version,
                    greeting.asked,
                )
            elif other:
                logger.info("the front door of version %s drains", greeting.version)
                writer.write(f"{DRAIN}\n".encode())
                await _drained(reader)
                return False
            self._note(greeting)
            logger.info("the front door lets people in at %s", self._asked)
            await reader.read()
            return True
        except ConnectionError:
            return True
        finally:
            writer.close()


async def _drained(reader: asyncio.StreamReader) -> None:
    """Return once a door that drains has given its name up. Raises UnavailableError."""
    try:
        async with asyncio.timeout(DRAINS_WITHIN):
            await reader.readline()
    except TimeoutError:
        raise UnavailableError(
            "the front door of another version does not give way; end its process"
        ) from None


async def stop_doors(data: Path) -> None:
    """End every door of a data folder, connections included."""
    for name in (f"{DOOR}.sock", *rendezvous.draining(data, DOOR)):
        found = await _called(data, name)
        if found is None:
            continue
        _, reader, writer = found
        try:
            writer.write(f"{STOP}\n".encode())
            async with asyncio.timeout(STOP_WITHIN):
                await reader.read()
        except (TimeoutError, ConnectionError):
            logger.warning("a front door did not end in time; see %s", data / LOG)
        finally:
            writer.close()


async def _called(
    data: Path, name: str = f"{DOOR}.sock"
) -> tuple[DoorGreeting, asyncio.StreamReader, asyncio.StreamWriter] | None:
    """Return what a door tells, and the way to it; None where nobody listens."""
    try:
        caller = rendezvous.call(data, name)
    except OSError:
        return None
    reader, writer = await asyncio.open_unix_connection(sock=caller)
    try:
        async with asyncio.timeout(GREET_WITHIN):
            told = json.loads(await reader.readline())
        greeting = DoorGreeting(
            version=str(told["version"]),
            asked=str(told["asked"]),
            port=int(told["port"]),
            key=str(told["key"]),
            terminals=bool(told.get("terminals")),
        )
    except (TimeoutError, ValueError, KeyError, ConnectionError) as error:
        writer.close()
        raise UnavailableError(f"the front door at {data / name} does not answer") from error
    return greeting, reader, writer

"""A site's relay as a process: it dials the farm's servers and stays connected to each."""

import asyncio
import hashlib
import logging
import os
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from boruta_farm import __version__
from boruta_farm.access.listening import allow_many_files
from boruta_farm.access.outbox import MessageWire
from boruta_farm.access.relay import SWITCH_INTERVAL
from boruta_farm.access.site_relay import SiteRelay
from boruta_farm.access.switchboard import Switchboard
from boruta_farm.dialling import ClientSocket, ServerPort
from boruta_farm.model.addresses import websocket_url
from boruta_farm.model.errors import BorutaError, RefusedError
from boruta_farm.model.site import SITE_PATH
from boruta_farm.thinning import configure
from boruta_farm.watchdog import Watchdog

logger = logging.getLogger(__name__)

OPEN_WITHIN: Final = 3.0
LARGEST: Final = 16 * 1024 * 1024
"""Bytes of one message: all routes of a site at once."""
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 2.0
SECRET_BYTES: Final = 32

Dial = Callable[[], Awaitable[MessageWire]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRelayPlan:
    """Say what a site's relay is to do: for which site, which servers, and where it listens.

    ``ca_file`` takes the place of the authorities that the system trusts.
    """

    site: str
    servers: Sequence[str]
    listen: str
    ca_file: Path | None = None
    credential: str = field(repr=False)


def load_credential(path: Path) -> tuple[str, bool]:
    """Return the credential of a file, made now where there is none, and whether it is new.

    Raises OSError.
    """
    with suppress(FileExistsError):
        made = secrets.token_urlsafe(SECRET_BYTES)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(f"{made}\n")
        return made, True
    return path.read_text().strip(), False


def digest_of(credential: str) -> str:
    """Return what the server is to know of a credential."""
    return f"sha256:{hashlib.sha256(credential.encode()).hexdigest()}"


def serve_site(plan: SiteRelayPlan) -> None:
    """Serve a site's boards until SIGTERM or SIGINT."""
    configure(logging.INFO, "%(asctime)s relay[%(process)d] %(levelname)s %(message)s")
    watchdog = Watchdog()
    allow_many_files()
    sys.setswitchinterval(SWITCH_INTERVAL)
    asyncio.run(_serve(plan, watchdog))


async def _serve(plan: SiteRelayPlan, watchdog: Watchdog) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    board = Switchboard(loop)
    relay = SiteRelay(board, plan.listen, __version__)
    tasks = [
        asyncio.create_task(keep_linked(relay, ServerDialler(plan, server).dial, server))
        for server in plan.servers
    ]
    logger.info("site %s, version %s", plan.site, __version__)
    try:
        async with watchdog.serving():
            await over.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await board.close()
        logger.info("ended")


async def keep_linked(relay: SiteRelay, dial: Dial, name: str) -> NoReturn:
    """Keep a relay connected to one server until cancelled; what is wrong is told once."""
    pause, told = FIRST_PAUSE, ""
    while True:
        try:
            wire = await dial()
        except BorutaError as error:
            if error.message != told:
                logger.warning("%s", error.message)
            told = error.message
        else:
            pause, told = FIRST_PAUSE, ""
            await relay.serve(wire, name)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


class ServerDialler:
    """Open WebSockets to one server, with the site's credential."""

    def __init__(self, plan: SiteRelayPlan, server: str) -> None:
        self._server = server
        self._plan = plan
        self._port = ServerPort(
            url=websocket_url(server, SITE_PATH.format(site=plan.site)),
            ca_file=plan.ca_file,
            caller="the relay",
            naming_it="have boruta --ca-file name",
            within=OPEN_WITHIN,
            largest=LARGEST,
        )
        if self._port.exposed:
            logger.warning(
                "without TLS the site's credential can be read on its way to %s; use https://",
                server,
            )

    async def dial(self) -> ClientSocket:
        """Return an open WebSocket. Raises UnavailableError, RefusedError."""
        try:
            return await self._port.dial(self._plan.credential)
        except RefusedError as error:
            raise RefusedError(
                f"{self._server} does not know this relay; put into its settings: "
                f"[site.{self._plan.site}] with address, this machine's, and "
                f'credential = "{digest_of(self._plan.credential)}"'
            ) from error

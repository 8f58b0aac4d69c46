"""The relay process: ``python -m boruta_farm.access.relay --data DIR``.

It carries the bytes of every user's session and outlives the server, so that restarting or
upgrading the server cuts nobody off.
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from boruta_farm import __version__
from boruta_farm.access.control import Control
from boruta_farm.access.detached import detached
from boruta_farm.access.handover import Handover
from boruta_farm.access.listening import allow_many_files
from boruta_farm.access.relaylog import RelayLog
from boruta_farm.access.rendezvous import NameTakenError, Seat
from boruta_farm.access.switchboard import Switchboard
from boruta_farm.thinning import configure
from boruta_farm.watchdog import Watchdog

logger = logging.getLogger(__name__)

IDLE_EXIT = 30.0
NAME_TAKEN = 3
SWITCH_INTERVAL = 0.0005
"""Seconds a busy thread may keep the interpreter: splice threads must not delay the loop."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped, drained or idle; return the exit code."""
    options = _options(arguments)
    form = "%(asctime)s relay[%(process)d] %(levelname)s %(message)s"
    configure(logging.INFO, form, RelayLog(options.data) if options.detach else None)
    try:
        seat = Seat.take(options.data.resolve())
    except NameTakenError as error:
        logger.error("%s", error.message)
        return NAME_TAKEN
    except OSError as error:
        logger.error("the relay cannot listen in %s: %s", options.data, error.strerror)
        return 1
    if options.detach and not detached():
        return 0
    allow_many_files()
    sys.setswitchinterval(SWITCH_INTERVAL)
    idle_exit = None if options.stay else options.idle_exit
    asyncio.run(serve(seat, options.version, idle_exit, Watchdog()))
    return 0


async def serve(
    seat: Seat, version: str, idle_exit: float | None, watchdog: Watchdog | None = None
) -> None:
    """Serve on a seat until there is nothing left to do."""
    watchdog = watchdog or Watchdog({})
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    board = Switchboard(loop)
    seat.sign()
    control = Control(seat, board, version, idle_exit, over.set)
    handover = Handover(loop, seat.folder, board.gate)
    server = await control.serve()
    logger.info("version %s serves", version)
    try:
        async with watchdog.serving():
            await over.wait()
    finally:
        server.close()
        await handover.close()
        await control.close()
        await board.close()
        seat.close()
        logger.info("ended")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="boruta-relay", description="Carry users' sessions.")
    parser.add_argument("--data", type=Path, required=True, help="the farm's data folder")
    parser.add_argument("--detach", action="store_true", help="return once the relay listens")
    parser.add_argument("--stay", action="store_true", help="never end for want of work")
    parser.add_argument(
        "--idle-exit",
        type=float,
        default=IDLE_EXIT,
        metavar="SECONDS",
        help="end when no server and no job was there for so long (default: %(default)g)",
    )
    parser.add_argument("--version", default=__version__, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

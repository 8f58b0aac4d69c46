"""The door's process: ``python -m boruta_farm.frontdoor.process --data DIR --ssh-addr HOST:PORT``.

It outlives the server, so that restarting or upgrading that cuts none of its connections. Server
and door meet at a socket in the data folder, where one line of JSON tells what the door is; it may
be told to drain (to take nobody in any more, and to end with its last connection) or to stop, or be
asked for one of the page's terminals, which are kept here because the server may start anew.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import asyncssh

from boruta_farm import __version__
from boruta_farm.access.detached import detached
from boruta_farm.access.listening import allow_many_files, listen
from boruta_farm.access.relaylog import RelayLog
from boruta_farm.access.rendezvous import NameTakenError, Seat
from boruta_farm.clock import Clock, SystemClock
from boruta_farm.frontdoor.door import SshDoor
from boruta_farm.frontdoor.host_key import host_key
from boruta_farm.frontdoor.line import ServerLine
from boruta_farm.model.addresses import with_port
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.front_door import DOOR, DRAIN, LOG, STOP, TERMINAL
from boruta_farm.model.home import lend_home
from boruta_farm.settings.places import Address
from boruta_farm.settings.table import SettingError
from boruta_farm.terminals.keeper import TerminalKeeper
from boruta_farm.terminals.lending import lend
from boruta_farm.terminals.line import TerminalLine
from boruta_farm.terminals.sessions import BoardSessions
from boruta_farm.thinning import configure

log = logging.getLogger(__name__)

NAME_TAKEN: Final = 3
BACKLOG: Final = 512
IDLE_EXIT: Final = 60.0
"""Seconds after which a door that a server has started ends without it, when nobody is there."""
LOOK_EVERY: Final = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped or drained; return the exit code."""
    options = _options(arguments)
    form = "%(asctime)s door[%(process)d] %(levelname)s %(message)s"
    kept = RelayLog(options.data, name=LOG) if options.detach else None
    configure(logging.INFO, form, kept)
    # What the libraries tell of each channel and call is for who looks for their faults.
    asyncssh.set_log_level(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    data = options.data.resolve()
    try:
        host, port = Address().read(options.ssh_addr)
        seat = Seat.take(data, DOOR)
    except NameTakenError as error:
        log.error("%s", error.message)
        return NAME_TAKEN
    except SettingError as error:
        log.error("ssh_addr: %s", error.message)
        return 1
    except OSError as error:
        log.error("the door cannot listen in %s: %s", data, error.strerror)
        return 1
    try:
        key = host_key(data)
        listener = listen(host, port, BACKLOG)
    except ConfigError as error:
        log.error("%s", error.message)
        seat.close()
        return 1
    except OSError as error:
        log.error("ssh_addr: %s cannot be used: %s", options.ssh_addr, error.strerror)
        seat.close()
        return 1
    if options.detach and not detached():
        return 0
    allow_many_files()
    lend_home(os.environ)
    runner = asyncio.Runner(loop_factory=_loop_factory())
    with runner:
        idle_exit = options.idle_exit if options.detach else None
        runner.run(_serve(seat, listener, key, options.ssh_addr, options.version, idle_exit))
    return 0


async def _serve(
    seat: Seat,
    listener: socket.socket,
    key: asyncssh.SSHKey,
    asked: str,
    version: str,
    idle_exit: float | None,
) -> None:
    loop = asyncio.get_running_loop()
    stop, drain = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    clock = SystemClock()
    seat.sign()
    line = ServerLine(seat.folder, clock)
    door = SshDoor(line, key, clock)
    public = " ".join(key.export_public_key().decode("ascii").split()[:2])
    told = {
        "version": version,
        "pid": os.getpid(),
        "asked": asked,
        "port": listener.getsockname()[1],
        "key": public,
        "terminals": True,
    }
    given_up = asyncio.Event()
    servers: set[asyncio.StreamWriter] = set()
    terminals = TerminalKeeper(BoardSessions())
    control = await _control(seat, told, stop, drain, given_up, servers, terminals)
    tasks: list[asyncio.Task[None]] = [
        asyncio.create_task(door.look_after()),
        asyncio.create_task(line.news.follow()),
    ]
    if idle_exit is not None:
        left = _end_when_left(door, terminals, servers, idle_exit, clock, stop)
        tasks.append(asyncio.create_task(left))
    accepting = asyncio.create_task(door.accept(listener))
    log.info("version %s lets people in at %s", version, with_port(*listener.getsockname()[:2]))
    waits = [asyncio.create_task(stop.wait()), asyncio.create_task(drain.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        accepting.cancel()
        await asyncio.gather(accepting, return_exceptions=True)
        listener.close()
        if not stop.is_set():
            seat.give_up()
            given_up.set()
            log.info("nobody else is let in; %d connections go on", door.connections)
            # Nobody finds them here any more: whoever opens the page again asks the next door.
            await terminals.close()
            emptied = asyncio.create_task(door.empty())
            await asyncio.wait((waits[0], emptied), return_when=asyncio.FIRST_COMPLETED)
            emptied.cancel()
        await door.close()
    finally:
        for task in (*tasks, *waits, accepting):
            task.cancel()
        await asyncio.gather(*tasks, *waits, accepting, return_exceptions=True)
        control.close()
        await terminals.close()
        for server in list(servers):
            # Its line ends as one does; what is cancelled in the middle is told as a failure.
            server.close()
        seat.close()
        await line.close()
        log.info("ended")


async def _control(
    seat: Seat,
    told: dict[str, object],
    stop: asyncio.Event,
    drain: asyncio.Event,
    given_up: asyncio.Event,
    servers: set[asyncio.StreamWriter],
    terminals: TerminalKeeper,
) -> asyncio.Server:
    """Answer the server, as often as it comes; it hears when the name is free for another.

    ``servers`` are those who are on the line.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        servers.add(writer)
        try:
            writer.write(json.dumps(told).encode() + b"\n")
            while line := await reader.readline():
                word = line.strip().decode(errors="replace")
                if word == DRAIN:
                    drain.set()
                    await given_up.wait()
                    writer.write(b"drained\n")
                elif word == STOP:
                    stop.set()
                elif word.startswith(f"{TERMINAL} "):
                    viewer = TerminalLine(reader, writer)
                    await lend(terminals, viewer, word.removeprefix(f"{TERMINAL} "))
                    break
        except (ConnectionError, ValueError) as error:
            log.info("the server hung up: %s", error)
        finally:
            servers.discard(writer)
            writer.close()

    return await asyncio.start_unix_server(answer, sock=seat.listener)


async def _end_when_left(
    door: SshDoor,
    terminals: TerminalKeeper,
    servers: set[asyncio.StreamWriter],
    idle_exit: float,
    clock: Clock,
    stop: asyncio.Event,
) -> None:
    """Have a door end that its server has left for good, as the relay does."""
    since = clock.monotonic()
    while clock.monotonic() - since < idle_exit:
        await asyncio.sleep(LOOK_EVERY)
        if servers or door.connections or terminals.running:
            since = clock.monotonic()
    log.info("no server and nobody here for %g s: the door ends", idle_exit)
    stop.set()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="boruta-door", description="Let people in by ssh.")
    parser.add_argument("--data", type=Path, required=True, help="the farm's data folder")
    parser.add_argument("--ssh-addr", required=True, metavar="HOST:PORT", help="where to listen")
    parser.add_argument("--detach", action="store_true", help="return once the door listens")
    parser.add_argument("--idle-exit", type=float, default=IDLE_EXIT, help=argparse.SUPPRESS)
    parser.add_argument("--version", default=__version__, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


if __name__ == "__main__":
    sys.exit(main())

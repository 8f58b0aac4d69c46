"""The command line of the controller, with the original's options.

Differences, all on purpose: without ``-remote`` it uses the service's socket when there is one
(two programs on one serial line steal each other's replies), a failure of a dynamic peripheral
or of HDMI is a failure, and ``-serve`` works without systemd too.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Never

from boruta_farm.dryad.activation import take_sockets
from boruta_farm.dryad.stm.client import ADMIN_SOCKET, USER_SOCKET, Client
from boruta_farm.dryad.stm.controller import Controller
from boruta_farm.dryad.stm.errors import ControllerError
from boruta_farm.dryad.stm.interface import Interface
from boruta_farm.dryad.stm.options import Options, OptionsError, parse_options
from boruta_farm.dryad.stm.port import DEFAULT_PATH
from boruta_farm.dryad.stm.recorder import Recorder
from boruta_farm.dryad.stm.service import Service
from boruta_farm.dryad.stm.values import DyPer, Ink, Led
from boruta_farm.model.errors import BorutaError
from boruta_farm.thinning import configure

logger = logging.getLogger(__name__)

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def main(arguments: Sequence[str]) -> int:
    """Run ``dryad stm`` and return its exit status: 0 done, 1 failed, 2 wrongly used."""
    try:
        options = parse_options(arguments)
    except OptionsError as wrong:
        (sys.stderr if wrong.status else sys.stdout).write(wrong.words)
        return wrong.status
    if options.serve or options.dummy:
        configure(logging.INFO, "%(name)s: %(message)s")
    try:
        asyncio.run(_run(options))
    except (BorutaError, OSError) as error:
        sys.stderr.write(f"stm: {error}\n")
        return 1
    return 0


async def _run(options: Options) -> None:
    interface = choose_interface(options)
    try:
        if options.serve:
            await serve(interface, options.listen, options.user_listen)
        else:
            await act(interface, options, _say)
    finally:
        await interface.close()


def choose_interface(options: Options) -> Interface:
    """Return the controller that the options name: logged, at a socket, or on the serial line."""
    if options.dummy:
        return Recorder()
    if options.remote:
        return Client(Path(options.remote))
    if options.remote is None and options.tty is None and not options.serve:
        path = ADMIN_SOCKET if os.geteuid() == 0 else USER_SOCKET
        if path.is_socket():
            return Client(path)
    return Controller.at(options.tty or DEFAULT_PATH)


async def _say(data: bytes) -> None:
    sys.stdout.write(data.decode())


async def act(
    interface: Interface, options: Options, say: Callable[[bytes], Awaitable[None]]
) -> None:
    """Carry out what was asked for, in the original's order; ``say`` takes what it prints."""
    if options.dut:
        await interface.dut()
    elif options.ts:
        await interface.ts()
    if options.tick:
        await interface.power_tick(options.m)
    await _measure(interface, options, say)
    if options.clr:
        await interface.clear_display()
    if options.print:
        await interface.print_text(options.print_x, options.print_y, Ink.ON, options.print)
    for led, color in ((Led.ONE, options.led1), (Led.TWO, options.led2)):
        if color is not None:
            await interface.set_led(led, color)
    for dyper, on in ((DyPer.ONE, options.dyper1), (DyPer.TWO, options.dyper2)):
        if on is not None:
            await interface.set_dyper(dyper, on)
    if options.hdmi is not None:
        await interface.hdmi(options.hdmi)


async def _measure(
    interface: Interface, options: Options, say: Callable[[bytes], Awaitable[None]]
) -> None:
    if options.cur:
        await say(b"%d\n" % await interface.get_current())
    if not (options.cur_start or options.cur_stop or options.cur_get):
        return
    if not isinstance(interface, Client):
        raise ControllerError("a record of the current is kept by the service: give -remote")
    if options.cur_start:
        await interface.start_current_record(options.cur_size, options.cur_duration)
    if options.cur_stop:
        await interface.stop_current_record()
    if options.cur_get:
        samples = await interface.get_current_record()
        await say(f"{','.join(map(str, samples))}\n".encode())


async def serve(interface: Interface, admin: Path, user: Path) -> None:
    """Run the service until SIGINT or SIGTERM, on systemd's sockets where it handed them over."""
    sockets = take_sockets(os.environ)
    loop = asyncio.get_running_loop()
    leaving = asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, leaving.set)
    try:
        async with Service(interface) as service:
            if not sockets:
                await service.listen(admin, user)
            elif sockets.keys() == {str(admin), str(user)}:
                await service.listen_sockets(sockets[str(admin)], sockets[str(user)])
            else:
                _refuse(sockets, admin, user)
            logger.info("serving at %s and %s", admin, user)
            await leaving.wait()
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _refuse(sockets: dict[str, socket.socket], admin: Path, user: Path) -> Never:
    for handed in sockets.values():
        handed.close()
    raise ControllerError(
        f"systemd handed over {', '.join(sorted(sockets))} instead of {admin} and {user}; "
        "make -listen and -user-listen name the same sockets as its units"
    )

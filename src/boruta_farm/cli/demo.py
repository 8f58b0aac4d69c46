"""``boruta demo``: a whole farm on this machine."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import failures_told
from boruta_farm.cli.demo_boards import MUXPI, STM_GROUP, STM_LINE, SYSTEM_USERS
from boruta_farm.cli.demo_farm import USUAL_PORT, DemoFarm, demo_farm
from boruta_farm.cli.demo_room import add_group, enter_room, in_room, ssh_server
from boruta_farm.cli.parts import server_installed

CHECKOUT = Path("run")
INTERRUPTED = 130


class Driver(StrEnum):
    """The kinds of board that can be demonstrated."""

    SANDBOX = "sandbox"
    LINUX = "linux"
    MUXPI = "muxpi"


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Lend one board unattended, show each step, and end.")
    ] = False,
    driver: Annotated[
        Driver,
        typer.Option("--driver", help="What the boards are; all but sandbox need root and --once."),
    ] = Driver.SANDBOX,
    users: Annotated[
        bool, typer.Option("--users", help="With --once: show who may do what, over TLS.")
    ] = False,
) -> None:
    """Run a server with boards on this machine until Ctrl-C; leaves nothing behind."""
    with failures_told():
        if users:
            if not once or driver is not Driver.SANDBOX:
                raise typer.BadParameter("--users runs with --once and sandboxes only")
            if not asyncio.run(_until_told(_rehearse_users())):
                raise typer.Exit(INTERRUPTED)
            return
        if driver is not Driver.SANDBOX:
            if not once:
                raise typer.BadParameter(f"--driver {driver} runs with --once only")
            if not in_room():
                enter_room(driver)
        done = asyncio.run(_until_told(REHEARSALS[driver]() if once else _stay()))
    if once and not done:
        raise typer.Exit(INTERRUPTED)


async def _until_told(work: Coroutine[None, None, None]) -> bool:
    """Do the work until it is done or a signal asks to end it; either way it cleans up."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return False
    return True


async def _rehearse() -> None:
    from boruta_farm.cli.rehearsal import Rehearsal

    async with demo_farm(_say) as farm:
        await Rehearsal(farm, _say).run()
    _say("done: a board was lent, used, taken back and proved clean")


async def _rehearse_users() -> None:
    from boruta_farm.cli.demo_users import users_farm
    from boruta_farm.cli.rehearsal_users import UsersRehearsal

    with server_installed():
        async with users_farm(_say) as farm:
            await UsersRehearsal(farm, _say).run()
    _say("done: everything that had to be refused was refused, and is in the audit")


async def _rehearse_linux() -> None:
    from boruta_farm.cli.rehearsal_linux import LinuxRehearsal

    async with demo_farm(_say, SYSTEM_USERS, {"sshd": ssh_server()}) as farm:
        await LinuxRehearsal(farm, _say).run()
    _say("done: a board was lent to a system user, what he left was ended, and it was proved clean")


async def _rehearse_muxpi() -> None:
    from boruta_farm.cli.emulation import emulated_controller
    from boruta_farm.cli.rehearsal_muxpi import MuxPiRehearsal

    add_group(STM_GROUP)
    async with emulated_controller(STM_LINE) as controller:
        async with demo_farm(_say, MUXPI, {"sshd": ssh_server()}) as farm:
            await MuxPiRehearsal(farm, controller, _say).run()
        controller.check_dark()
        _say("the agent was ended by SIGTERM: display and lights of the MuxPi are dark")
    _say("done: a MuxPi was lent, its device was switched, taken back and proved off and clean")


REHEARSALS: Mapping[Driver, Callable[[], Coroutine[None, None, None]]] = {
    Driver.SANDBOX: _rehearse,
    Driver.LINUX: _rehearse_linux,
    Driver.MUXPI: _rehearse_muxpi,
}


async def _stay() -> None:
    async with demo_farm(_say) as farm:
        _say(_introduction(farm))
        await asyncio.get_running_loop().create_future()


def _introduction(farm: DemoFarm) -> str:
    boruta = "./run boruta" if CHECKOUT.is_file() else "boruta"
    if not farm.url.endswith(f":{USUAL_PORT}"):
        boruta = f"BORUTA_SERVER={farm.url} {boruta}"
    boards = "\n".join(
        f"  {w.name:<12}{w.state:<6}"
        + " ".join(f"{k}={v}" for k, v in sorted(w.caps.items()) if k != "UUID")
        for w in farm.workers
    )
    return f"""
Boruta serves on {farm.url}, data in {farm.folder}
API description: {farm.url}/api/v1/openapi.json

{boards}

Sandboxes are processes of this machine; they behave like boards but protect nothing.
Try, in another terminal:

  {boruta} ssh -c board=rpi4
      a shell on a board; leave it, and the board is cleaned

  {boruta} new -c board=rpi3; {boruta} ssh -c board=rpi3 --wait 20s
      take a board, then queue behind it: who holds it, until when, your position

  {boruta} workers
      all boards

Ctrl-C ends the farm and leaves nothing behind.
"""


def _say(text: str) -> None:
    print(text, file=sys.stdout, flush=True)

"""What the demo can play: a farm that stays, and rehearsals that lend one board and end."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

from boruta_farm.demo.boards import MUXPI, SANDBOXES, STM_GROUP, STM_LINE, SYSTEM_USERS
from boruta_farm.demo.device import DemoDevice, demo_device
from boruta_farm.demo.driver import DemoDriver
from boruta_farm.demo.emulation import emulated_controller
from boruta_farm.demo.farm import USUAL_PORT, DemoFarm, demo_farm
from boruta_farm.demo.rehearsal import Rehearsal
from boruta_farm.demo.rehearsal_linux import LinuxRehearsal
from boruta_farm.demo.rehearsal_muxpi import MuxPiRehearsal
from boruta_farm.demo.rehearsal_tools import ToolsRehearsal
from boruta_farm.demo.rehearsal_users import UsersRehearsal
from boruta_farm.demo.room import add_group, enter_room, in_room, ssh_server
from boruta_farm.demo.users import users_farm
from boruta_farm.web.page import built_page
from boruta_farm.words.worker import board_text

CHECKOUT = Path("run")
Say = Callable[[str], None]
Play = Callable[[Say], Coroutine[None, None, None]]


async def until_told(work: Coroutine[None, None, None]) -> bool:
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


def rehearsal(driver: DemoDriver) -> Play:
    """Return the rehearsal with one kind of board; all but sandboxes enter a room of their own."""
    if driver is not DemoDriver.SANDBOX and not in_room():
        enter_room(driver)
    return REHEARSALS[driver]


async def stay(say: Say, port: int | None = None) -> None:
    """Keep a farm and tell what to try with it; its server has this port, if one is named."""
    with demo_device() as device:
        boards = (*SANDBOXES, device.board)
        async with demo_farm(say, boards, door=True, port=port) as farm:
            say(_introduction(farm, device))
            await asyncio.get_running_loop().create_future()


async def users(say: Say) -> None:
    """Show who may do what."""
    async with users_farm(say) as farm:
        await UsersRehearsal(farm, say).rehearse()
    say("done: everything that had to be refused was refused, and is in the audit")


async def tools(say: Say) -> None:
    """Show what is done with a device, and that the next user finds it clean."""
    with demo_device() as device:
        async with demo_farm(say, (device.board,)) as farm:
            await ToolsRehearsal(farm, device, say).rehearse()
    say("done: a device was switched, watched, flashed and booted, and given to the next one clean")


async def _sandbox(say: Say) -> None:
    async with demo_farm(say) as farm:
        await Rehearsal(farm, say).rehearse()
    say("done: a board was lent, used, taken back and proved clean")


async def _linux(say: Say) -> None:
    async with demo_farm(say, SYSTEM_USERS, {"sshd": ssh_server()}) as farm:
        await LinuxRehearsal(farm, say).rehearse()
    say("done: a board was lent to a system user, what he left was ended, and it was proved clean")


async def _muxpi(say: Say) -> None:
    add_group(STM_GROUP)
    async with emulated_controller(STM_LINE) as controller:
        async with demo_farm(say, MUXPI, {"sshd": ssh_server()}) as farm:
            await MuxPiRehearsal(farm, controller, say).rehearse()
        controller.check_dark()
        say("the agent was ended by SIGTERM: display and lights of the MuxPi are dark")
    say("done: a MuxPi was lent, its device was switched, taken back and proved off and clean")


REHEARSALS: Mapping[DemoDriver, Play] = {
    DemoDriver.SANDBOX: _sandbox,
    DemoDriver.LINUX: _linux,
    DemoDriver.MUXPI: _muxpi,
}


def _introduction(farm: DemoFarm, device: DemoDevice) -> str:
    boruta, begin = "./run boruta" if CHECKOUT.is_file() else "boruta", ""
    if not farm.url.endswith(f":{USUAL_PORT}"):
        begin = f"export BORUTA_SERVER={farm.url}\n\n  "
    boards = "\n".join(f"  {w.name:<12}{w.state:<6}" + board_text(w.caps) for w in farm.workers)
    page = f"The page, with a shell in the browser: {farm.url}/"
    if not built_page().built:
        page = "This server has no page: it was built without npm (see ui/build.py)"
    return f"""
Boruta serves on {farm.url}
{page}
Data: {farm.folder}
API description: {farm.url}/api/v1/openapi.json

{boards}

Sandboxes are processes of this machine; they behave like boards but protect
nothing.
Try, in another terminal:

  {begin}{boruta} ssh -c board=rpi4
      a shell on a board; leave it, and the board is cleaned
      dut there operates a simulated device: dut power on, dut press reset

  {farm.ssh or "(install OpenSSH's client to have plain ssh)"}
      the same by plain ssh, as by ssh -J at a real farm; scp and rsync, too

  {boruta} ssh -c board={device.board.name} -- dut boot --expect '=> '
      its device is {device.words}

  {boruta} new -c board=rpi3; {boruta} ssh -c board=rpi3 --wait 20s
      take a board, then queue behind it: who holds it, and until when

  {boruta} workers
      all boards

Ctrl-C ends the farm and leaves nothing behind.
"""

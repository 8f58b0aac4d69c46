"""``boruta demo``: a whole farm on this machine."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import failures_told
from boruta_farm.cli.demo_farm import USUAL_PORT, DemoFarm, demo_farm

CHECKOUT = Path("run")
INTERRUPTED = 130


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Lend one board unattended, show each step, and end.")
    ] = False,
) -> None:
    """Run a server with sandboxed boards on this machine until Ctrl-C; leaves nothing behind."""
    with failures_told():
        done = asyncio.run(_until_told(_rehearse() if once else _stay()))
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

"""``boruta demo``: a whole farm on this machine."""

import asyncio
import sys
from functools import partial
from typing import Annotated

import typer

from boruta_farm.cli.console import failures_told
from boruta_farm.cli.parts import server_installed
from boruta_farm.demo.driver import DemoDriver

INTERRUPTED = 130


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Lend one board unattended, show each step, and end.")
    ] = False,
    driver: Annotated[
        DemoDriver,
        typer.Option("--driver", help="What the boards are; all but sandbox need root and --once."),
    ] = DemoDriver.SANDBOX,
    users: Annotated[
        bool, typer.Option("--users", help="With --once: show who may do what, over TLS.")
    ] = False,
    tools: Annotated[
        bool,
        typer.Option(
            "--tools",
            help="With --once: switch, watch, flash and boot a device, in QEMU where installed.",
        ),
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="PORT", min=1, max=65535, help="The server's, in place of 8487."
        ),
    ] = None,
) -> None:
    """Run a server with boards on this machine until Ctrl-C; leaves nothing behind."""
    if users and tools:
        raise typer.BadParameter("--users and --tools are two shows; run one after the other")
    if (users or tools) and (not once or driver is not DemoDriver.SANDBOX):
        name = "--users" if users else "--tools"
        raise typer.BadParameter(f"{name} runs with --once and sandboxes only")
    if driver is not DemoDriver.SANDBOX and not once:
        raise typer.BadParameter(f"--driver {driver} runs with --once only")
    if port is not None and once:
        raise typer.BadParameter("--port is for a farm that stays; --once finds a free one")
    with failures_told(), server_installed():
        from boruta_farm.demo import plays

        stay = partial(plays.stay, port=port)
        play: plays.Play = plays.users if users else plays.tools if tools else stay
        if once and not (users or tools):
            play = plays.rehearsal(driver)
        done = asyncio.run(plays.until_told(play(_say)))
    if once and not done:
        raise typer.Exit(INTERRUPTED)


def _say(text: str) -> None:
    print(text, file=sys.stdout, flush=True)

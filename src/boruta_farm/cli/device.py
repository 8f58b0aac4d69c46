"""Verbs that operate the device under test: ``dut`` on the board, over the one SSH path."""

import re
import sys
from pathlib import Path
from typing import IO, Annotated, Final

import typer

from boruta_farm.cli.completion import names_and_ids
from boruta_farm.cli.ssh import SshRun, carry_out, request_of
from boruta_farm.client.device import device_line
from boruta_farm.client.session import DEFAULT_KEEP_ALIVE, DEFAULT_PRIORITY
from boruta_farm.model.request import NewRequest

DEMAND: Final = re.compile(r"[=<>!(),\s]")
"""What stands in a demand (board=rpi4), and in no board's name."""

WORDS: Final = {"ignore_unknown_options": True, "allow_interspersed_args": False}
"""Words that look like options are the command's."""

TargetArgument = Annotated[
    str,
    typer.Argument(
        metavar="ID|BOARD|DEMAND",
        autocompletion=names_and_ids,
        help="A request of yours by its ID; or a board's name, or a demand such as board=rpi4: "
        "borrowed for the command.",
    ),
]


def power(
    context: typer.Context,
    target: TargetArgument,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="on|off|cycle|state [NAME]", help="What to do; else its state."),
    ] = None,
) -> None:
    """Switch the power of a board's device, or read it.

    A power cycle takes how long the power is away, such as 5s. The exit status is dut's: 0 done,
    1 failed, 2 wrong usage or no such tool, 3 the job has ended; 255 for failures of our own.
    """
    _operate(context, target, "power", *(words or ["state"]))


def press(
    context: typer.Context,
    target: TargetArgument,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME] [1s]", help="Which button, how long.")
    ] = None,
) -> None:
    """Press a button of a board's device; exits as power does."""
    _operate(context, target, "press", *(words or []))


def do(
    context: typer.Context,
    target: TargetArgument,
    name: Annotated[str, typer.Argument(help="What the board's admin has named.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD]...", help="Passed on, where allowed.")
    ] = None,
) -> None:
    """Do what a board's admin has named, and exit with its status."""
    _operate(context, target, "do", name, *(words or []))


def screen(
    context: typer.Context,
    target: TargetArgument,
    file: Annotated[
        Path | None, typer.Argument(help="Where the picture goes; - or none for our output.")
    ] = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Which screen, where there are several.")
    ] = "",
    watch: Annotated[
        bool, typer.Option("--watch", help="All pictures as they come, until Ctrl-C.")
    ] = False,
) -> None:
    """Take a picture of the screen of a board's device; exits as power does."""
    to_file = file is not None and str(file) != "-"
    if not to_file and sys.stdout.isatty():
        raise typer.BadParameter("a picture is not for a terminal; name a file")
    verb = ("watch",) if watch else ("snap",)
    words = ("screen", *verb, *((name,) if name else ()), *(() if watch else ("-",)))
    if not to_file:
        _operate(context, target, *words)
    assert file is not None
    new = file.with_name(f".{file.name}.new")
    try:
        with new.open("wb") as output:
            try:
                _operate(context, target, *words, output=output)
            except typer.Exit as ended:
                if not ended.exit_code:
                    new.replace(file)
                raise
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be written: {error.strerror}") from None
    finally:
        new.unlink(missing_ok=True)


def _operate(
    context: typer.Context, target: str, *words: str, output: IO[bytes] | None = None
) -> None:
    request_id = request_of(target)

    def wish() -> SshRun:
        new, board = None, None
        if request_id is None:
            demand = DEMAND.search(target) is not None
            board = None if demand else target
            new = NewRequest(
                caps={},
                selector=target if demand else None,
                priority=DEFAULT_PRIORITY,
                keep_alive=DEFAULT_KEEP_ALIVE,
                strict=True,
            )
        return SshRun(
            new=new,
            board=board,
            request_id=request_id,
            wait=None,
            own=None,
            command=(device_line(*words),),
            output=output,
        )

    carry_out(context, wish)

"""Verbs that operate the device under test: ``dut`` on the board, over the one SSH path."""

import sys
from pathlib import Path
from typing import IO, Annotated

import typer

from boruta_farm.cli.completion import names_and_ids
from boruta_farm.cli.console import say
from boruta_farm.cli.options import read_want
from boruta_farm.cli.ssh import SshRun, carry_out
from boruta_farm.client.device import device_line
from boruta_farm.client.images import ImageStream, is_elsewhere
from boruta_farm.client.session import DEFAULT_KEEP_ALIVE, DEFAULT_PRIORITY
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.request import NewRequest
from boruta_farm.selectors.want import request_of

TargetArgument = Annotated[
    str,
    typer.Argument(
        metavar="WANT",
        autocompletion=names_and_ids,
        help="A request of yours by its ID (42, r42); or which board is borrowed for the command: "
        "lab-rpi4, rpi4, board=rpi4+ram.ge.4, any.",
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
    lasts = not words or words[0] != "on" or request_of(target) is not None
    try:
        operate(context, target, "power", *(words or ["state"]))
    except typer.Exit as ended:
        # Not before: where no board is had, there is nothing to keep on.
        if not (lasts or ended.exit_code):
            say(
                "boruta: the board was given back, which as a rule takes its power away; to keep "
                "it on: boruta new, then boruta power ID on"
            )
        raise


def press(
    context: typer.Context,
    target: TargetArgument,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME] [1s]", help="Which button, how long.")
    ] = None,
) -> None:
    """Press a button of a board's device; exits as power does."""
    operate(context, target, "press", *(words or []))


def do(
    context: typer.Context,
    target: TargetArgument,
    name: Annotated[str, typer.Argument(help="What the board's admin has named.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD]...", help="Passed on, where allowed.")
    ] = None,
) -> None:
    """Do what a board's admin has named, and exit with its status."""
    operate(context, target, "do", name, *(words or []))


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
        operate(context, target, *words)
    assert file is not None
    new = file.with_name(f".{file.name}.new")
    try:
        with new.open("wb") as output:
            try:
                operate(context, target, *words, output=output)
            except typer.Exit as ended:
                if not ended.exit_code:
                    new.replace(file)
                raise
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be written: {error.strerror}") from None
    finally:
        new.unlink(missing_ok=True)


def flash(
    context: typer.Context,
    target: TargetArgument,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME] FILE|-|URL",
            help="Which medium, where there are several; a file of yours, our input, or an address "
            "that the board's admin allows.",
        ),
    ],
    bmap: Annotated[
        Path | None,
        typer.Option("--bmap", metavar="FILE", help="Write only the blocks that a bmap names."),
    ] = None,
    sha256: Annotated[
        str, typer.Option("--sha256", metavar="SUM", help="What the image must have.")
    ] = "",
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not read it back.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the medium at the supervisor.")
    ] = False,
) -> None:
    """Write an image to the card of a board's device, read it back, and give it to the device.

    A file is streamed over the job's SSH path, raw or packed (gz, xz, zst, bz2), with its length
    and sum behind it. Exits as power does.
    """
    if len(words) > 2:
        raise typer.BadParameter("write at most a medium's name and an image")
    *name, image = words
    options = ["--progress"] if sys.stderr.isatty() else []
    options += ["--no-verify"] if no_verify else []
    options += ["--keep"] if keep else []
    if is_elsewhere(image) or image == "-":
        if bmap is not None:
            raise typer.BadParameter("--bmap goes with a file of yours")
        options += ["--sha256", sha256] if sha256 else []
        operate(context, target, "flash", *options, *name, image)
    try:
        stream = ImageStream(Path(image), bmap, sha256)
    except ConfigError as error:
        raise typer.BadParameter(error.message) from None
    with stream:
        given = (*options, *stream.words, *name, "-")
        operate(context, target, "flash", *given, source=stream.source)


def operate(
    context: typer.Context,
    target: str,
    *words: str,
    output: IO[bytes] | None = None,
    source: int | None = None,
    extra: tuple[str, ...] = (),
) -> None:
    """Have ``dut`` on the board do something and exit with its status; ``extra`` is for ssh."""
    want = read_want(target)
    request_id = None if want is None else want.request

    def wish() -> SshRun:
        new = None
        if request_id is None:
            new = NewRequest(
                caps={},
                priority=DEFAULT_PRIORITY,
                keep_alive=DEFAULT_KEEP_ALIVE,
                strict=True,
            )
        return SshRun(
            new=new,
            want=want if request_id is None else None,
            request_id=request_id,
            wait=None,
            own=None,
            command=(device_line(*words),),
            extra=extra,
            output=output,
            source=source,
        )

    carry_out(context, wish)

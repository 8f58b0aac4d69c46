"""The console of a board's device: at the board while the job runs, from the farm afterwards."""

import codecs
import sys
from typing import Annotated

import typer

from boruta_farm.cli.console import clean_lines, run
from boruta_farm.cli.device import TargetArgument, operate
from boruta_farm.client.farm import Farm
from boruta_farm.model.errors import ConsoleLogNotFoundError
from boruta_farm.model.request import RequestState
from boruta_farm.selectors.want import request_of


def console(
    context: typer.Context,
    target: TargetArgument,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME] [--plain] [--log] [--times] [--cast] [--expect RE] [--timeout 60s] "
            "[--send TEXT] [--take]",
            help="Which console, and what dut console is to do there.",
        ),
    ] = None,
) -> None:
    """See the console of a board's device and type into it; ~? at a line's start tells more.

    --log writes what came since the job's start: from the farm once the job has ended, whose
    history keeps it; --times puts the time before each line. --cast writes an ended job's log as a
    recording, for asciinema play. The exit status is dut's, as that of
    power; boruta console ID --expect 'login:' fails where the text does not come in time. --plain,
    for programs, joins input and output to the console as they are, also before a terminal; without
    it the log of an ended job, which may be another's, is shown at one without what would steer it.
    """
    given = list(words or [])
    plain = "--plain" in given
    given = [word for word in given if word != "--plain"]
    request_id = request_of(target)
    bare = plain or not _at_terminal()
    if request_id is None and "--cast" in given:
        raise typer.BadParameter(
            "--cast writes what a console said in a job that has ended; name its request by number"
        )
    if (
        request_id is not None
        and not {"--log", "--cast"}.isdisjoint(given)
        and _from_farm(context, request_id, given, bare=bare)
    ):
        return
    talks = any(word.partition("=")[0] in ("--log", "--expect", "--send") for word in given)
    terminal = sys.stdin.isatty() and sys.stdout.isatty() and not (talks or plain)
    # The escapes are the console's: by its own, ~. would end ssh, and with a failure.
    extra = ("-t", "-e", "none") if terminal else ()
    operate(context, target, "console", *given, extra=extra)


def _at_terminal() -> bool:
    return sys.stdout.isatty()


def _from_farm(context: typer.Context, request_id: int, words: list[str], *, bare: bool) -> bool:
    """Write an ended job's log, ``bare`` as it came; False where it runs, and the board has it."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    names = [word for word in words if not word.startswith("-")]
    cast = "--cast" in words
    output = sys.stdout.buffer

    async def work(farm: Farm) -> bool:
        try:
            log = farm.consoles.log(
                request_id, "".join(names[:1]), times="--times" in words, cast=cast
            )
            async with log as data:
                async for piece in data:
                    shown = piece if bare else clean_lines(decoder.decode(piece)).encode()
                    output.write(shown)
        except ConsoleLogNotFoundError:
            request = await farm.requests.get_request_info(farm.caller, request_id)
            # The board has what a running job's console says, and makes no recording of it.
            if cast or request.state is not RequestState.IN_PROGRESS:
                raise
            return False
        output.flush()
        return True

    return run(context, work, f"request {request_id}")

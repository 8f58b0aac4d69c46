"""``dryad``: the agent as a command."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from boruta_farm import __version__
from boruta_farm.dryad import config as configuration
from boruta_farm.dryad import logs
from boruta_farm.dryad.arguments import TypedArguments
from boruta_farm.dryad.config import DEFAULT_PATH, AgentConfig, UnconfiguredError
from boruta_farm.dryad.ready import ReadyLoop
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.output import output_told
from boruta_farm.model.token import conceal
from boruta_farm.watchdog import Watchdog

DONE, FAILED, UNCONFIGURED = 0, 1, 78
"""Nobody has named the farm yet: starting again would not help (EX_CONFIG of sysexits)."""
HELPER_VERB = "helper"
"""``dryad helper`` is the part of the agent that is root, where the rest is not."""

STM_VERB = "stm"
"""``dryad stm ...`` speaks to the board controller of a MuxPi."""
DOCTOR_VERB = "doctor"
"""``dryad doctor`` checks everything a board needs."""
JOIN_VERB = "join"
"""``dryad join URL`` enrols the board at a farm."""
CONFIG_VERB = "config"
"""``dryad config check`` reads what the agent reads, as its user."""
TOOL_VERB = "tool"
"""``dryad tool ...`` operates the board's device for root at the supervisor."""
DETECT_VERB = "detect"
"""``dryad detect`` looks for what could be a tool."""
COMMANDS_VERB = "commands"
"""``dryad commands`` writes the commands of sessions into a folder of their PATH."""
VERBS = f"""\
other uses, each with a --help of its own:
  dryad {JOIN_VERB} URL       enrol the board at a farm, such as https://FARM:8487; comes first
  dryad {DOCTOR_VERB}         check all that the board needs
  dryad {CONFIG_VERB} check   check only what the agent reads
  dryad {HELPER_VERB}         the part of the agent that is root, where the rest is not
  dryad {DETECT_VERB}         look for serial ports, card readers, hubs and power sockets
  dryad {TOOL_VERB}           operate the board's device, whoever has the board
  dryad {COMMANDS_VERB}       write dut and the original's commands for sessions into /usr/local/bin
  dryad {STM_VERB}            speak to the controller of a MuxPi
"""
logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the agent and end the process with its exit status."""
    with output_told("dryad"):
        sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the agent until SIGINT or SIGTERM and return the exit status.

    A missing configuration file is written with defaults, and the agent ends with 1: somebody
    has to name the farm first; with 78 where the file is there and names none. Wrong usage ends
    with 2.
    """
    if arguments and arguments[0] == HELPER_VERB:
        from boruta_farm.dryad.users.command import serve_helper

        return serve_helper(arguments[1:])
    if arguments and arguments[0] == STM_VERB:
        from boruta_farm.dryad.stm.tool import main as stm

        return stm(list(arguments[1:]))
    if arguments and arguments[0] == DOCTOR_VERB:
        from boruta_farm.dryad.doctor.tool import main as doctor

        return doctor(list(arguments[1:]))
    if arguments and arguments[0] == TOOL_VERB:
        from boruta_farm.dryad.tools.tool import main as tool

        return tool(arguments[1:])
    if arguments and arguments[0] == DETECT_VERB:
        from boruta_farm.dryad.tools.detecting import main as detect

        return detect(arguments[1:])
    if arguments and arguments[0] == COMMANDS_VERB:
        from boruta_farm.dryad.dut.launcher import main as commands

        return commands(arguments[1:])
    if arguments and arguments[0] == JOIN_VERB:
        from boruta_farm.dryad.joining import main as join

        return join(arguments[1:])
    if arguments and arguments[0] == CONFIG_VERB:
        from boruta_farm.dryad.checking import main as check

        return check(arguments[1:])
    options = _options(arguments)
    logs.configure(options.log_level)
    try:
        if not options.conf.exists():
            configuration.write_example(options.conf)
            print(
                f"dryad: {options.conf}: configuration file generated. Please edit it first",
                file=sys.stderr,
            )
            return FAILED
        config = configuration.load(options.conf)
        logs.configure(options.log_level, config.uuid)
        with asyncio.Runner(loop_factory=ReadyLoop) as runner:
            runner.run(_serve(config, Watchdog()))
    except UnconfiguredError as error:
        print(f"dryad: {error.message}", file=sys.stderr)
        return UNCONFIGURED
    except BorutaError as error:
        print(f"dryad: {conceal(error.message)}", file=sys.stderr)
        return FAILED
    return DONE


async def _serve(config: AgentConfig, watchdog: Watchdog) -> None:
    # The driver's and the link's libraries take a while to load on a small board; wrong
    # configurations are told before that.
    from boruta_farm.dryad.agent import run_agent

    work = asyncio.create_task(run_agent(config))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    async with watchdog.serving():
        with contextlib.suppress(asyncio.CancelledError):
            await work
    logger.info("stopped")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = TypedArguments(
        prog="dryad",
        description="Keep a board of a Boruta farm.",
        epilog=VERBS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        *("-conf", "--conf"),
        type=Path,
        default=DEFAULT_PATH,
        metavar="FILE",
        help=f"configuration file (default {DEFAULT_PATH})",
    )
    parser.add_argument(
        *("-version", "--version"), action="version", version=f"dryad version {__version__}"
    )
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info"
    )
    return parser.parse_args(arguments)

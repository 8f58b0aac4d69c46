"""A MuxPi's board controller as a program: its firmware behind a pseudo-terminal.

    python -m boruta_farm.testing.stm_emulator LINK STATE

``LINK`` becomes a symbolic link to the terminal, to be named as the serial line; ``STATE`` is a
JSON file with what the controller has switched, written anew after each command.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from boruta_farm.testing.stm_chip import Chip
from boruta_farm.testing.stm_ports import PseudoTerminal


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="stm_emulator", description=__doc__.split("\n")[0])
    parser.add_argument("link", type=Path, help="where to put a link to the terminal")
    parser.add_argument("state", type=Path, help="file that tells what is switched")
    parser.add_argument(
        "--honest-echo", action="store_true", help="obey 'echo off', as boards in the field do"
    )
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    asyncio.run(_serve(parser.parse_args(arguments)))


async def _serve(options: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    terminal = PseudoTerminal(
        echo_sticks=not options.honest_echo,
        latency=options.latency,
        after=lambda: write_state(options.state, terminal.firmware.chip),
    )
    with terminal:
        write_state(options.state, terminal.firmware.chip)
        options.link.unlink(missing_ok=True)
        options.link.symlink_to(terminal.path)
        sys.stderr.write(f"emulated controller at {options.link} ({terminal.path})\n")
        sys.stderr.flush()
        await stopping.wait()
    options.link.unlink(missing_ok=True)


def write_state(path: Path, chip: Chip) -> None:
    """Write what the controller has switched; a reader sees the old or the new, never half."""
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(asdict(chip)))
    aside.replace(path)


if __name__ == "__main__":
    main()

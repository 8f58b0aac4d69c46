"""A MuxPi's board controller as a program: its firmware behind a pseudo-terminal.

    python -m boruta_farm.testing.stm_emulator LINK

``LINK`` becomes a symbolic link to the terminal, to be named as the serial line. What the
controller has switched is told on standard output, one line of JSON after each command.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from boruta_farm.testing.stm_ports import PseudoTerminal


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="stm_emulator", description="A MuxPi's board controller behind a pseudo-terminal."
    )
    parser.add_argument("link", type=Path, help="where to put a link to the terminal")
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

    def tell() -> None:
        sys.stdout.write(f"{json.dumps(asdict(terminal.firmware.chip))}\n")
        sys.stdout.flush()

    terminal = PseudoTerminal(
        echo_sticks=not options.honest_echo, latency=options.latency, after=tell
    )
    with terminal:
        _link(options.link, terminal.path)
        tell()
        await stopping.wait()
        _link(options.link, None)


def _link(link: Path, target: Path | None) -> None:
    """Replace a link, or remove it."""
    link.unlink(missing_ok=True)
    if target is not None:
        link.symlink_to(target)


if __name__ == "__main__":
    main()

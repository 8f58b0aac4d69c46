"""The commands of the original's world: each with the original's arguments and exit statuses.

Each is sugar over ``dut``: it goes through the same socket and ends with the same session.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

from boruta_farm.dryad.dut.call import DutError
from boruta_farm.dryad.dut.frames import Status

PACKAGE: Final = "boruta_farm.dryad.dut.original."

COMMANDS: Final = {
    "stm": ("stm", "switch card, power, dynamic peripherals, HDMI; read the current"),
    "fota": ("fota", "write the images of archives to partitions of the card"),
    "dut_boot.sh": ("boot", "give the device card and power, and wait until it has booted"),
    "dut_login.sh": ("login", "remember who commands on the device are run as, and try it"),
    "dut_exec.sh": ("execute", "run a command on the device"),
    "dut_copyto.sh": ("copying", "copy a file or folder to the device"),
    "dut_copyfrom.sh": ("copying", "copy a file or folder from the device"),
}
"""Each command's module, and what it does; a module has ``operate(name, words)``."""

FAILED: Final = 1


def main(name: str, arguments: Sequence[str] | None = None) -> int:
    """Do what a command of the original would, and return its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        module = importlib.import_module(PACKAGE + COMMANDS[name][0])
        status: int = module.operate(name, words)
        sys.stdout.flush()
    except DutError as error:
        print(f"{name}: {error}", file=sys.stderr)
        # The original knows no other failures; wrong usage of Go's programs is 2.
        return Status.USAGE if error.status == Status.USAGE else FAILED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Nobody reads on; Python must not complain about it at its end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    return status

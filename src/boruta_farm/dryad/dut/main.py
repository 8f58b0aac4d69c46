"""``dut``: operate the device under test from within a session."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

from boruta_farm.dryad.dut.call import DutError, UsageError
from boruta_farm.dryad.dut.frames import Status

PACKAGE: Final = "boruta_farm.dryad.dut."

VERBS: Final = {
    "power": ("power", "on|off|cycle|state [NAME]", "switch the power, or read it"),
    "console": ("console", "[NAME] [--log ...]", "see the console, and type; ~? tells more"),
    "boot": ("console", "--expect RE [NAME]", "cycle the power, wait for a text on the console"),
    "press": ("press", "[NAME] [1s]", "press a button for so long"),
    "do": ("do", "NAME [WORD...]", "do what the board's admin has named"),
    "storage": ("storage", "supervisor|dut|state [NAME]", "give a card to one side, or see whose"),
    "flash": ("flash", "[NAME] FILE|-|URL [OPTION...]", "write an image (dut flash --help)"),
    "save": ("save", "[NAME] FILE|-", "read a card into a file; .gz, .xz, .zst, .bz2 pack it"),
    "screen": ("screen", "snap|watch [NAME] [FILE]", "see the screen; FILE may be - for output"),
    "usb": ("usb", "[export|withdraw BUS_ID] [NAME]", "list USB devices, or lend one by usbip"),
    "net": ("net", "[PORT] [NAME]", "list the device's ports, or connect to one (as nc does)"),
    "ssh": ("net", "[WORD...]", "log in to the device, by its port named ssh"),
}
"""Each verb's module, what may follow, and what it does; a module has ``operate(verb, words)``."""

HELLO: Final = "You are on the computer beside the device under test; dut operates the device."
"""What people are told first when they log in to a board with tools."""

HELP: Final = """\
usage: dut [VERB ...]

{hello}
Alone it shows what there is. NAME, of a tool, may be left out where there is one of its kind.

{verbs}

  --json                    before a verb: print the agent's answer as JSON
  --hello                   print the first line of this text
  --version                 print the version

exit status: 0 done, 1 failed, 2 wrong usage or no such tool, 3 the job has ended, 4 the agent
does not answer; dut do: that of the command; dut ssh: that of ssh; 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = _dispatch(words)
        sys.stdout.flush()
    except DutError as error:
        print(f"dut: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Nobody reads on; Python must not complain about it at its end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return Status.FAILED
    return status


def _dispatch(words: list[str]) -> int:
    json = words[:1] == ["--json"]
    verb, *rest = words[json:] or [""]
    if verb in ("-h", "--help", "help"):
        print(HELP.format(hello=HELLO, verbs=_verbs()), end="")
        return Status.DONE
    if verb == "--hello":
        print(HELLO)
        return Status.DONE
    if verb == "--version":
        from boruta_farm import __version__

        print(f"dut version {__version__}")
        return Status.DONE
    name = "show" if not verb else VERBS[verb][0] if verb in VERBS else ""
    if not name:
        raise UsageError(f"there is no verb {verb!r}; known are {', '.join(VERBS)}")
    module = importlib.import_module(PACKAGE + name)
    status: int = module.operate(verb, rest, json=json)
    return status


def _verbs() -> str:
    return "\n".join(
        f"  dut {f'{verb} {form}':<36}{words}" for verb, (_, form, words) in VERBS.items()
    )

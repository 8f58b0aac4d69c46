"""The commands of sessions as files in a folder on their PATH."""

import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from boruta_farm.dryad.arguments import TypedArguments
from boruta_farm.dryad.dut.original.main import COMMANDS
from boruta_farm.model.errors import ConfigError

NAME: Final = "dut"
NAMES: Final = (NAME, *COMMANDS)
_SOURCES: Final = Path(__file__).parents[3]
# Without site-packages (-S) and the user's settings (-I) it starts in a fraction of the time.
BOOT: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from boruta_farm.dryad.dut.main import main; sys.exit(main())"
)
ORIGINAL_BOOT: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from boruta_farm.dryad.dut.original.main import main; sys.exit(main(sys.argv.pop(1)))"
)
MARK: Final = "# A command of Boruta's agent, dryad."
"""The second line of each file, by which an older one of ours is told from a stranger's."""

USUAL_FOLDER: Final = Path("/usr/local/bin")
"""Where Weles calls the original's commands, by their full paths."""


def main(arguments: Sequence[str]) -> int:
    """Run ``dryad commands`` and return its exit status."""
    parser = TypedArguments(
        prog="dryad commands",
        description="Write the commands of sessions into a folder: dut, and those of the "
        "original's world (stm, fota, dut_boot.sh and the like).",
        allow_abbrev=False,
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=USUAL_FOLDER,
        metavar="FOLDER",
        help=f"default {USUAL_FOLDER}",
    )
    folder = parser.parse_args(arguments).folder
    try:
        write_launchers(folder)
    except ConfigError as error:
        print(f"dryad commands: {error.message}", file=sys.stderr)
        return 1
    print(f"{folder}: {', '.join(NAMES)}")
    return 0


def write_launchers(folder: Path, names: Iterable[str] = NAMES) -> None:
    """Write the commands into a folder, which is made. Raises ConfigError.

    A file of somebody else's that has such a name is not touched.
    """
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in names:
            _write(folder / name, name)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from error


def is_ours(file: Path) -> bool:
    """Tell whether a file was written by ``write_launchers``."""
    with file.open("rb") as opened:
        return MARK.encode() in opened.read(4096)


def _write(file: Path, name: str) -> None:
    if file.exists() and not is_ours(file):
        raise ConfigError(
            f"{file} is not a command of this agent's; remove it, or write the others to another "
            "folder"
        )
    words = [sys.executable, "-I", "-S", "-c"]
    words += (BOOT, str(_SOURCES)) if name == NAME else (ORIGINAL_BOOT, str(_SOURCES), name)
    new = file.with_name(f".{name}.new")
    new.write_text(f'#!/bin/sh\n{MARK}\nexec {shlex.join(words)} "$@"\n')
    new.chmod(0o755)
    new.replace(file)

"""The command ``dut`` as a file in a folder on the session's PATH."""

import shlex
import sys
from pathlib import Path
from typing import Final

from boruta_farm.model.errors import ConfigError

NAME: Final = "dut"
_SOURCES: Final = Path(__file__).parents[3]
# Without site-packages (-S) and the user's settings (-I) it starts in a fraction of the time.
BOOT: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from boruta_farm.dryad.dut.main import main; sys.exit(main())"
)


def write_launcher(folder: Path) -> None:
    """Write ``dut`` into a folder, which is made. Raises ConfigError."""
    words = (sys.executable, "-I", "-S", "-c", BOOT, str(_SOURCES))
    file = folder / NAME
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        file.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        file.chmod(0o755)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}") from error

"""The process that looks for a prompt: it gets the pattern, NUL, then what the console shows.

``FOUND`` on standard output tells that it has matched; at the input's end the process just goes.
"""

import os
import resource
from typing import Final

from boruta_farm.dryad.dut.expecting import Expectation
from boruta_farm.dryad.images.rights import drop_rights

FOUND: Final = b"found"
PIECE: Final = 64 * 1024
NICENESS: Final = 5
"""A pattern that takes for ever leaves most of the time to others, but is not starved by them."""


def main() -> None:
    """Look until it is found, or nothing more comes."""
    os.nice(NICENESS)
    drop_rights()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seen = b""
    while b"\0" not in seen:
        if not (data := os.read(0, PIECE)):
            return
        seen += data
    pattern, _, data = seen.partition(b"\0")
    wanted = Expectation(pattern.decode())
    while True:
        if wanted.feed(data) is not None:
            os.write(1, FOUND)
            return
        if not (data := os.read(0, PIECE)):
            return

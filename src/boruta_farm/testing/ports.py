"""Ranges of ports for the tunnels of farms that live for a moment."""

import random
import socket
from typing import Final

from boruta_farm.model.errors import BorutaError

TUNNEL_PORTS: Final = range(21000, 30000, 50)
"""Where the tunnels lie, in steps of one farm's range."""


def some_ports() -> tuple[int, int]:
    """Return the first and last of a small free range, so that farms do not collide.

    Raises BorutaError where none is free.
    """
    for first in random.sample(TUNNEL_PORTS, len(TUNNEL_PORTS)):
        if all(map(_is_free, range(first, first + TUNNEL_PORTS.step))):
            return first, first + TUNNEL_PORTS.step - 1
    raise BorutaError(
        f"no {TUNNEL_PORTS.step} ports in a row are free between {TUNNEL_PORTS.start} and "
        f"{TUNNEL_PORTS.stop} for the boards; stop what uses them, such as another farm"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

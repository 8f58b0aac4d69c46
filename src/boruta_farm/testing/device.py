"""A small device that is none, so that a sandbox has something to operate."""

from collections.abc import Mapping
from typing import Final

_SAYS: Final = {"driver": "simulated", "about": "of a simulated device"}

SIMULATED: Final[Mapping[str, Mapping[str, str]]] = {
    "power": {**_SAYS, "kind": "power"},
    "card": {**_SAYS, "kind": "storage"},
    "uart": {**_SAYS, "kind": "console"},
    "reset": {**_SAYS, "kind": "button"},
    "report": {**_SAYS, "kind": "do", "about": "says how the simulated device is"},
}
"""The tables of an agent's configuration below ``[tools]``."""

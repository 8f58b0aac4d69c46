"""A small device of the agent's imagination: what the simulated tools of one board act on."""

import time
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

BLOCK: Final = 512
ECHO: Final = "echo "


class SimulatedDevice:
    """What the tools of one board act on; ``card`` is the file of the one that it holds."""

    def __init__(self) -> None:
        self.on = False
        self.started = 0.0
        self.starts = 0
        self.held = False
        self.card: Path | None = None
        self.on_start: Callable[[], None] = lambda: None

    def switch(self, on: bool) -> None:
        """Give or take power; it starts when power comes."""
        if on and not self.on:
            self.start()
        self.on = on

    def start(self) -> None:
        """Begin from the beginning."""
        self.started = time.monotonic()
        self.starts += 1
        self.on_start()

    def script(self) -> tuple[str, ...]:
        """Return what its card has it say: a line for each ``echo`` at the card's beginning."""
        if self.card is None:
            return ()
        with self.card.open("rb") as file:
            lines = file.read(BLOCK).decode("ascii", errors="replace").split("\n")
        begin = takewhile(lambda line: line.startswith(ECHO) and line.isprintable(), lines)
        return tuple(line.removeprefix(ECHO) for line in begin)

    def __str__(self) -> str:
        if not self.on:
            return "off"
        if self.held:
            return "held in reset"
        return f"on for {time.monotonic() - self.started:.0f} s, started {self.starts} times"


_DEVICES: Final[WeakValueDictionary[str, SimulatedDevice]] = WeakValueDictionary()


def simulated_device(board: str) -> SimulatedDevice:
    """Return the device of a board, which lives as long as a tool of it."""
    return _DEVICES.setdefault(board, SimulatedDevice())

"""A small device of the agent's imagination: what the simulated tools of one board act on."""

import time
from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary


class SimulatedDevice:
    """What the tools of one board act on."""

    def __init__(self) -> None:
        self.on = False
        self.started = 0.0
        self.starts = 0
        self.held = False
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

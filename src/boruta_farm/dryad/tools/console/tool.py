"""A console as the board's other parts know it; its driver only says where the port is."""

from abc import abstractmethod
from pathlib import Path

from boruta_farm.dryad.tools.base import Tool
from boruta_farm.dryad.tools.console.desk import Desk
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.console import PortPlace


class ConsoleTool(Tool):
    """One console; the agent gives it what the keeper holds when it starts."""

    kind = Kind.CONSOLE

    def __init__(self) -> None:
        self.desk = Desk()

    @abstractmethod
    def place(self) -> PortPlace:
        """Return where the bytes come from; nothing is opened."""

    def device(self) -> Path | None:
        """Return the device's path where it can be left to the session, else None."""
        return None

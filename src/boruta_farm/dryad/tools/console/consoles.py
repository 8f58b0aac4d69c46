"""All consoles of a board: held from the agent's start, each job's bytes its own, logs kept."""

import asyncio
import logging
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from boruta_farm.dryad.state import OPEN, AgentState, Phase
from boruta_farm.dryad.tools.acts.console import ConsoleTable
from boruta_farm.dryad.tools.console.desk import Desk
from boruta_farm.dryad.tools.console.keeping import ConsoleKeeper, KeptConsole
from boruta_farm.dryad.tools.console.logs import LogFolder
from boruta_farm.dryad.tools.console.terminal import Terminal
from boruta_farm.dryad.tools.console.tool import ConsoleTool
from boruta_farm.dryad.tools.door import SessionDoor
from boruta_farm.dryad.tools.toolbox import Toolbox
from boruta_farm.model.errors import BoardError, StoreError

logger = logging.getLogger(__name__)

FOLDER: Final = "console"
"""In the agent's folder: the keeper's socket, and the logs that the farm does not have yet."""


class Consoles:
    """Keep a board's consoles."""

    def __init__(self, toolbox: Toolbox, folder: Path) -> None:
        """``folder`` is the agent's own, which only it may read."""
        self._tools: dict[str, ConsoleTool] = {}
        self._left: dict[str, ConsoleTool] = {}
        for name, tool, table in _consoles(toolbox):
            (self._tools if table.own else self._left)[name] = tool
        self.logs = LogFolder(folder / FOLDER / "logs")
        self.keeper = ConsoleKeeper(
            folder / FOLDER,
            {name: tool.place() for name, tool in self._tools.items()},
            self._attach,
        )
        self._door: SessionDoor | None = None
        self._state: AgentState | None = None
        self._labelled = 0
        self._terminals: dict[Path, Terminal | None] = {}
        self._shown = 0
        self._showing: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self, door: SessionDoor | None) -> None:
        """Hold the ports from now on; one that is not there is waited for. Raises BoardError."""
        self._door = door
        if self._tools:
            await self.keeper.start()

    async def close(self) -> None:
        """Let go. While a job is on the board its ports are left to the next agent."""
        self._hide()
        while self._closing:
            await asyncio.wait(self._closing)
        leave = self._is_job()
        for tool in self._tools.values():
            tool.desk.take(None)
        await self.keeper.close(leave=leave)

    def look(self, state: AgentState) -> None:
        """Learn where the board stands; never waits. Terminals come and go with the session."""
        self._state = state
        if state.phase not in OPEN:
            self._hide()
        elif self._shown != state.epoch:
            self._hide()
            self._show(state.epoch)
        for tool in self._tools.values():
            self._label(tool)

    @property
    def desks(self) -> Mapping[str, Desk]:
        """Return the desk of each console that the agent holds."""
        return {name: tool.desk for name, tool in self._tools.items()}

    def label(self, epoch: int) -> None:
        """Take what consoles say from now on for the log of a job that has yet to begin."""
        self._labelled = epoch
        for tool in self._tools.values():
            self._label(tool)

    async def cut(self) -> None:
        """End what a session may read, and store the log where a job ended.

        Called when nobody is on the board any more and its tools are put back. Raises BoardError.
        """
        for name, tool in self._tools.items():
            if not tool.desk.held:
                # A keeper that begins anew has nothing of anybody's.
                continue
            kept = tool.desk.kept
            await kept.cut()
            if epoch := kept.ring.epoch:
                try:
                    await asyncio.to_thread(self.logs.store, epoch, name, kept.ring)
                except (OSError, StoreError) as error:
                    logger.error("epoch %d: the log of %s is lost: %s", epoch, name, error)
                self.logs.changed.set()
            kept.ring.forget()

    def _attach(self, name: str, connection: socket.socket) -> None:
        tool = self._tools[name]
        tool.desk.take(KeptConsole(name, connection, tool.desk.wake))
        self._label(tool)

    def _label(self, tool: ConsoleTool) -> None:
        """Note whose log it is as soon as it is a job's: it outlives this agent."""
        if self._state is not None and self._is_job() and tool.desk.held:
            ring = tool.desk.kept.ring
            if ring.epoch != self._state.epoch:
                ring.epoch = self._state.epoch

    def _is_job(self) -> bool:
        """Tell whether the session is a job's, which has begun or is made ready for."""
        state = self._state
        if state is None or state.phase not in OPEN:
            return False
        return state.phase is Phase.GRANTED or state.epoch == self._labelled

    def _show(self, epoch: int) -> None:
        self._shown = epoch
        if self._door is not None:
            showing = self._furnish(self._door)
            self._showing = asyncio.get_running_loop().create_task(showing)

    async def _furnish(self, door: SessionDoor) -> None:
        """Make the terminals of a session, and its way to the ports that are left to it."""
        folder = door.consoles
        for name, tool in (*self._tools.items(), *self._left.items()):
            path, terminal = folder / name, None
            try:
                if name in self._tools:
                    terminal = Terminal(tool.desk)
                    device = terminal.device
                    await door.give(device)
                else:
                    device = tool.device() or _no_device(name)
                folder.mkdir(mode=0o755, parents=True, exist_ok=True)
                path.unlink(missing_ok=True)
                path.symlink_to(device)
            except (OSError, BoardError) as error:
                logger.error("console %s: sessions have no terminal: %s", name, error)
                if terminal is not None:
                    self._later(terminal)
                continue
            except asyncio.CancelledError:
                if terminal is not None:
                    self._later(terminal)
                raise
            if terminal is not None:
                terminal.open()
            self._terminals[path] = terminal

    def _hide(self) -> None:
        self._shown = 0
        if self._showing is not None:
            self._showing.cancel()
            self._closing.add(self._showing)
            self._showing.add_done_callback(self._closing.discard)
            self._showing = None
        for path, terminal in self._terminals.items():
            path.unlink(missing_ok=True)
            if terminal is not None:
                self._later(terminal)
        self._terminals.clear()

    def _later(self, terminal: Terminal) -> None:
        task = asyncio.get_running_loop().create_task(terminal.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _consoles(toolbox: Toolbox) -> Iterator[tuple[str, ConsoleTool, ConsoleTable]]:
    for each in toolbox:
        if isinstance(each.tool, ConsoleTool) and isinstance(each.table, ConsoleTable):
            yield each.name, each.tool, each.table


def _no_device(name: str) -> Path:
    raise BoardError(f"{name} is no device of this machine, so it cannot be left to a session")

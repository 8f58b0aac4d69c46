"""The service of acts: whoever is on the board operates its tools, and nobody else, ever (I19).

Each connection is one call. Who calls is the kernel's word; that the job still runs is looked at
when the call comes, again before the act begins, between its steps, and whenever the board's state
changes: acts of a session that is over are called off at once, whatever they are at.
"""

import asyncio
import logging
import socket
from collections.abc import Collection, Mapping
from typing import Any, Final

from boruta_farm.dryad.dut.frames import VERSION, DutFrameError, Status
from boruta_farm.dryad.state import OPEN, AgentState
from boruta_farm.dryad.tools.console.consoles import Consoles
from boruta_farm.dryad.tools.door import OwnDoor, PeerProcess, ToolDoor
from boruta_farm.dryad.tools.errors import ActError, SessionOverError
from boruta_farm.dryad.tools.kind import Act, ActCall
from boruta_farm.dryad.tools.listening import DoorListener
from boruta_farm.dryad.tools.moving import Note
from boruta_farm.dryad.tools.preparing import PreparingCall
from boruta_farm.dryad.tools.served import ServedCall
from boruta_farm.dryad.tools.toolbox import FittedTool, Toolbox
from boruta_farm.dryad.tools.wire import DutWire
from boruta_farm.model.errors import BoardError, BorutaError

logger = logging.getLogger(__name__)

MOST: Final = 32
"""Connections at a time of one session, as many of root, and of all others."""

CALL_WITHIN: Final = 10.0
"""Seconds in which a caller must have said what it wants."""

STOP_WITHIN: Final = 5.0
"""Seconds in which an act that was called off must have ended."""

NO_EPOCH: Final = -1
"""Stands for the session of root at the supervisor."""

STRANGERS: Final = -2
"""Stands for all who are of no session: they are told so, and take nobody's place."""

LIST: Final = "list"
"""The act of no tool: what there is, and how it stands."""


class ToolService:
    """Let the present session operate the board's tools."""

    def __init__(self, toolbox: Toolbox, consoles: Consoles | None = None) -> None:
        self.toolbox = toolbox
        self.consoles = consoles
        self._sessions: DoorListener | None = None
        self._own: DoorListener | None = None
        self._state: AgentState | None = None
        self._calls: dict[asyncio.Task[None], int] = {}
        self._acts: dict[asyncio.Task[Mapping[str, object]], tuple[int, str]] = {}

    def start(self, door: ToolDoor | None, own: OwnDoor | None = None) -> None:
        """See that sessions will be able to come in, and let root in. Raises ConfigError."""
        if door is not None:
            door.open().close()
            door.close()
            self._sessions = DoorListener(door, self._take)
        if own is not None:
            self._own = DoorListener(own, self._take)
            self._own.open()

    def look(self, state: AgentState) -> None:
        """Learn where the board stands; never waits. Acts of a session that is over are called off.

        Each session finds a socket of its own, so that no call can wait in it for the next one.
        """
        before, self._state = self._state, state
        if self.consoles is not None:
            self.consoles.look(state)
        for task, epoch in (*self._calls.items(), *((t, e) for t, (e, _) in self._acts.items())):
            # Once only: a second time would keep an act from letting go what it holds.
            if not _is_open(state, epoch) and not task.cancelling():
                task.cancel()
        if self._sessions is None:
            return
        if state.phase not in OPEN:
            self._sessions.shut()
        elif not self._sessions.is_open or before is None or before.epoch != state.epoch:
            self._sessions.open()

    async def settle(self) -> None:
        """Wait a moment until no act of an earlier session is under way. Raises BoardError."""
        state = self._state
        old = {
            task: name
            for task, (epoch, name) in self._acts.items()
            if state is None or not _is_open(state, epoch)
        }
        if not old:
            return
        _, left = await asyncio.wait(old, timeout=STOP_WITHIN)
        if left:
            names = ", ".join(sorted({old[task] for task in left}))
            raise BoardError(
                f"tools: what the last job began at {names} does not end; restart the agent, and "
                "see that the tool answers"
            )

    async def close(self) -> None:
        """Let nobody in any more and end all calls."""
        self._state = None
        for listener in filter(None, (self._sessions, self._own)):
            listener.shut()
        tasks = (*self._calls, *self._acts)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_WITHIN)

    def admit(self, peer: PeerProcess, door: ToolDoor) -> int:
        """Return the epoch of the session that a process belongs to. Raises SessionOverError.

        Who comes in by the agent's own door belongs to none, and acts at any time.
        """
        if isinstance(door, OwnDoor):
            if not door.admits(peer):
                raise SessionOverError("this is for root and the agent's own user alone")
            return NO_EPOCH
        state = self._state
        if state is None or state.phase not in OPEN:
            raise SessionOverError
        if not door.admits(peer):
            raise SessionOverError(
                "the device belongs to the session that the board is lent to, and this is not it"
            )
        return state.epoch

    def session(self) -> int:
        """Return the epoch of the session that is prepared. Raises SessionOverError."""
        if self._state is None or self._state.phase not in OPEN:
            raise SessionOverError
        return self._state.epoch

    async def operate(
        self, epoch: int, tool: FittedTool, verb: str, arguments: Mapping[str, object], note: Note
    ) -> Mapping[str, object]:
        """Do an act for a job that is to begin, fenced as those of its session would be.

        Raises BorutaError.
        """

        def check() -> None:
            if self._state is None or not _is_open(self._state, epoch):
                raise SessionOverError

        check()
        act = _act_of(tool, verb)
        task = self._begin(tool, act, PreparingCall(arguments, check, note), epoch)
        try:
            done, _ = await asyncio.wait((task,), timeout=act.limit)
        except asyncio.CancelledError:
            task.cancel()
            raise
        return _result(tool, act, task, done)

    def _take(self, connection: socket.socket, door: ToolDoor) -> None:
        """Answer a connection, unless there are too many."""
        if self._state is None and not isinstance(door, OwnDoor):
            connection.close()
            return
        try:
            epoch = self.admit(PeerProcess.of(connection), door)
        except SessionOverError:
            epoch = STRANGERS
        if sum(other == epoch for other in self._calls.values()) >= MOST:
            connection.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(connection, door))
        self._calls[task] = epoch
        task.add_done_callback(self._calls.pop)

    async def _serve(self, connection: socket.socket, door: ToolDoor) -> None:
        """Answer one call to its end."""
        peer = PeerProcess.of(connection)
        wire = DutWire(connection)
        try:
            result = await self._answer(wire, peer, door)
        except (ConnectionError, TimeoutError) as error:
            logger.info("a caller of tools has gone: %s", error or "it said nothing")
            await wire.abort()
            return
        except asyncio.CancelledError:
            result = _failure(Status.OVER, SessionOverError())
        except (ActError, DutFrameError) as error:
            result = _failure(Status.USAGE, error)
        except SessionOverError as error:
            result = _failure(Status.OVER, error)
        except BorutaError as error:
            result = _failure(Status.FAILED, error)
        await wire.finish(result)

    async def _answer(
        self, wire: DutWire, peer: PeerProcess, door: ToolDoor
    ) -> Mapping[str, object]:
        epoch = self.admit(peer, door)
        async with asyncio.timeout(CALL_WITHIN):
            asked = await wire.read_call()
        if asked.get("dut") != VERSION:
            raise ActError(
                f"this agent speaks version {VERSION} of dut; log in anew, or update the agent"
            )
        call = ServedCall(wire, asked.get("arguments"), lambda: self._check(peer, door, epoch))
        call.check()
        if asked.get("act") == LIST:
            return {"status": Status.DONE, "tools": await self._list()}
        tool, act = self._find(asked.get("act"), asked.get("tool"))
        who = "root" if epoch == NO_EPOCH else f"epoch {epoch}"
        logger.info("%s: %s %s", who, tool.name, act.verb)
        answer = await self._perform(tool, act, call, epoch)
        return {"status": Status.DONE, **answer}

    def _check(self, peer: PeerProcess, door: ToolDoor, epoch: int) -> None:
        if self.admit(peer, door) != epoch:
            raise SessionOverError

    def _find(self, asked: object, name: object) -> tuple[FittedTool, Act]:
        kind, _, verb = asked.partition(".") if isinstance(asked, str) else ("", "", "")
        tool = self.toolbox.find(kind, name if isinstance(name, str) else "")
        return tool, _act_of(tool, verb)

    def _begin(
        self, tool: FittedTool, act: Act, call: ActCall, epoch: int
    ) -> asyncio.Task[Mapping[str, object]]:
        """Begin an act; one that hangs is left behind, and told at the clean-up."""
        if sum(other == epoch for other, _ in self._acts.values()) >= MOST:
            raise BoardError("too many acts are under way at the tools; wait until some have ended")
        task = asyncio.get_running_loop().create_task(_act(tool, act, call))
        self._acts[task] = epoch, tool.name
        task.add_done_callback(self._acts.pop)
        task.add_done_callback(_take_note)
        return task

    async def _perform(
        self, tool: FittedTool, act: Act, call: ServedCall, epoch: int
    ) -> Mapping[str, object]:
        """Do an act within its limit, and for as long as its caller is there if it streams."""
        task = self._begin(tool, act, call, epoch)
        waiting: set[asyncio.Task[Any]] = {task}
        if act.streams:
            waiting.add(call.begin())
        try:
            done, _ = await asyncio.wait(
                waiting, timeout=act.limit, return_when=asyncio.FIRST_COMPLETED
            )
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            await call.end()
        if done and task not in done:
            task.cancel()
            raise ConnectionResetError("it went away before the act was done")
        return _result(tool, act, task, done)

    async def _list(self) -> list[dict[str, object]]:
        """Return the tools with their states, all asked at once."""
        states = await asyncio.gather(*map(_look, self.toolbox))
        return [
            {
                "name": each.name,
                "kind": each.kind.kind,
                "driver": each.settings.driver,
                "about": each.settings.about,
                "state": state,
                "fault": fault,
                **each.kind.describe(each.tool, each.table),
            }
            for each, (state, fault) in zip(self.toolbox, states, strict=True)
        ]


def _act_of(tool: FittedTool, verb: str) -> Act:
    for act in tool.kind.acts:
        if act.verb == verb:
            return act
    raise ActError(
        f"this agent cannot {verb!r} with a tool of the kind {tool.kind.kind}; update it"
    )


def _result(
    tool: FittedTool,
    act: Act,
    task: asyncio.Task[Mapping[str, object]],
    done: Collection[asyncio.Task[Any]],
) -> Mapping[str, object]:
    """Return what an act answers that was waited for; call it off where it took too long."""
    if task not in done:
        task.cancel()
        raise BoardError(f"tool {tool.name}: {act.verb} took longer than {act.limit:g} s")
    if task.cancelled():
        raise SessionOverError
    return task.result()


async def _act(tool: FittedTool, act: Act, call: ActCall) -> Mapping[str, object]:
    """Do the act when the tool is free. Raises BorutaError, whatever the driver raised."""
    try:
        if not act.alone:
            return await act.perform(tool.tool, tool.table, call)
        async with tool.turn:
            # The job may have ended while somebody else had the tool.
            call.check()
            return await act.perform(tool.tool, tool.table, call)
    except BoardError as error:
        raise BoardError(f"tool {tool.name}: {error.message}") from error
    except (BorutaError, ConnectionError):
        raise
    except Exception as error:  # a driver may be a foreign package's
        logger.exception("tool %s failed in %s", tool.name, act.verb)
        raise BoardError(f"tool {tool.name}: {type(error).__name__}: {error}") from error


async def _look(tool: FittedTool) -> tuple[str, str]:
    """Return state and fault, of which one is empty."""
    try:
        return await tool.look(), ""
    except BoardError as error:
        return "", error.message


def _is_open(state: AgentState, epoch: int) -> bool:
    return epoch == NO_EPOCH or (state.epoch == epoch and state.phase in OPEN)


def _failure(status: Status, error: Exception) -> dict[str, object]:
    return {"status": status, "error": str(error)}


def _take_note(task: "asyncio.Task[Mapping[str, object]]") -> None:
    """Note what an act raised that nobody waits for any more."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.info("an act ended with: %s", error)

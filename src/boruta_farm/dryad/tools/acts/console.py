"""What is done with consoles: seen, written to, replayed; the port itself is the keeper's."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.tools.console.desk import PIECE, Desk, Viewer
from boruta_farm.dryad.tools.console.tool import ConsoleTool
from boruta_farm.dryad.tools.errors import ActError
from boruta_farm.dryad.tools.kind import Act, ActCall, Kind, ToolKind
from boruta_farm.model.errors import BoardError
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe, Pattern, Seconds, Switch


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleTable:
    """The settings of every tool of the kind console."""

    own: bool = setting(
        Switch(),
        "Whether the agent holds the port. false leaves it to the session's user, who must be "
        "able to open it: there is no log, nothing is fenced, and it is shown as not reset.",
        default=True,
    )
    booted: str | None = setting(
        Maybe(Pattern()),
        "What the device says when it has booted, as a regular expression: dut_boot.sh waits for "
        "it.",
        default=None,
        example="login:",
    )
    boot_within: float = setting(
        Seconds(1, 3600), "Seconds in which it must have said so.", default=120.0
    )


async def _attach(tool: ConsoleTool, _: ConsoleTable, call: ActCall) -> Mapping[str, object]:
    """Show what comes; with ``write`` pass on what the caller sends, if nobody else writes.

    Notes tell the first byte's position, who writes, what was dropped, and when the port is gone.
    """
    desk = tool.desk
    viewer = desk.join(_position(call.arguments, desk))
    write, take = _flag(call.arguments, "write"), _flag(call.arguments, "take")
    typing = asyncio.create_task(_type(desk, viewer, call, write=write or take))
    try:
        if write or take:
            desk.claim(viewer, take=take)
        await call.note(position=viewer.position, writes=desk.writes(viewer))
        await _show(desk, viewer, call)
    finally:
        # Left before anything is waited for: the act may be called off in this very wait.
        typing.cancel()
        desk.leave(viewer)
        await asyncio.gather(typing, return_exceptions=True)
    return {}


async def _show(desk: Desk, viewer: Viewer, call: ActCall) -> None:
    writes, trouble, dropped = desk.writes(viewer), "", 0
    while True:
        ring = desk.kept.ring
        data = viewer.look(ring)
        if viewer.dropped != dropped:
            await call.note(dropped=viewer.dropped - dropped)
            dropped = viewer.dropped
        if data:
            await call.send(data)
            continue
        if desk.writes(viewer) != writes:
            writes = not writes
            await call.note(writes=writes)
        if ring.trouble != trouble:
            trouble = ring.trouble
            await call.note(port=trouble)
        await viewer.news.wait()


async def _type(desk: Desk, viewer: Viewer, call: ActCall, *, write: bool) -> None:
    while data := await call.receive():
        if not write:
            continue
        try:
            await desk.write(viewer, data)
        except (ActError, BoardError) as error:
            await call.note(unsent=len(data), why=error.message)


async def _send(tool: ConsoleTool, _: ConsoleTable, call: ActCall) -> Mapping[str, object]:
    """Send all that the caller does; the answer tells the position before its first byte."""
    desk = tool.desk
    viewer = desk.join(None)
    sent, position = 0, viewer.position
    try:
        desk.claim(viewer, take=_flag(call.arguments, "take"))
        while data := await call.receive():
            call.check()
            await desk.write(viewer, data)
            sent += len(data)
    finally:
        desk.leave(viewer)
    return {"position": position, "sent": sent}


async def _break(tool: ConsoleTool, _: ConsoleTable, __: ActCall) -> Mapping[str, object]:
    await tool.desk.kept.send_break()
    return {}


async def _log(tool: ConsoleTool, _: ConsoleTable, call: ActCall) -> Mapping[str, object]:
    """Send what has come since the job's start; with ``times`` a note precedes each piece."""
    ring = tool.desk.kept.ring
    begin, stop = max(ring.floor, ring.oldest), ring.end
    if dropped := begin - ring.floor:
        await call.note(dropped=dropped)
    times = _flag(call.arguments, "times")
    for piece in ring.pieces(begin, stop, PIECE):
        if times:
            await call.note(at=piece.at, event=piece.event.name.lower())
        if piece.data:
            await call.send(piece.data)
    return {"position": stop, "dropped": dropped}


def _position(arguments: Mapping[str, object], desk: Desk) -> int | None:
    since = arguments.get("since", "now")
    if since == "now":
        return None
    if since == "start":
        return desk.kept.ring.floor
    if isinstance(since, int) and not isinstance(since, bool) and since >= 0:
        return since
    raise ActError("since: now, start or a position is wanted")


def _flag(arguments: Mapping[str, object], name: str) -> bool:
    return arguments.get(name, False) is True


def _describe(_: ConsoleTool, table: ConsoleTable) -> Mapping[str, object]:
    return {"booted": table.booted, "boot_within": table.boot_within}


async def _look(tool: ConsoleTool, table: ConsoleTable) -> str:
    return tool.desk.words() if table.own else "left to the session"


async def _reset(_: ConsoleTool, table: ConsoleTable) -> bool:
    return table.own


CONSOLE: Final = ToolKind(
    kind=Kind.CONSOLE,
    protocol=ConsoleTool,
    acts=(
        Act(verb="attach", perform=_attach, limit=None, alone=False, streams=True),
        Act(verb="send", perform=_send, limit=None, alone=False, streams=True),
        Act(verb="break", perform=_break, alone=False),
        Act(verb="log", perform=_log, limit=None, alone=False, streams=True),
    ),
    settings=ConsoleTable,
    describe=_describe,
    look=_look,
    reset=_reset,
)

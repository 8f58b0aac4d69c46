"""Terminals of this process for viewers of another one: one line each."""

import json
import logging
from typing import Any

from boruta_farm.model.errors import BorutaError
from boruta_farm.model.worker import AccessInfo
from boruta_farm.race import race
from boruta_farm.terminals.keeper import AskedTerminal, TerminalKeeper
from boruta_farm.terminals.line import POSITION, SAID, TYPED, TerminalLine
from boruta_farm.terminals.viewing import LocalView

log = logging.getLogger(__name__)


async def lend(keeper: TerminalKeeper, line: TerminalLine, wanted: str) -> None:
    """Serve a viewer until he goes or the program ends; ``wanted`` is JSON as the server sends it.

    The server has judged whether he may. Raises ConnectionError when he goes.
    """
    said: dict[str, Any] = json.loads(wanted)
    asked = AskedTerminal(**said["asked"])
    try:
        terminal = await keeper.open(said["request"], AccessInfo(**said["access"]), asked)
    except BorutaError as error:
        line.tell(refused=error.message)
        await line.drain()
        return
    with LocalView(terminal, said["position"], types=said["types"]) as view:
        line.tell(begins=view.begins)
        await race(_show(view, line), _listen(view, line), _mark(view, line))


async def _show(view: LocalView, line: TerminalLine) -> None:
    while True:
        position, data = await view.next()
        if not data:
            break
        line.send(SAID, position.to_bytes(POSITION) + data)
        await line.drain()
    line.tell(ended=view.status, position=position)
    await line.drain()


async def _listen(view: LocalView, line: TerminalLine) -> None:
    while True:
        letter, data = await line.take()
        if letter == TYPED:
            await view.write(data)
            continue
        told = json.loads(data)
        if "ack" in told:
            view.acknowledge(told["ack"])
        if "resize" in told:
            view.resize(*told["resize"])
        if "record" in told:
            view.record(told["record"])


async def _mark(view: LocalView, line: TerminalLine) -> None:
    recorders = 0
    while True:
        recorders = await view.recorders(recorders)
        line.tell(recorders=recorders)

"""Terminals, consoles and images of lent boards over WebSockets, and single acts of their tools."""

import asyncio
import contextlib
import logging
from typing import Any, Final

import msgspec
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from boruta_farm.model.caller import Caller
from boruta_farm.model.device import DeviceCall
from boruta_farm.model.errors import TerminalError
from boruta_farm.race import race
from boruta_farm.terminals.keeper import CONSOLE, SHELL, AskedTerminal
from boruta_farm.terminals.terminal import TYPED_AT_ONCE
from boruta_farm.terminals.terminals import BoardTerminals
from boruta_farm.terminals.viewing import TerminalView
from boruta_farm.web.answers import told
from boruta_farm.web.board_sockets import BoardSockets, close
from boruta_farm.web.bodies import Reader
from boruta_farm.web.calls import JSON_TYPE, Answer, Call
from boruta_farm.web.origins import check_own_page
from boruta_farm.web.requests import request_id_of
from boruta_farm.web.shapes import body, recorder

TERMINAL_PATH: Final = "/api/v1/reqs/{request_id}/terminal"
IMAGE_PATH: Final = "/api/v1/reqs/{request_id}/image"

ENDED: Final = 4000
GONE: Final = 1012
"""A service that starts again: the page tries anew."""

logger = logging.getLogger(__name__)

DEVICE_BODY: Reader[Any] = Reader(body(DeviceCall), strict=True)
DEVICE_CALL = recorder(DeviceCall)

OFF: Final = "this farm has no terminals in the page (browser_terminal); use ssh"
DIGITS: Final = 15


class TerminalCalls:
    """Answer the single acts."""

    def __init__(self, terminals: BoardTerminals | None) -> None:
        self._terminals = terminals

    async def operate(self, call: Call) -> Answer:
        """Have ``dut`` do one thing."""
        request_id = request_id_of(call)
        wanted = DEVICE_CALL(DEVICE_BODY.read(call.body) if call.body else None)
        done = await _enabled(self._terminals).operate(call.caller, request_id, wanted.words)
        return Answer(status=200, headers=(JSON_TYPE,), body=told(done))


class TerminalSockets:
    """Serve the WebSockets: who may not is told why, in the frame that closes."""

    def __init__(self, terminals: BoardTerminals | None, sockets: BoardSockets) -> None:
        self._terminals = terminals
        self._sockets = sockets

    async def terminal(self, websocket: WebSocket) -> None:
        """Serve one viewer of a terminal.

        Bytes go both ways as they are. As JSON the page tells ``resize`` (columns, rows), ``ack``,
        up to which position it has read, and ``record``, whether it records, and is told ``at``,
        the position of the next byte, ``recorders``, how many record, and ``ended``.
        """
        await self._sockets.serve(websocket, self._check, self._view)

    async def image(self, websocket: WebSocket) -> None:
        """Take an image in frames of bytes and have the board write it.

        As JSON the page is told ``taken``, the bytes that the board has, ``note``, how the writing
        goes, and in the end ``status``, ``output`` and ``error``.
        """
        await self._sockets.serve(websocket, self._check, self._flash)

    def _check(self, scope: Scope) -> None:
        """Raise TerminalError where there are none, and OriginError for pages of others."""
        _enabled(self._terminals)
        check_own_page(scope)

    async def _view(self, websocket: WebSocket, caller: Caller, request_id: int) -> None:
        query = websocket.query_params
        kind = CONSOLE if query.get("kind") == CONSOLE else SHELL
        columns, rows = _number(query.get("columns"), 80), _number(query.get("rows"), 24)
        asked = AskedTerminal(
            kind=kind,
            name=query.get("name", "")[:64],
            number=query.get("number", "1")[:8],
            columns=columns,
            rows=rows,
        )
        types = query.get("watch") != "1"
        begin = query.get("from", "")
        position = _number(begin, 0) if begin else None
        viewing = _enabled(self._terminals).view(
            caller, request_id, asked, position=position, types=types
        )
        try:
            async with viewing as view:
                if types:
                    view.resize(columns, rows)
                await race(
                    _show(websocket, view), _listen(websocket, view, types), _mark(websocket, view)
                )
        except ConnectionError as error:
            logger.info("a terminal's process is gone: %s", error)
            await close(websocket, GONE, "what keeps the terminals has ended")

    async def _flash(self, websocket: WebSocket, caller: Caller, request_id: int) -> None:
        query = websocket.query_params
        size = _number(query.get("size"), 0)
        if not size:
            raise TerminalError("an image has at least one byte")
        name = query.get("name", "")
        async with _enabled(self._terminals).flash(caller, request_id, name, size) as process:

            async def feed() -> None:
                taken = 0
                await websocket.send_json({"taken": 0})
                while taken < size:
                    data = await websocket.receive_bytes()
                    process.stdin.write(data[: size - taken])
                    await process.stdin.drain()
                    taken += len(data)
                    await websocket.send_json({"taken": taken})
                process.stdin.write_eof()

            async def report() -> None:
                said = b""
                while data := await process.stderr.read(4096):
                    said = (said + data)[-8192:]
                    line = said.replace(b"\r", b"\n").strip().rpartition(b"\n")[2]
                    await websocket.send_json({"note": line.decode(errors="replace").strip()})
                output = await process.stdout.read()
                await process.wait_closed()
                status = 255 if process.exit_status is None else process.exit_status
                words = said.replace(b"\r", b"\n").decode(errors="replace").strip()
                ending = {"status": status, "output": output.decode(errors="replace")}
                await websocket.send_json({**ending, "error": words.rpartition("\n")[2]})

            feeding = asyncio.create_task(feed())
            try:
                await report()
            finally:
                feeding.cancel()
                with contextlib.suppress(
                    asyncio.CancelledError, WebSocketDisconnect, OSError, KeyError
                ):
                    await feeding
        await close(websocket, 1000, "")


async def _show(websocket: WebSocket, view: TerminalView) -> None:
    expected = view.begins
    await websocket.send_json({"at": expected})
    while True:
        position, data = await view.next()
        if position != expected:
            await websocket.send_json({"at": position})
        if not data:
            break
        await websocket.send_bytes(data)
        expected = position + len(data)
    await websocket.send_json({"ended": view.status})
    await close(websocket, ENDED, "the program has ended")


async def _listen(websocket: WebSocket, view: TerminalView, types: bool) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        data = message.get("bytes")
        if data is not None:
            if types:
                for start in range(0, len(data), TYPED_AT_ONCE):
                    await view.write(data[start : start + TYPED_AT_ONCE])
            continue
        said = _read(message.get("text") or "")
        position = said.ack
        if position is not None:
            view.acknowledge(position)
        if types and said.resize is not None:
            view.resize(*said.resize)
        if said.record is not None:
            view.record(said.record)


async def _mark(websocket: WebSocket, view: TerminalView) -> None:
    recorders = 0
    while True:
        recorders = await view.recorders(recorders)
        await websocket.send_json({"recorders": recorders})


class Said(msgspec.Struct, frozen=True):
    """What a page says beside what is typed."""

    ack: int | None = None
    resize: tuple[int, int] | None = None
    record: bool | None = None


def _read(text: str) -> Said:
    try:
        return msgspec.json.decode(text, type=Said)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise TerminalError("the page said what no terminal understands; load it anew") from None


def _enabled(terminals: BoardTerminals | None) -> BoardTerminals:
    if terminals is None:
        raise TerminalError(OFF)
    return terminals


def _number(text: str | None, otherwise: int) -> int:
    if text and text.isascii() and text.isdigit() and len(text) <= DIGITS:
        return int(text)
    return otherwise

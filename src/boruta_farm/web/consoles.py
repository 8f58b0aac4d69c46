"""The call for what a request's console said."""

from collections.abc import AsyncGenerator
from typing import Final

from boruta_farm.contracts import ConsoleLogs
from boruta_farm.model.console import ConsoleLog
from boruta_farm.model.errors import ConsoleLogNotFoundError
from boruta_farm.web.calls import Call, Header, Stream
from boruta_farm.web.errors import ParameterError
from boruta_farm.web.requests import request_id_of
from boruta_farm.words.console import Asciicast, Stamper

MEDIA: Final = "application/octet-stream"
MOST_LINES: Final = 1000
TAIL_CHUNKS: Final = 2


class ConsoleCalls:
    """Answer ``reqs/{id}/console``."""

    def __init__(self, consoles: ConsoleLogs) -> None:
        self._consoles = consoles

    async def read(self, call: Call) -> Stream:
        """Write what the console said in the request's last job, byte by byte as it came."""
        logs = await self._consoles.list_logs(call.caller, request_id_of(call))
        name = next(iter(call.query("name")), "")
        log = _chosen(logs, name)
        tail = _lines(next(iter(call.query("tail")), ""))
        times = "1" in call.query("times")
        cast = "1" in call.query("cast")
        if cast and (tail or times):
            raise ParameterError("cast: a recording is all of a log; leave tail and times away")
        file = f"{log.console}.{'cast' if cast else 'log'}"
        headers: tuple[Header, ...] = (
            (b"content-type", MEDIA.encode()),
            (b"cache-control", b"no-store"),
            # No page takes it for one of its own, whatever it holds.
            (b"content-disposition", f'attachment; filename="{file}"'.encode()),
            (b"boruta-console", ", ".join(each.console for each in logs).encode()),
            (b"boruta-console-dropped", str(log.dropped).encode()),
            (b"boruta-console-complete", b"1" if log.complete else b"0"),
        )
        if cast:
            chunks = self._cast(log)
        else:
            chunks = self._tail(log, tail) if tail else self._whole(log, times=times)
        return Stream(headers=headers, chunks=chunks)

    async def _cast(self, log: ConsoleLog) -> AsyncGenerator[bytes, None]:
        cast = Asciicast(f"{log.console} of request {log.request_id}")
        async for piece in self._consoles.pieces(log):
            if told := cast.tell(piece):
                yield told
        if left := cast.end():
            yield left

    async def _whole(self, log: ConsoleLog, *, times: bool) -> AsyncGenerator[bytes, None]:
        stamper = Stamper()
        async for piece in self._consoles.pieces(log):
            data = stamper.stamp(piece) if times else piece.data
            if data:
                yield data

    async def _tail(self, log: ConsoleLog, lines: int) -> AsyncGenerator[bytes, None]:
        kept = bytearray()
        async for piece in self._consoles.pieces(log, max(0, log.count - TAIL_CHUNKS)):
            kept += piece.data
        yield b"".join(bytes(kept).splitlines(keepends=True)[-lines:])


def _chosen(logs: tuple[ConsoleLog, ...], name: str) -> ConsoleLog:
    names = ", ".join(log.console for log in logs)
    if not name:
        if len(logs) > 1:
            raise ParameterError(f"name: this board has several consoles; name one of {names}")
        return logs[0]
    for log in logs:
        if log.console == name:
            return log
    raise ConsoleLogNotFoundError(f"there is no log of a console {name!r}, only of {names}")


def _lines(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= MOST_LINES):
        raise ParameterError(f"tail is no number of lines from 1 to {MOST_LINES}")
    return int(text)

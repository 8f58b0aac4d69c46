"""How a running QEMU is told what to do: its machine protocol, over a socket that nobody else has.

The protocol is QMP (QEMU's ``docs/interop/qmp-spec``): lines of JSON both ways.
"""

import asyncio
import json
import socket
from typing import Any, Final

from boruta_farm.model.errors import BoardError

ENDED: Final = "QEMU has ended; switch the power off and on"
LONGEST_LINE: Final = 1 << 20


class QemuMonitor:
    """Speak with one QEMU until it ends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._asked = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def greet(cls, connection: socket.socket) -> "QemuMonitor":
        """Wait for QEMU's greeting and answer it. Raises BoardError when it ends before."""
        monitor = cls(*await asyncio.open_connection(sock=connection, limit=LONGEST_LINE))
        try:
            if not await monitor._reader.readline():
                raise BoardError(ENDED)
            monitor._reading = asyncio.create_task(monitor._read())
            await monitor.do("qmp_capabilities")
        except BaseException:
            await monitor.close()
            raise
        return monitor

    async def do(self, command: str, **arguments: object) -> Any:
        """Have a command done and return what it returns. Raises BoardError with QEMU's words."""
        if self._reading is None or self._reading.done():
            raise BoardError(ENDED)
        self._asked += 1
        number = self._asked
        self._answers[number] = asyncio.get_running_loop().create_future()
        order = {"execute": command, "arguments": arguments, "id": number}
        self._writer.write(json.dumps(order).encode() + b"\n")
        try:
            answer = await self._answers[number]
        finally:
            del self._answers[number]
        if "error" in answer:
            raise BoardError(f"QEMU refuses {command}: {answer['error']['desc']}")
        return answer["return"]

    async def close(self) -> None:
        """Hang up."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        self._writer.close()

    async def _read(self) -> None:
        """Take answers; what QEMU tells by itself is not asked for."""
        try:
            async for line in self._reader:
                told = json.loads(line)
                waited = self._answers.get(told.get("id", 0))
                if waited is not None and not waited.done():
                    waited.set_result(told)
        finally:
            for waited in self._answers.values():
                if not waited.done():
                    waited.set_exception(BoardError(ENDED))

"""One terminal: a program on a board with a screen of its own, and who looks at it."""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from boruta_farm.terminals.output import Onlooker, TerminalOutput

if TYPE_CHECKING:
    import asyncssh

logger = logging.getLogger(__name__)

PIECE: Final = 16 * 1024
WINDOW: Final = 64 * 1024
"""Bytes that the board may send ahead of what was taken."""
LARGEST: Final = 500
"""Columns or rows; a page that tells more is not believed."""
TYPED_AT_ONCE: Final = 64 * 1024


class BoardTerminal:
    """Keep a program running whoever looks on; the last one to say so sets its size."""

    def __init__(self, process: "asyncssh.SSHClientProcess[bytes]") -> None:
        self.output = TerminalOutput()
        self.status: int | None = None
        self._process = process
        self._pumping = asyncio.create_task(self._pump())

    @property
    def ended(self) -> bool:
        """Tell whether the program has ended."""
        return self._pumping.done()

    def join(self, position: int | None, *, types: bool) -> Onlooker:
        """Let somebody look on."""
        return self.output.join(position, holds=types)

    async def write(self, data: bytes) -> None:
        """Type; returns when the board has room for more."""
        import asyncssh

        if self.ended:
            return
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except (OSError, asyncssh.Error) as error:
            logger.debug("a terminal took no more: %s", error)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the screen."""
        if not self.ended and 1 <= columns <= LARGEST and 1 <= rows <= LARGEST:
            self._process.change_terminal_size(columns, rows)

    async def close(self) -> None:
        """End the program."""
        self._process.close()
        self._pumping.cancel()
        await asyncio.gather(self._pumping, return_exceptions=True)

    async def _pump(self) -> None:
        import asyncssh

        try:
            while True:
                await self.output.room()
                data = await self._process.stdout.read(PIECE)
                if not data:
                    break
                self.output.add(data)
            await self._process.wait_closed()
            self.status = self._process.exit_status
        except (OSError, asyncssh.Error) as error:
            logger.debug("a terminal broke off: %s", error)
        finally:
            self._process.close()
            self.output.finish()

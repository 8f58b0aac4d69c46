"""How one viewer looks on at a terminal, wherever that is kept."""

from types import TracebackType
from typing import Protocol, Self

from boruta_farm.terminals.terminal import PIECE, BoardTerminal


class TerminalView(Protocol):
    """Follow a terminal's output and, if one types, write to it."""

    @property
    def begins(self) -> int:
        """Return the position of the first byte that comes."""
        ...

    @property
    def status(self) -> int | None:
        """Return the program's exit status once it has ended, None where it has none."""
        ...

    async def next(self) -> tuple[int, bytes]:
        """Return what comes next and its position; no bytes at the end."""
        ...

    def acknowledge(self, position: int) -> None:
        """Tell up to which position all was read."""
        ...

    async def write(self, data: bytes) -> None:
        """Type; returns when there is room for more."""
        ...

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the screen."""
        ...

    def record(self, on: bool) -> None:
        """Tell everybody who looks on that this viewer records, or does no more."""
        ...

    async def recorders(self, known: int) -> int:
        """Return how many viewers record, once they are not as many as was known."""
        ...


class LocalView:
    """Look on at a terminal of this process, for a block."""

    def __init__(self, terminal: BoardTerminal, position: int | None, *, types: bool) -> None:
        self._terminal = terminal
        self._onlooker = terminal.join(position, types=types)
        self.begins = self._onlooker.sent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Look on no more; what was not read is kept."""
        self._terminal.output.part(self._onlooker)

    @property
    def status(self) -> int | None:
        """Return the program's exit status."""
        return self._terminal.status

    async def next(self) -> tuple[int, bytes]:
        """Return what comes next and its position."""
        return await self._terminal.output.next(self._onlooker, PIECE)

    def acknowledge(self, position: int) -> None:
        """Tell up to which position all was read."""
        self._terminal.output.acknowledge(self._onlooker, position)

    async def write(self, data: bytes) -> None:
        """Type."""
        await self._terminal.write(data)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the screen."""
        self._terminal.resize(columns, rows)

    def record(self, on: bool) -> None:
        """Tell everybody that this viewer records, or does no more."""
        self._terminal.output.record(self._onlooker, on)

    async def recorders(self, known: int) -> int:
        """Return how many viewers record, once they are not as many as was known."""
        return await self._terminal.output.recorders(known)

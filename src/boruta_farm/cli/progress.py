"""A line on stderr that tells how a wait goes: a spinner on terminals, else plain lines."""

import sys
from contextlib import ExitStack
from types import TracebackType
from typing import Protocol, Self

from boruta_farm.cli.console import clean, local_times, say
from boruta_farm.client.farm import Farm
from boruta_farm.client.waiting import Progress
from boruta_farm.words.explanation import headline


class _Line(Protocol):
    def update(self, status: str) -> None: ...


class Spinner:
    """Show one changing line while the ``with`` block runs."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._stack = ExitStack()
        self._line: _Line | None = None
        self._last = ""

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            # Rich takes a while to import, and only terminals need it.
            from rich.console import Console

            console = Console(stderr=True, highlight=False, markup=False, emoji=False)
            self._line = self._stack.enter_context(console.status("waiting"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        self._line = None

    def show(self, text: str) -> None:
        """Show a text instead of the last one."""
        text = clean(text)
        if text == self._last:
            return
        self._last = text
        if self._line is None:
            say(text)
        else:
            self._line.update(text)

    def report(self, progress: Progress) -> None:
        """Show where a waiting request stands."""
        if progress.explanation is not None:
            self.show(headline(progress.explanation, local_times(self._farm.now())))
        elif progress.trouble is not None:
            self.show(f"waiting: {progress.trouble}; trying again")

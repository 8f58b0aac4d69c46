"""Commands that the lab's admin names."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, runtime_checkable

Output = Callable[[bytes], Awaitable[None]]
"""Takes what a command says; it waits while the reader is slow."""


@runtime_checkable
class Do(Protocol):
    """Do what the tool is named after. Raises BoardError where it cannot be begun."""

    async def perform(self, words: Sequence[str], output: Output) -> int:
        """Do it to its end and return its exit status; it may be called off at any moment."""
        ...


@runtime_checkable
class Resettable(Protocol):
    """Take back what a command may have left switched on."""

    async def reset(self) -> bool:
        """Put it back between jobs, and tell whether that was proved. Raises BoardError."""
        ...

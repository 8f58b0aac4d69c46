"""Buttons and switches of the device under test: reset, boot mode, power key."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Button(Protocol):
    """Press a button. Both raise BoardError and may be called off at any moment."""

    async def press(self) -> None:
        """Press it and keep it pressed."""
        ...

    async def release(self) -> None:
        """Let it go; one that is not pressed stays as it is."""
        ...

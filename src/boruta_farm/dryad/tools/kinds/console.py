"""A stream of bytes from and to the device under test: a serial port, or what stands for one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


class ConsolePort(Protocol):
    """An open port. Each method may block its thread; OSError means that the port is gone."""

    def fileno(self) -> int:
        """Return the descriptor that is readable when bytes are there."""
        ...

    def read(self) -> bytes:
        """Return what is there, at most 64 KiB; empty when it was nothing for people to see."""
        ...

    def write(self, data: bytes) -> None:
        """Send all bytes. Raises TimeoutError when the port does not take them for 10 s."""
        ...

    def send_break(self) -> None:
        """Send a break. Raises NotImplementedError where the port knows none."""
        ...

    def close(self) -> None:
        """Let go of the port; no error leaves it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PortPlace:
    """Say how the keeper opens the port: ``opener`` is a function, as ``module:name``.

    It gets ``options`` (what JSON can hold) by name and returns a ConsolePort, or raises OSError.
    """

    opener: str
    options: Mapping[str, object]


@runtime_checkable
class Console(Protocol):
    """Carry bytes as they are. Drivers extend ``ConsoleTool``, which does all but this."""

    def place(self) -> PortPlace:
        """Return where the bytes come from; nothing is opened."""
        ...

"""The serial line of a machine that QEMU emulates, as the keeper of consoles holds it."""

import asyncio
import contextlib
import socket
from pathlib import Path

from boruta_farm.dryad.tools.console.tool import ConsoleTool
from boruta_farm.dryad.tools.door import listen
from boruta_farm.dryad.tools.drivers.qemu_machine import QemuMachine
from boruta_farm.dryad.tools.kinds.console import PortPlace
from boruta_farm.model.errors import BoardError


class QemuLine(ConsoleTool):
    """A wire with two ends: each QEMU gets the one, the keeper of consoles is handed the other.

    The agent holds both and reads neither, so the wire outlives what is at its ends, and no byte of
    a device's first words is lost.
    """

    def __init__(self, machine: QemuMachine, folder: Path) -> None:
        super().__init__()
        self._machine = machine
        self._path = folder / "line.sock"
        self._keepers_end: socket.socket | None = None
        self._listener: socket.socket | None = None

    def place(self) -> PortPlace:
        """Return where the keeper's end is handed out."""
        return PortPlace(
            opener="boruta_farm.dryad.tools.console.socket_port:open_handed",
            options={"path": str(self._path)},
        )

    async def start(self) -> None:
        """Lay the wire. Raises BoardError."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._listener = listen(self._path, 0o600)
        except OSError as error:
            raise BoardError(f"{self._path} cannot be made: {error.strerror}") from None
        self._machine.line, self._keepers_end = socket.socketpair()
        asyncio.get_running_loop().add_reader(self._listener, self._hand_out)

    async def close(self) -> None:
        """Cut the wire."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._path.unlink(missing_ok=True)
        for end in (self._machine.line, self._keepers_end):
            if end is not None:
                end.close()
        self._machine.line = None

    def _hand_out(self) -> None:
        assert self._listener is not None
        assert self._keepers_end is not None
        # A keeper that is gone again, or hangs, comes anew.
        with contextlib.suppress(OSError), self._listener.accept()[0] as keeper:
            keeper.setblocking(False)
            socket.send_fds(keeper, [b"\n"], [self._keepers_end.fileno()])

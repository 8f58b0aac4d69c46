"""The console of the simulated device: a boot loader's prompt, which says what it is."""

import asyncio
from pathlib import Path
from typing import Final

from boruta_farm.dryad.tools.console.tool import ConsoleTool
from boruta_farm.dryad.tools.door import listen
from boruta_farm.dryad.tools.kinds.console import PortPlace
from boruta_farm.dryad.tools.simulation import SimulatedDevice

BANNER: Final = b"\r\nSimulated boot loader (no real device)\r\nDRAM: 1 GiB, imagined\r\n"
PROMPT: Final = b"=> "
LONGEST_LINE: Final = 256
SAYS: Final = {
    "help": "help, version, printenv, reset",
    "version": "a simulated boot loader of Boruta's agent",
    "printenv": "bootcmd=echo there is nothing to boot",
}


class SimulatedConsole(ConsoleTool):
    """A line to the device, through a socket as QEMU would give one."""

    def __init__(self, device: SimulatedDevice, folder: Path) -> None:
        super().__init__()
        self._device = device
        self._path = folder / "console.sock"
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def connected(self) -> bool:
        """Tell whether somebody is at the other end of the line."""
        return self._writer is not None

    def place(self) -> PortPlace:
        """Return the socket."""
        return PortPlace(
            opener="boruta_farm.dryad.tools.console.socket_port:open_unix",
            options={"path": str(self._path)},
        )

    async def start(self) -> None:
        """Serve the line."""
        self._device.on_start = self._boot
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listen(self._path, 0o600), limit=LONGEST_LINE
        )

    async def close(self) -> None:
        """Cut the line."""
        self._device.on_start = lambda: None
        if self._server is not None:
            self._server.close()
        if self._writer is not None:
            self._writer.close()

    def _boot(self) -> None:
        self._say(BANNER)
        for line in self._device.script():
            self._say(line.encode() + b"\r\n")
        self._say(PROMPT)

    def _say(self, data: bytes) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Echo what is typed and answer lines, while the device has power."""
        self._writer = writer
        line = bytearray()
        try:
            while typed := await reader.read(LONGEST_LINE):
                if not self._device.on or self._device.held:
                    line.clear()
                    continue
                for letter in typed:
                    self._key(letter, line)
        except ConnectionError:
            return
        finally:
            writer.close()

    def _key(self, letter: int, line: bytearray) -> None:
        if letter in b"\r\n":
            self._say(b"\r\n")
            words = line.decode(errors="replace").strip()
            line.clear()
            if words == "reset":
                self._device.start()
                return
            if words:
                self._say(SAYS.get(words, f"Unknown command '{words}' - try 'help'").encode())
                self._say(b"\r\n")
            self._say(PROMPT)
        elif letter in b"\x7f\b":
            if line:
                del line[-1:]
                self._say(b"\b \b")
        elif len(line) < LONGEST_LINE:
            line.append(letter)
            self._say(bytes((letter,)))

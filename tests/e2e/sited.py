"""A sandbox whose SSH server answers at an address of its site: a driver of the tests' own."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.drivers.base import Board, Driver, DriverKind
from boruta_farm.dryad.drivers.sandbox import SandboxConfig, SandboxDriver
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.places import Ip

CHUNK = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class SitedSettings:
    """The table ``[sited]``."""

    address: str = setting(Ip(), "Where its SSH server answers.")


class SitedDriver(SandboxDriver):
    """Let the sandbox's port be reached at another address, too."""

    def __init__(self, config: SandboxConfig, address: str) -> None:
        super().__init__(config)
        self._address = address
        self._server_there: asyncio.Server | None = None

    @property
    def ssh_address(self) -> str:
        """Return the address at the site."""
        return f"{self._address}:{self._port_here}"

    @property
    def _port_here(self) -> int:
        return int(super().ssh_address.rpartition(":")[2])

    async def start(self) -> None:
        """Start the sandbox, and carry what comes to the other address."""
        await super().start()
        self._server_there = await asyncio.start_server(self._carry, self._address, self._port_here)

    async def close(self) -> None:
        """End both."""
        if self._server_there is not None:
            self._server_there.close()
        await super().close()

    async def _carry(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, there = await asyncio.open_connection("127.0.0.1", self._port_here)
        await asyncio.gather(_copy(near, there), _copy(far, back))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
    sink.close()


def _open(settings: SitedSettings, board: Board) -> Driver:
    config = SandboxConfig(directory=board.folder, name=board.name, username=board.user.name)
    return SitedDriver(config, settings.address)


KIND: Final = DriverKind(settings=SitedSettings, open=_open)

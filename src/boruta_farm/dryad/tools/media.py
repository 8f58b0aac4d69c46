"""Media that are devices of this machine, for the drivers that switch them."""

import asyncio
import os
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.dryad.tools.base import Bench, Tool
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.storage import Holder, OpenMedium
from boruta_farm.dryad.users.media import MediumUse, open_device
from boruta_farm.dryad.users.remote import RemoteHost
from boruta_farm.model.errors import BoardError

THERE_WITHIN: Final = 25.0
LOOK_EVERY: Final = 0.25
"""Seconds: no card reader tells when it has a card."""

SECTOR: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class MediumDevice:
    """Open the device of a tool, ourselves or by the root helper."""

    path: Path
    tool: str
    helper: Path | None

    async def open(self, use: MediumUse) -> int:
        """Return a descriptor of it. Raises BoardError."""
        if self.helper is not None and not self.path.is_file():
            return await RemoteHost(self.helper).open_medium(self.tool, use)
        return await asyncio.to_thread(open_device, self.path, use, files=True)

    async def wait(self) -> None:
        """Wait until the medium can be read. Raises BoardError saying why it cannot."""
        loop = asyncio.get_running_loop()
        until = loop.time() + THERE_WITHIN
        while True:
            try:
                descriptor = await self.open(MediumUse.READ)
                try:
                    return await asyncio.to_thread(_read_a_sector, descriptor, self.path)
                finally:
                    os.close(descriptor)
            except BoardError:
                if loop.time() >= until:
                    raise
            await asyncio.sleep(LOOK_EVERY)


class DeviceStorage(Tool):
    """A medium that is a device when the supervisor holds it; a driver says how it is switched."""

    kind = Kind.STORAGE
    can_read = True

    def __init__(self, path: Path, bench: Bench) -> None:
        self.folder = bench.folder
        self.device = MediumDevice(path=path, tool=bench.tool, helper=bench.helper)

    async def give(self, to: Holder) -> None:
        """Switch it; the supervisor has it once it can be read."""
        await self.switch(to)
        if to is Holder.SUPERVISOR:
            await self.device.wait()

    @abstractmethod
    async def switch(self, to: Holder) -> None:
        """Switch it to one side. Raises BoardError."""

    @asynccontextmanager
    async def open(self, use: MediumUse) -> AsyncIterator[OpenMedium]:
        """Open the device."""
        descriptor = await self.device.open(use)
        try:
            yield OpenMedium(descriptor=descriptor)
        finally:
            os.close(descriptor)


class FileCard(DeviceStorage):
    """A file of the tool's own that stands for a card; it takes as little room as what is on it."""

    def __init__(self, size: int, bench: Bench) -> None:
        super().__init__(bench.folder / "card.img", bench)
        self._size = size

    async def start(self) -> None:
        """Make the card, empty, where there is none yet. Raises BoardError."""
        path = self.device.path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.truncate(self._size)
        except OSError as error:
            raise BoardError(f"{path} cannot be made: {error.strerror}") from None


def _read_a_sector(descriptor: int, path: Path) -> None:
    try:
        # The cache would answer for a card that is gone.
        os.posix_fadvise(descriptor, 0, SECTOR, os.POSIX_FADV_DONTNEED)
        if os.read(descriptor, SECTOR):
            return
    except OSError as error:
        raise BoardError(f"{path} cannot be read: {error.strerror}; is the card sound?") from None
    raise BoardError(f"{path} holds no medium; is the card in?")

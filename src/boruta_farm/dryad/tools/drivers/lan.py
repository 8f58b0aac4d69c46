"""``lan``: the device's network as the supervisor reaches it, and a folder that is served to it."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.published import SESSION, PublishedFiles
from boruta_farm.model.errors import BoardError
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Blank, Maybe, Named, OneLine, Seconds, Text, Whole
from boruta_farm.settings.places import Location
from boruta_farm.settings.table import SettingError

PLACE: Final = Text(
    r"(?:[a-z_][a-z0-9_-]*@)?(?:\[[0-9a-fA-F:.]+\]|[\w.-]+):[0-9]{1,5}",
    "must be HOST:PORT, such as 192.168.69.10:22, or root@192.168.69.10:22",
)
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LanSettings:
    """Say where the device is."""

    ports: Mapping[str, str] = setting(
        Named(PLACE),
        'The device\'s ports by name, such as { ssh = "root@192.168.69.10:22" }.',
        make=dict,
    )
    folder: Path | None = setting(
        Maybe(Location(full=True)),
        "The folder that a TFTP or web server of the lab serves to the device: what sessions "
        f"publish is put into its folder {SESSION}, and taken away when the job ends.",
        default=None,
    )
    address: str = setting(
        Blank(OneLine(200)),
        "What stands before a published file's name for the device, such as tftp://192.168.69.1/.",
        default="",
    )
    largest: int = setting(
        Whole(1, 1 << 20), "MiB that all published files may have together.", default=1024
    )
    timeout: float = setting(Seconds(0.1, 25), "Seconds in which a port must answer.", default=10.0)

    def check(self) -> None:
        """Refuse names that cannot be typed. Raises SettingError."""
        for name in self.ports:
            if not _NAME.fullmatch(name):
                wrong = SettingError("no port can be called so; use lower-case letters and digits")
                raise wrong.below(name).below("ports")


class Lan(Tool):
    """Connect to the device, and serve it files."""

    kind = Kind.NET

    def __init__(self, settings: LanSettings) -> None:
        self._settings = settings
        self._files = PublishedFiles(settings.folder, settings.largest << 20)

    def ports(self) -> Mapping[str, str]:
        """Return the configured ports."""
        return self._settings.ports

    async def connect(self, port: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection. Raises BoardError."""
        host, _, number = self._settings.ports[port].rpartition("@")[2].rpartition(":")
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await asyncio.open_connection(host.strip("[]"), int(number))
        except (OSError, TimeoutError) as error:
            why = os.strerror(error.errno) if error.errno else "no answer"
            raise BoardError(f"{port}: the device does not answer at {host}: {why}") from None

    async def publish(self, name: str, content: AsyncIterator[bytes]) -> str:
        """Put a file into the folder."""
        await self._files.add(name, content)
        return f"{self._settings.address}{SESSION}/{name}"

    async def withdraw(self) -> tuple[str, ...]:
        """Take all published files out of it."""
        return self._files.remove()


def _open(settings: LanSettings, _: Bench) -> Tool:
    return Lan(settings)


DRIVER: Final = ToolDriver(settings=LanSettings, kinds=(Kind.NET,), open=_open)

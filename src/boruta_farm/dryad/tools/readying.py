"""A device flashed and booted for a job that is to begin: by the tools' own acts, fenced as those.

Nobody is on the board yet. The device is switched off before its medium is taken, and switched on
when that is back; power that nobody asked to be changed is left as it was.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, Final

from boruta_farm.dryad.images.errors import size
from boruta_farm.dryad.tools.acts.console import ConsoleTable
from boruta_farm.dryad.tools.acts.power import PowerTable
from boruta_farm.dryad.tools.acts.storage import StorageTable
from boruta_farm.dryad.tools.console.consoles import Consoles
from boruta_farm.dryad.tools.console.prompt import PromptWatch
from boruta_farm.dryad.tools.errors import UnreadyError
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.dryad.tools.toolbox import FittedTool, Toolbox
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.readiness import (
    BOOT_CAPABILITY,
    IMAGE_CAPABILITY,
    LONGEST_LINE,
    MOST_LINES,
    Readiness,
)

_PHASES: Final = {
    "write": "writing",
    "sync": "syncing",
    "verify": "reading back",
    "read": "reading",
}
_LOOKED_AT: Final = 8192
_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")

Tell = Callable[[str], None]


def ready_capabilities(toolbox: Toolbox) -> dict[str, str]:
    """Return what the board can be asked to be made ready with.

    An image takes a storage that has addresses of images; where there are several storages, it has
    to be named. Booting takes power and a console that the agent holds.
    """
    storages = [each for each in toolbox if each.kind.kind is Kind.STORAGE]
    found = [
        f"{IMAGE_CAPABILITY}.{each.name}"
        for each in storages
        if isinstance(each.table, StorageTable) and each.table.image_urls
    ]
    if found and len(storages) == 1:
        found.append(IMAGE_CAPABILITY)
    has_power = any(each.kind.kind is Kind.POWER for each in toolbox)
    if has_power and any(isinstance(t.table, ConsoleTable) and t.table.own for t in toolbox):
        found.append(BOOT_CAPABILITY)
    return dict.fromkeys(found, "yes")


class DeviceReadying:
    """Make the device ready once, on behalf of the session that is prepared."""

    def __init__(self, service: ToolService, consoles: Consoles | None, tell: Tell) -> None:
        """Take the tools; raises SessionOverError where no session is prepared."""
        self._service = service
        self._consoles = consoles
        self._tell = tell
        self._epoch = service.session()
        self._doing = "the power was not switched"
        self._powers = [each for each in service.toolbox if each.kind.kind is Kind.POWER]

    async def carry_out(self, wanted: Readiness, within: float) -> None:
        """Flash and boot it. Raises UnreadyError with what the console said last."""
        if self._consoles is not None:
            self._consoles.label(self._epoch)
        try:
            async with asyncio.timeout(within):
                was_on = await self._switch_off()
                if wanted.image is not None:
                    self._doing = "the image was not written"
                    await self._flash(wanted)
                if wanted.boot_until is not None:
                    await self._boot(wanted.boot_until, pause=wanted.image is None)
                else:
                    for each in was_on:
                        await self._power(each, "on")
        except TimeoutError:
            raise UnreadyError(f"{self._doing} within {ceil(within)} s", self._last()) from None
        except BorutaError as error:
            raise UnreadyError(error.message, self._last()) from error

    async def _switch_off(self) -> list[FittedTool]:
        """Switch the device off; return the tools that certainly were on."""
        was_on = []
        for each in self._powers:
            if (await self._power(each, "state")).get("on") is True:
                was_on.append(each)
            await self._power(each, "off")
        return was_on

    async def _flash(self, wanted: Readiness) -> None:
        storage = self._service.toolbox.find(Kind.STORAGE, wanted.storage or "")
        arguments = {"url": wanted.image, "sha256": wanted.sha256 or "", "to": "dut"}
        self._tell(f"{storage.name}: waiting for the image")

        async def note(words: Mapping[str, Any]) -> None:
            doing = _PHASES.get(str(words.get("phase")), "writing")
            total = words.get("total")
            of = f" of {size(total)}" if isinstance(total, int) else ""
            self._tell(f"{storage.name}: {doing}, {size(int(words.get('bytes', 0)))}{of}")

        await self._service.operate(self._epoch, storage, "flash", arguments, note)

    async def _boot(self, pattern: str, *, pause: bool) -> None:
        if self._consoles is None:
            raise UnreadyError("this board has no console that its agent holds")
        async with PromptWatch(self._consoles.desks, pattern) as watch:
            if pause:
                tables = [each.table for each in self._powers]
                await asyncio.sleep(
                    max((t.pause for t in tables if isinstance(t, PowerTable)), default=0)
                )
            self._doing = "its console could not be opened"
            await watch.opened()
            self._doing = f"its console did not show {pattern!r}"
            self._tell(f"booting, until its console shows {pattern!r}")
            for each in self._powers:
                await self._power(each, "on")
            await watch.seen()

    async def _power(self, tool: FittedTool, verb: str) -> Mapping[str, object]:
        return await self._service.operate(self._epoch, tool, verb, {}, _tell_nobody)

    def _last(self) -> tuple[str, ...]:
        """Return what the device's console said last in this job, of several the one that said."""
        for desk in () if self._consoles is None else self._consoles.desks.values():
            if not desk.held:
                continue
            ring = desk.kept.ring
            _, data = ring.read(max(ring.end - _LOOKED_AT, 0), _LOOKED_AT)
            if lines := last_lines(data):
                return lines
        return ()


def last_lines(data: bytes) -> tuple[str, ...]:
    """Return the last lines that hold something, without what steers terminals."""
    text = _ESCAPES.sub("", data.decode(errors="replace"))
    lines = ("".join(c for c in each if c.isprintable()).strip() for each in text.splitlines())
    return tuple(line[:LONGEST_LINE] for line in [each for each in lines if each][-MOST_LINES:])


async def _tell_nobody(_: Mapping[str, Any]) -> None:
    return

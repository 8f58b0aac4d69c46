"""What is done with USB devices: listed, exported, taken back; between jobs none is exported."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from boruta_farm.dryad.tools.acts.arguments import text
from boruta_farm.dryad.tools.errors import ActError
from boruta_farm.dryad.tools.kind import Act, ActCall, Kind, PlainTable, ToolKind
from boruta_farm.dryad.tools.kinds.usb import Usb


async def _list(tool: Usb, _: PlainTable, __: ActCall) -> Mapping[str, object]:
    return {"devices": [asdict(device) for device in await tool.devices()]}


async def _export(tool: Usb, _: PlainTable, call: ActCall) -> Mapping[str, object]:
    await tool.export(await _known(tool, call))
    return {}


async def _withdraw(tool: Usb, _: PlainTable, call: ActCall) -> Mapping[str, object]:
    await tool.withdraw(await _known(tool, call))
    return {}


async def _known(tool: Usb, call: ActCall) -> str:
    """Return the asked-for device's place, which must be one of the board's. Raises ActError."""
    wanted = text(call.arguments, "bus_id")
    known = [device.bus_id for device in await tool.devices()]
    if wanted not in known:
        raise ActError(f"there is no device {wanted!r}, only {', '.join(known) or 'none'}")
    call.check()
    return wanted


async def _look(tool: Usb, _: PlainTable) -> str:
    count = len(await tool.devices())
    return f"{count} {'device' if count == 1 else 'devices'}"


async def _reset(tool: Usb, _: PlainTable) -> bool:
    for device in await tool.devices():
        if device.exported:
            await tool.withdraw(device.bus_id)
    return not any(device.exported for device in await tool.devices())


USB: Final = ToolKind(
    kind=Kind.USB,
    protocol=Usb,
    acts=(
        Act(verb="list", perform=_list, alone=False),
        Act(verb="export", perform=_export),
        Act(verb="withdraw", perform=_withdraw),
    ),
    look=_look,
    reset=_reset,
)

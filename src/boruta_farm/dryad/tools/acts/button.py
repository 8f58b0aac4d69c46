"""What is done with buttons: pressed for a while, and released, whatever comes between."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.tools.acts.arguments import seconds
from boruta_farm.dryad.tools.kind import Act, ActCall, Kind, ToolKind
from boruta_farm.dryad.tools.kinds.button import Button
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Seconds

LONGEST_PRESS: Final = 60.0
PRESS_LIMIT: Final = LONGEST_PRESS + 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonTable:
    """The settings of every tool of the kind button."""

    hold: float = setting(
        Seconds(0, LONGEST_PRESS), "Seconds for which it is pressed unless told.", default=0.5
    )


async def _press(tool: Button, table: ButtonTable, call: ActCall) -> Mapping[str, object]:
    hold = seconds(call.arguments, "hold", table.hold, LONGEST_PRESS)
    try:
        await tool.press()
        await asyncio.sleep(hold)
    finally:
        # Also when the job ends meanwhile: letting go is what its end asks for.
        await tool.release()
    return {"hold": hold}


async def _reset(tool: Button, _: ButtonTable) -> bool:
    await tool.release()
    return True


BUTTON: Final = ToolKind(
    kind=Kind.BUTTON,
    protocol=Button,
    acts=(Act(verb="press", perform=_press, limit=PRESS_LIMIT),),
    settings=ButtonTable,
    reset=_reset,
)

"""What is done with power: on, off, cycle, state; between jobs it is as the table says."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from boruta_farm.dryad.tools.acts.arguments import seconds
from boruta_farm.dryad.tools.kind import Act, ActCall, Kind, ToolKind
from boruta_farm.dryad.tools.kinds.power import Power, PowerState
from boruta_farm.model.errors import BoardError
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import OneOf, Seconds

LONGEST_PAUSE: Final = 60.0
CYCLE_LIMIT: Final = LONGEST_PAUSE + 60.0


class BetweenJobs(StrEnum):
    """How power is left between jobs."""

    OFF = "off"
    ON = "on"
    AS_IT_IS = "as-it-is"


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerTable:
    """The settings of every tool of the kind power."""

    between_jobs: BetweenJobs = setting(
        OneOf(BetweenJobs),
        "How the power is left when a job has ended: off, on, or as-it-is, which is shown as not "
        "reset.",
        default=BetweenJobs.OFF,
    )
    pause: float = setting(
        Seconds(0, LONGEST_PAUSE), "Seconds without power in a power cycle.", default=2.0
    )


def words(state: PowerState) -> str:
    """Return a state as people read it: ``on, 3.2 W``."""
    told = "unknown" if state.on is None else "on" if state.on else "off"
    return told if state.watts is None else f"{told}, {state.watts:.1f} W"


async def _state(tool: Power, _: PowerTable, __: ActCall) -> Mapping[str, object]:
    state = await tool.state()
    return {"on": state.on, "watts": state.watts, "words": words(state)}


async def _on(tool: Power, _: PowerTable, __: ActCall) -> Mapping[str, object]:
    await tool.on()
    return {}


async def _off(tool: Power, _: PowerTable, __: ActCall) -> Mapping[str, object]:
    await tool.off()
    return {}


async def _cycle(tool: Power, table: PowerTable, call: ActCall) -> Mapping[str, object]:
    await tool.cycle(seconds(call.arguments, "pause", table.pause, LONGEST_PAUSE))
    return {}


async def _look(tool: Power, _: PowerTable) -> str:
    return words(await tool.state())


async def _check(tool: Power, _: PowerTable) -> None:
    """See that the power can be read: otherwise it cannot be proved to be off between jobs."""
    if (await tool.state()).on is None:
        raise BoardError(
            "it does not tell whether the power is on; see that it is connected, or leave health "
            "out of its table"
        )


async def _reset(tool: Power, table: PowerTable) -> bool:
    if table.between_jobs is BetweenJobs.AS_IT_IS:
        return False
    wanted = table.between_jobs is BetweenJobs.ON
    await (tool.on() if wanted else tool.off())
    return (await tool.state()).on is wanted


POWER: Final = ToolKind(
    kind=Kind.POWER,
    protocol=Power,
    acts=(
        Act(verb="state", perform=_state, alone=False),
        Act(verb="on", perform=_on),
        Act(verb="off", perform=_off),
        Act(verb="cycle", perform=_cycle, limit=CYCLE_LIMIT),
    ),
    settings=PowerTable,
    look=_look,
    check=_check,
    reset=_reset,
)

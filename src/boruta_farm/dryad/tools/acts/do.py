"""What is done with commands that the admin named: done to their end, their output told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.tools.acts.arguments import words
from boruta_farm.dryad.tools.errors import ActError
from boruta_farm.dryad.tools.kind import Act, ActCall, Kind, ToolKind
from boruta_farm.dryad.tools.kinds.do import Do, Resettable
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Switch


@dataclass(frozen=True, slots=True, kw_only=True)
class DoTable:
    """The settings of every tool of the kind do."""

    arguments: bool = setting(
        Switch(),
        "Whether users may add words to the command; it must be safe with any.",
        default=False,
    )


async def _perform(tool: Do, table: DoTable, call: ActCall) -> Mapping[str, object]:
    given = words(call.arguments, "words")
    if given and not table.arguments:
        raise ActError("this command takes no words; call it by its name alone")
    return {"exit_status": await tool.perform(given, call.send)}


async def _reset(tool: Do, _: DoTable) -> bool:
    return await tool.reset() if isinstance(tool, Resettable) else True


DO: Final = ToolKind(
    kind=Kind.DO,
    protocol=Do,
    acts=(Act(verb="perform", perform=_perform, limit=None, streams=True),),
    settings=DoTable,
    reset=_reset,
)

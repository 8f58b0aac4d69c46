"""What is done with a screen: one picture, or all as they come."""

from collections.abc import Mapping
from typing import Final

from boruta_farm.dryad.tools.kind import Act, ActCall, Kind, PlainTable, ToolKind
from boruta_farm.dryad.tools.kinds.video import Video


async def _snap(tool: Video, _: PlainTable, call: ActCall) -> Mapping[str, object]:
    picture = await tool.snapshot()
    await call.send(picture.data)
    return {"media_type": picture.media_type, "size": len(picture.data)}


async def _watch(tool: Video, _: PlainTable, call: ActCall) -> Mapping[str, object]:
    count = 0
    async for picture in tool.stream():
        await call.note(media_type=picture.media_type, size=len(picture.data))
        await call.send(picture.data)
        count += 1
    return {"pictures": count}


VIDEO: Final = ToolKind(
    kind=Kind.VIDEO,
    protocol=Video,
    acts=(
        Act(verb="snap", perform=_snap, alone=False),
        Act(verb="watch", perform=_watch, limit=None, alone=False, streams=True),
    ),
)

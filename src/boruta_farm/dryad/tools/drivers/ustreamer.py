"""``ustreamer``: a screen that ustreamer, or any other server of MJPEG, shows by HTTP."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.video import Picture
from boruta_farm.dryad.tools.pictures import LARGEST, media_type
from boruta_farm.dryad.tools.web import WebAnswer, fetch, opened
from boruta_farm.model.errors import BoardError
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Seconds, Text
from boruta_farm.settings.places import Url

PATH_FORM: Final = Text(r"/[!-~]*", "must be a path, such as /snapshot")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamerSettings:
    """Say where it is."""

    url: str = setting(Url(), "Where ustreamer listens.", default="http://127.0.0.1:8080")
    snapshot: str = setting(PATH_FORM, "The path of one picture.", default="/snapshot")
    stream: str = setting(PATH_FORM, "The path of the stream.", default="/stream")
    timeout: float = setting(Seconds(0.1, 20), "Seconds that a picture may take.", default=10.0)


class StreamerVideo(Tool):
    """Pass its pictures on."""

    kind = Kind.VIDEO

    def __init__(self, settings: StreamerSettings) -> None:
        self._settings = settings

    async def snapshot(self) -> Picture:
        """Ask for one picture."""
        own = self._settings
        data = await fetch(f"{own.url}{own.snapshot}", limit=own.timeout)
        return Picture(media_type=media_type(data), data=data)

    async def stream(self) -> AsyncIterator[Picture]:
        """Ask for the stream, and yield its pictures."""
        own = self._settings
        async with opened(f"{own.url}{own.stream}", limit=own.timeout) as answer:
            if answer.status != 200 or "multipart/" not in answer.headers.get("content-type", ""):
                raise BoardError(f"{own.url}{own.stream} is no stream of pictures")
            while True:
                async with asyncio.timeout(own.timeout):
                    data = await _picture(answer)
                yield Picture(media_type=media_type(data), data=data)


async def _picture(answer: WebAnswer) -> bytes:
    """Read one part of the stream: a boundary, headers with its length, the picture."""
    length = 0
    while (line := await answer.reader.readline()) != b"\r\n" or not length:
        if not line:
            raise BoardError("the stream of pictures has ended; see that there is a signal")
        name, _, value = line.decode("latin-1").partition(":")
        if name.strip().lower() == "content-length":
            length = int(value)
    if not 0 < length <= LARGEST:
        raise BoardError(f"a picture of {length} bytes is not read")
    return await answer.reader.readexactly(length)


def _open(settings: StreamerSettings, _: Bench) -> Tool:
    return StreamerVideo(settings)


DRIVER: Final = ToolDriver(settings=StreamerSettings, kinds=(Kind.VIDEO,), open=_open)

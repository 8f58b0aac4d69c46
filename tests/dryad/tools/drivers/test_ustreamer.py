"""Pictures come by HTTP, one or all."""

from pathlib import Path

import pytest

from boruta_farm.dryad.tools.drivers.ustreamer import DRIVER, StreamerVideo
from boruta_farm.dryad.tools.kinds.video import Picture
from boruta_farm.model.errors import BoardError
from tests.dryad.tools.drivers.stages import opened, web_device

JPEG = b"\xff\xd8\xff\xe0 a picture"
PART = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
STREAM = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n"


async def test_pictures(tmp_path: Path) -> None:
    async with web_device() as server:
        tool = opened(DRIVER, tmp_path, url=server.url)
        assert isinstance(tool, StreamerVideo)
        server.answers = {
            "/snapshot": JPEG,
            "/stream": STREAM + PART % (len(JPEG), JPEG) + PART % (len(JPEG) + 1, JPEG + b"2"),
        }
        assert await tool.snapshot() == Picture(media_type="image/jpeg", data=JPEG)
        stream = aiter(tool.stream())
        assert [(await anext(stream)).data for _ in range(2)] == [JPEG, JPEG + b"2"]
        with pytest.raises(BoardError, match="the stream of pictures has ended; see that there"):
            await anext(stream)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"no stream", "is no stream of pictures"),
        (STREAM + b"Content-Length: 99999999\r\n\r\n", "a picture of 99999999 bytes is not read"),
        (STREAM + b"Content-Length: x\r\n\r\n", "answered something that is no HTTP"),
        (STREAM + b"x" * 70000, "answered something that is no HTTP"),
    ],
)
async def test_what_is_no_stream_is_told(tmp_path: Path, answer: bytes, complaint: str) -> None:
    async with web_device() as server:
        server.answers = {"/stream": answer}
        tool = opened(DRIVER, tmp_path, url=server.url)
        assert isinstance(tool, StreamerVideo)
        with pytest.raises(BoardError, match=complaint):
            await anext(aiter(tool.stream()))

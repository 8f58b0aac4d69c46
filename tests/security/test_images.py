"""Threat: an image, or where it comes from, fills the supervisor's disk or leads it elsewhere."""

import gzip
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from boruta_farm.dryad.images.addresses import is_allowed
from boruta_farm.dryad.images.errors import ImageError
from boruta_farm.dryad.images.fetching import fetch
from boruta_farm.dryad.images.work import ImageOrder
from boruta_farm.dryad.tools import published
from boruta_farm.dryad.tools.acts.storage import flash
from boruta_farm.dryad.tools.drivers import exec_storage
from boruta_farm.dryad.tools.published import PublishedFiles
from boruta_farm.model.errors import BoardError
from tests.dryad.images.servers import serving
from tests.dryad.tools.drivers.test_exec_storage import storage

MIB = 1 << 20
MOST_FILES = 20
BOMB = gzip.compress(bytes(64 * MIB), 9)


async def nobody(_: Mapping[str, Any]) -> None:
    return


async def test_what_unpacks_to_more_than_the_disk_has_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A medium that a program writes has no end of its own: its image lies on our disk first."""
    assert len(BOMB) < MIB
    free = shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(exec_storage, "SPARE", free - 8 * MIB)
    chip = tmp_path / "chip"
    tool = storage(tmp_path, write=["/bin/cp", "{image}", str(chip)])
    image = tmp_path / "bomb.gz"
    image.write_bytes(BOMB)
    with (
        image.open("rb") as source,
        pytest.raises(BoardError, match=r"larger than what the supervisor's disk has room for"),
    ):
        await flash(tool, ImageOrder(medium=-1), source.fileno(), nobody)
    assert not chip.exists(), "no part of an image is written by the program"
    assert not (tool.folder / "image").exists()


@pytest.mark.parametrize(
    "path",
    [
        "..%5cprivate.img",
        "%2e%2e%5Cprivate.img",
        "..;/private.img",
        "..;jsessionid=1/private.img",
        "%2e%2e;/private.img",
        "%252e%252e/private.img",
        "..%252fprivate.img",
        "%25252e%25252e/private.img",
    ],
)
def test_no_server_s_way_of_reading_a_path_leads_out_of_the_allowed_folder(path: str) -> None:
    allowed = ("https://images.example/releases",)
    assert not is_allowed(f"https://images.example/releases/{path}", allowed)
    assert is_allowed("https://images.example/releases/a%20b;v=2/..img", allowed)


async def test_files_without_a_byte_do_not_use_up_the_disk_s_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "MOST_FILES", MOST_FILES)
    files = PublishedFiles(tmp_path, MIB)

    async def nothing() -> AsyncIterator[bytes]:
        for data in (b"",):
            yield data

    for number in range(MOST_FILES):
        await files.add(f"{number}", nothing())
    await files.add("0", nothing())
    with pytest.raises(BoardError, match="published already; withdraw them"):
        await files.add("one more", nothing())
    assert len(files.remove()) == MOST_FILES


LIES: Mapping[str, tuple[int, dict[str, str], bytes]] = {
    "a part that nobody asked for": (206, {"Content-Range": "bytes 5-9/100"}, b"12345"),
    "nothing": (204, {}, b""),
    "led to what is no address": (302, {"Location": "http://[::1"}, b""),
}


@pytest.mark.parametrize("name", LIES)
def test_what_is_no_whole_image_is_refused_in_words(name: str) -> None:
    with serving() as server:
        server.pages["/a.img"] = LIES[name]
        with pytest.raises(ImageError, match=r"^http://127\.0\.0\.1:\d+/a\.img: "):
            fetch(f"{server.url}/a.img", (server.url,))


def test_a_server_s_words_steer_no_terminal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 404 \x1b[31mred\r\nContent-Length: 0\r\n\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ImageError, match=r"404 \?\[31mred$"):
            fetch(f"{address}/a.img", (address,))
        answering.join()

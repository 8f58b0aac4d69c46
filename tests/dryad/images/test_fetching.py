"""Images from a server that may lie: about lengths, and about where it leads."""

from collections.abc import Iterator

import pytest

from boruta_farm.dryad.images.errors import ImageError
from boruta_farm.dryad.images.fetching import fetch
from boruta_farm.dryad.images.source import Source, fill
from tests.dryad.images.pictures import noise
from tests.dryad.images.servers import ImageServer, serving

DATA = noise(50_000)


@pytest.fixture(scope="module")
def server() -> Iterator[ImageServer]:
    with serving() as found:
        yield found


def read(server: ImageServer, path: str) -> bytes:
    """Return an image's bytes as they are taken for a medium."""
    download = fetch(f"{server.url}{path}", (f"{server.url}/ok",))
    source = Source(download.take, length=download.length)
    view = memoryview(bytearray(100_000))
    data = bytes(view[: fill(source, view)])
    download.see_end()
    return data


def test_an_honest_one(server: ImageServer) -> None:
    server.put("/ok/a.img", DATA)
    assert read(server, "/ok/a.img") == DATA


def test_one_that_tells_no_length(server: ImageServer) -> None:
    server.pages["/ok/b.img"] = 200, {}, DATA
    assert read(server, "/ok/b.img") == DATA


def test_one_that_sends_less_than_it_told(server: ImageServer) -> None:
    server.put("/ok/c.img", DATA, length=60_000)
    with pytest.raises(ImageError, match=r"ended after 50\.0 kB of the 60\.0 kB that were told"):
        read(server, "/ok/c.img")


def test_one_that_sends_more_than_it_told(server: ImageServer) -> None:
    server.put("/ok/d.img", DATA, length=40_000)
    with pytest.raises(ImageError, match=r"more came than the 40\.0 kB that the server told"):
        read(server, "/ok/d.img")


def test_redirects_are_held_against_the_list(server: ImageServer) -> None:
    server.put("/ok/e.img", DATA)
    server.pages["/ok/f.img"] = 302, {"Location": "/ok/e.img"}, b""
    assert read(server, "/ok/f.img") == DATA
    server.pages["/ok/g.img"] = 302, {"Location": "/private.img"}, b""
    with pytest.raises(ImageError, match=r"leads to .*/private.img, which .* do not allow"):
        read(server, "/ok/g.img")
    assert "/private.img" not in server.asked


def test_what_is_not_there_or_not_allowed(server: ImageServer) -> None:
    with pytest.raises(ImageError, match="the server answers 404 Not Found"):
        read(server, "/ok/none.img")
    with pytest.raises(ImageError, match="image_urls do not allow"):
        read(server, "/private.img")


def test_nobody_listens() -> None:
    with pytest.raises(ImageError, match="Connection refused"):
        fetch("http://127.0.0.1:1/a", ("http://127.0.0.1:1",))

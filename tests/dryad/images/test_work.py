"""The process that moves images: its order, what it tells, and that it ends with the agent."""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from boruta_farm.dryad.images.forms import Form
from boruta_farm.dryad.images.work import HalfError, ImageOrder, Keeping, Report, keep, write
from tests.dryad.images.pictures import MIB, bmap_of, card, noise, packed
from tests.dryad.images.servers import serving

DATA = noise(MIB + 99)
DIGEST = hashlib.sha256(DATA).hexdigest()


def nobody(_: dict[str, Any]) -> None:
    return


def written(folder: Path, data: bytes, size: int = 3 * MIB, **more: Any) -> dict[str, Any]:
    """Write an image from a file to a card."""
    image = folder / "image"
    image.write_bytes(data)
    with image.open("rb") as source, card(folder, size).open("r+b") as medium:
        order = ImageOrder(medium=medium.fileno(), source=source.fileno(), **more)
        return write(ImageOrder.read(order.line()), Report(nobody))


def test_an_image_and_what_is_told_of_it(tmp_path: Path) -> None:
    told = written(tmp_path, DATA, sha256=DIGEST)
    assert told["bytes"] == len(DATA)
    assert told["sha256"] == DIGEST
    assert told["verified"] is told["changed"] is True
    assert told["form"] == Form.RAW
    assert not written(tmp_path, DATA, verify=False)["verified"]


def test_progress_is_told_by_what_was_read_of_the_image(tmp_path: Path) -> None:
    said: list[dict[str, Any]] = []
    image = tmp_path / "image"
    image.write_bytes(DATA)
    with image.open("rb") as source, card(tmp_path).open("r+b") as medium:
        report = Report(said.append)
        write(ImageOrder(medium=medium.fileno(), source=source.fileno()), report)
    assert said[0] == {"phase": "write", "bytes": 0, "total": len(DATA)}
    assert {"phase": "sync", "bytes": len(DATA), "total": None} in said


@pytest.mark.parametrize(
    ("size", "bmap"), [(MIB, b""), (MIB, bmap_of(DATA, [(0, 0)]))], ids=["raw", "bmap"]
)
def test_nothing_is_written_where_it_cannot_fit(size: int, bmap: bytes, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"has 1\.0 MB, the medium only 1\.0 MB; nothing was"):
        written(tmp_path, DATA, size, bmap=bmap.decode())
    assert (tmp_path / "card").read_bytes() == b"\xee" * size


@pytest.mark.parametrize("digest", ["0" * 64, DIGEST[:-1] + "x"])
def test_a_wrong_sum_leaves_half_an_image_and_says_so(digest: str, tmp_path: Path) -> None:
    with pytest.raises(HalfError, match=f"the sha256 {DIGEST}, not {digest}") as wrong:
        written(tmp_path, DATA, sha256=digest)
    assert wrong.value.touched


def test_a_sum_that_follows(tmp_path: Path) -> None:
    written(tmp_path, DATA + DIGEST.encode(), length=len(DATA), sum_follows=True)
    with pytest.raises(HalfError, match="get it anew, or correct the sum"):
        written(tmp_path, DATA + b"0" * 64, length=len(DATA), sum_follows=True)
    with pytest.raises(HalfError, match="ended after 10 bytes of the 64 bytes"):
        written(tmp_path, DATA + b"0" * 10, length=len(DATA), sum_follows=True)


def test_an_image_from_the_web_is_kept_where_there_is_room(tmp_path: Path) -> None:
    with serving() as server, card(tmp_path).open("r+b") as medium:
        url = server.put("/a.img.gz", packed(DATA, Form.GZIP))
        for room, kept in ((10 * MIB, True), (1000, False)):
            with (tmp_path / "kept").open("w+b") as copy:
                order = ImageOrder(
                    medium=medium.fileno(),
                    url=url,
                    prefixes=(server.url,),
                    keep=copy.fileno(),
                    room=room,
                )
                assert write(order, Report(nobody))["kept"] is kept
            kept_bytes = (tmp_path / "kept").read_bytes()
            assert kept_bytes == (packed(DATA, Form.GZIP) if kept else b"")


def test_a_full_disk_keeps_no_image_from_the_medium() -> None:
    with Path("/dev/full").open("r+b", buffering=0) as full:
        keeping = Keeping(full.fileno(), MIB)
        with pytest.raises(OSError, match="Invalid argument"):
            keeping.take(memoryview(b"x"))
        assert not keeping.whole


def test_a_medium_is_read_into_a_file(tmp_path: Path) -> None:
    with card(tmp_path, MIB).open("rb") as medium, (tmp_path / "out").open("wb") as out:
        order = ImageOrder(medium=medium.fileno(), source=out.fileno(), saving=True)
        assert keep(order, Report(nobody))["bytes"] == MIB


def started(order: ImageOrder, *descriptors: int) -> "subprocess.Popen[bytes]":
    """Start the process as the agent does."""
    from boruta_farm.dryad.tools.moving import WORDS

    process = subprocess.Popen(
        WORDS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=descriptors
    )
    assert process.stdin is not None
    process.stdin.write(order.line())
    process.stdin.flush()
    return process


def test_it_ends_when_the_agent_is_gone(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with card(tmp_path).open("r+b") as medium:
        order = ImageOrder(medium=medium.fileno(), source=reading)
        with started(order, medium.fileno(), reading) as process:
            os.write(writing, DATA[:50_000])
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(20) == 1
    os.close(reading)
    os.close(writing)


def test_it_says_what_failed(tmp_path: Path) -> None:
    with card(tmp_path).open("r+b") as medium, Path("/dev/null").open("rb") as empty:
        order = ImageOrder(medium=medium.fileno(), source=empty.fileno())
        with started(order, medium.fileno(), empty.fileno()) as process:
            assert process.stdout is not None
            lines = process.stdout.read().splitlines()
    assert json.loads(lines[-1]) == {"error": "the image is empty", "touched": False}

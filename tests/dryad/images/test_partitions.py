"""Partitions found by a medium's own table: tables that sfdisk makes, and hostile ones."""

import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from boruta_farm.dryad.images.errors import ImageError
from boruta_farm.dryad.images.medium import Medium, Window
from boruta_farm.dryad.images.partitions import find_partition
from tests.dryad.images.pictures import MIB

SFDISK = shutil.which("sfdisk", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def card(folder: Path, script: str, count: int = 8 * MIB) -> Path:
    """Return a card that sfdisk has partitioned."""
    if SFDISK is None:
        pytest.skip("sfdisk is not installed (Debian: fdisk)")
    path = folder / "card"
    path.write_bytes(bytes(count))
    subprocess.run((SFDISK, "-q", str(path)), input=script.encode(), check=True)
    return path


def table(path: Path, *entries: tuple[int, int, int], at: int = 0) -> None:
    """Write an MBR by hand: kind, first sector and number of sectors of each entry."""
    packed = b"".join(struct.pack("<4xB3xII", *entry) for entry in entries)
    with path.open("r+b") as file:
        file.seek(at * 512 + 446)
        file.write(packed.ljust(64, b"\0") + b"\x55\xaa")


def found(path: Path, number: int) -> Window:
    """Return where a partition of a card lies."""
    with path.open("r+b") as file:
        return find_partition(Medium(file.fileno()), number)


@pytest.mark.parametrize("label", ["dos", "gpt"])
def test_where_they_lie(label: str, tmp_path: Path) -> None:
    path = card(tmp_path, f"label: {label}\nstart=2048, size=2048\nsize=4096\n")
    assert found(path, 1) == Window(start=MIB, length=MIB)
    assert found(path, 2) == Window(start=2 * MIB, length=2 * MIB)
    with pytest.raises(ImageError, match="no partition 3, only 1, 2"):
        found(path, 3)


def test_logical_ones(tmp_path: Path) -> None:
    script = "label: dos\nstart=2048,size=2048\nstart=4096,type=E\nsize=1000,type=L\nsize=512\n"
    path = card(tmp_path, script)
    assert SFDISK is not None
    told = subprocess.run((SFDISK, "-d", str(path)), capture_output=True, check=True).stdout
    starts = [line.split(b"start=")[1] for line in told.splitlines() if b"start=" in line]
    for line, number in ((starts[2], 5), (starts[3], 6)):
        start, length = (int(part.split(b",")[0].split(b"=")[-1]) for part in line.split(b",")[:2])
        assert found(path, number) == Window(start=start * 512, length=length * 512)
    with pytest.raises(ImageError, match="only 1, 5, 6"):
        found(path, 2)


def _circle(path: Path) -> None:
    table(path, (0x05, 8, 100))
    table(path, (0x83, 1, 1), (0x05, 0, 100), at=8)


def _far(path: Path) -> None:
    table(path, (0x83, 8, 1 << 20))


def _away(path: Path) -> None:
    table(path, (0x05, 1 << 30, 5))


def _broken(path: Path) -> None:
    table(path, (0xEE, 1, 100))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: None, "no partition table; write a whole image to it first"),
        (_far, "behind the medium's end at 8.4 MB: its table is of a larger one"),
        (_away, "leads behind the medium's end"),
        (_broken, "is damaged; partition it anew"),
        (_circle, "no partition 1, only 5, 6, "),
    ],
)
def test_a_table_that_makes_no_sense(
    make: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "card"
    path.write_bytes(bytes(8 * MIB))
    make(path)
    with pytest.raises(ImageError, match=words):
        found(path, 1)


def test_a_pipe_has_none() -> None:
    reading, writing = os.pipe()
    try:
        with pytest.raises(ImageError, match="whole images only"):
            find_partition(Medium(writing), 1)
    finally:
        os.close(reading)
        os.close(writing)


def test_a_gpt_that_leads_further_than_the_system_can_be_asked_for(tmp_path: Path) -> None:
    path = card(tmp_path, "label: gpt\nstart=2048, size=2048\n")
    with path.open("r+b") as file:
        file.seek(512 + 72)
        file.write(struct.pack("<Q", 2**64 - 1))
    with pytest.raises(ImageError, match="leads behind the medium's end"):
        found(path, 1)

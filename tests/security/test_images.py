"""Threat: an image, or where it comes from, fills the supervisor's disk or leads it elsewhere."""

import gzip
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from boruta_farm.dryad.images.addresses import is_allowed
from boruta_farm.dryad.images.work import ImageOrder
from boruta_farm.dryad.tools import published
from boruta_farm.dryad.tools.acts.storage import flash
from boruta_farm.dryad.tools.drivers import exec_storage
from boruta_farm.dryad.tools.published import PublishedFiles
from boruta_farm.model.errors import BoardError
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

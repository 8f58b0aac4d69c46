"""Images kept by their sums: found again, bounded, the longest unused gone first."""

import os
from pathlib import Path

import pytest

from boruta_farm.dryad.tools import cache
from boruta_farm.dryad.tools.cache import ImageCache
from boruta_farm.model.errors import BoardError

SUMS = tuple(f"{number:064x}" for number in range(4))


def keep(images: ImageCache, digest: str, count: int) -> None:
    descriptor, room = images.begin()
    assert room >= count
    os.write(descriptor, b"x" * count)
    os.close(descriptor)
    images.keep(digest)


def test_the_longest_unused_go(tmp_path: Path) -> None:
    images = ImageCache(tmp_path / "images", 100)
    for digest in SUMS[:3]:
        keep(images, digest, 30)
    for age, digest in enumerate(SUMS[:3]):
        os.utime(tmp_path / "images" / digest, (age, age))
    found = images.find(SUMS[0])
    assert found is not None
    assert os.read(found, 100) == b"x" * 30
    os.close(found)
    keep(images, SUMS[3], 60)
    assert {path.name for path in (tmp_path / "images").iterdir()} == {SUMS[0], SUMS[3]}
    images.drop(SUMS[0])
    assert images.find(SUMS[0]) is None


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    images = ImageCache(tmp_path / "images", 100)
    keep(images, SUMS[0], 1)
    assert (tmp_path / "images").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "images" / SUMS[0]).stat().st_mode & 0o777 == 0o600


def test_nothing_is_kept_where_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ImageCache(tmp_path, 0).begin() == (-1, 0)
    monkeypatch.setattr(cache, "SPARE", 1 << 60)
    assert ImageCache(tmp_path, 100).begin() == (-1, 0)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BoardError, match=r"cannot keep images: (Not a directory|File exists)"):
        ImageCache(tmp_path / "file" / "images", 100).begin()

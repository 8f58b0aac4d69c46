"""A medium's content in a file: the same bytes, packed as asked for, with holes."""

import hashlib
import io
import os
from pathlib import Path

import pytest

from boruta_farm.dryad.images.errors import ImageError
from boruta_farm.dryad.images.forms import Form, Unpacked
from boruta_farm.dryad.images.medium import Medium
from boruta_farm.dryad.images.saving import SaveTarget, save
from boruta_farm.dryad.images.source import Source, fill
from tests.dryad.images.pictures import MIB, noise, packed

DATA = noise(100_000) + bytes(50_000)
HOLLOW = noise(5000) + bytes(9 * MIB) + noise(5000)


def saved(
    folder: Path, form: Form, length: int | None = None, data: bytes = DATA
) -> tuple[Path, tuple[int, str]]:
    """Save a card of ``data``."""
    packed(b"", form)
    card, path = folder / "card", folder / "saved"
    card.write_bytes(data)
    medium, target = os.open(card, os.O_RDONLY), os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        return path, save(Medium(medium), SaveTarget(target, form), lambda _: None, length)
    finally:
        os.close(medium)
        os.close(target)


@pytest.mark.parametrize("form", Form)
def test_what_is_saved_is_what_is_on_the_medium(form: Form, tmp_path: Path) -> None:
    path, told = saved(tmp_path, form)
    assert told == (len(DATA), hashlib.sha256(DATA).hexdigest())
    image = Unpacked(Source(io.BytesIO(path.read_bytes()).readinto))
    view = memoryview(bytearray(len(DATA) + 1))
    assert image.form is form
    assert view[: fill(image, view)] == DATA


def test_nothing_takes_no_room(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, Form.RAW, data=HOLLOW)
    assert path.read_bytes() == HOLLOW
    assert path.stat().st_blocks * 512 < 6 * MIB


def test_a_part_of_it(tmp_path: Path) -> None:
    path, (count, _) = saved(tmp_path, Form.RAW, 70_007)
    assert count == 70_007
    assert path.read_bytes() == DATA[:70_007]


@pytest.mark.parametrize("form", [Form.RAW, Form.GZIP])
def test_no_room_for_it(form: Form, tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.write_bytes(noise(MIB))
    with (
        card.open("rb") as medium,
        Path("/dev/full").open("wb") as full,
        pytest.raises(ImageError, match="cannot be kept: No space left on device; is there"),
    ):
        save(Medium(medium.fileno()), SaveTarget(full.fileno(), form), lambda _: None)


def test_nobody_reads_on(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.write_bytes(noise(MIB))
    reading, writing = os.pipe()
    os.close(reading)
    with (
        card.open("rb") as medium,
        pytest.raises(ImageError, match="nobody takes what is read any more"),
    ):
        save(Medium(medium.fileno()), SaveTarget(writing, Form.RAW), lambda _: None)
    os.close(writing)

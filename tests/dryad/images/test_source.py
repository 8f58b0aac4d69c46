"""What an image's source promised is what must come, and its sum is of what came."""

import hashlib
import os

import pytest

from boruta_farm.dryad.images.errors import ImageError
from boruta_farm.dryad.images.source import Source, fill, length_of, take_from
from tests.dryad.images.pictures import noise

DATA = noise(70_000)


def piped(data: bytes) -> int:
    """Return the reading end of a pipe that holds bytes and does not block."""
    reading, writing = os.pipe2(os.O_NONBLOCK)
    assert os.write(writing, data) == len(data)
    os.close(writing)
    return reading


def test_a_head_is_read_twice_and_summed_once() -> None:
    reading = piped(DATA[:60_000])
    source = Source(take_from(reading), length=60_000, summed=True)
    assert source.head() == DATA[:1024]
    assert source.done == 0
    view = memoryview(bytearray(70_000))
    assert fill(source, view) == 60_000 == source.done
    assert source.hexdigest() == hashlib.sha256(DATA[:60_000]).hexdigest()
    os.close(reading)


def test_a_source_that_ends_early() -> None:
    reading = piped(DATA[:5000])
    source = Source(take_from(reading), length=6000)
    with pytest.raises(ImageError, match=r"ended after 5\.0 kB of the 6\.0 kB that were told"):
        fill(source, memoryview(bytearray(6000)))
    os.close(reading)


def test_what_comes_behind_the_length_stays_where_it_is() -> None:
    reading = piped(DATA[:5000])
    assert fill(Source(take_from(reading), length=4000), memoryview(bytearray(5000))) == 4000
    assert os.read(reading, 5000) == DATA[4000:5000]
    os.close(reading)


def test_a_folder_is_no_image(tmp_path: os.PathLike[str]) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    assert length_of(folder) is None
    with pytest.raises(ImageError, match="cannot be read: Is a directory"):
        Source(take_from(folder)).head()
    os.close(folder)

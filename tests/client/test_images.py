"""An image's bytes with what goes before and behind them, for whoever reads on and who does not."""

import hashlib
import os
from pathlib import Path

import pytest

from boruta_farm.client.images import ImageStream, is_elsewhere
from boruta_farm.model.errors import ConfigError

DATA = os.urandom(3_000_000)


def streamed(stream: ImageStream) -> bytes:
    with stream, os.fdopen(os.dup(stream.source), "rb") as source:
        return source.read()


def test_the_image_and_its_sum(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(DATA)
    stream = ImageStream(image)
    assert stream.words == ("--size", str(len(DATA)), "--sha256", "follows")
    assert streamed(stream) == DATA + hashlib.sha256(DATA).hexdigest().encode()
    bmap = tmp_path / "bmap"
    bmap.write_bytes(b"map")
    stream = ImageStream(image, bmap, "ab")
    assert stream.words == ("--size", str(len(DATA)), "--sha256", "ab", "--bmap-size", "3")
    assert streamed(stream) == b"map" + DATA


def test_a_file_that_gets_shorter_has_no_sum(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(DATA)
    stream = ImageStream(image)
    os.truncate(image, 1000)
    assert streamed(stream) == DATA[:1000]


def test_nobody_reads_on(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(DATA)
    before = sorted(Path("/proc/self/fd").iterdir())
    with ImageStream(image) as stream:
        assert os.read(stream.source, 10) == DATA[:10]
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_what_is_no_file(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(DATA)
    with pytest.raises(ConfigError, match="is no file; pipe what it holds into boruta flash ID -"):
        ImageStream(tmp_path)
    with pytest.raises(ConfigError, match="none cannot be read: No such file"):
        ImageStream(image, tmp_path / "none")
    assert is_elsewhere("HTTPS://images.example/a")
    assert not is_elsewhere("https.img")

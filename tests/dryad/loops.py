"""Real block devices for tests: loop devices of bounded size, where root allows them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LARGEST = 64 << 20


@contextmanager
def loop_device(folder: Path, count: int = 8 << 20, *options: str) -> Iterator[Path]:
    """Return a block device over a file; the test is skipped where there can be none."""
    assert count <= LARGEST
    if os.geteuid() != 0:
        pytest.skip("makes loop devices, which takes root")
    file = folder / "loop.img"
    with file.open("wb") as made:
        made.truncate(count)
    done = subprocess.run(
        ("losetup", "--find", "--show", *options, str(file)), capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no loop devices here: {done.stderr.strip()}")
    device = Path(done.stdout.strip())
    try:
        yield device
    finally:
        subprocess.run(("losetup", "--detach", str(device)), check=True)


@contextmanager
def small_disk(place: Path, count: int) -> Iterator[None]:
    """Mount a file system with room for so many bytes; skipped where that is not allowed."""
    words = ("mount", "-t", "tmpfs", "-o", f"size={count}", "tmpfs", str(place))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(("umount", str(place)), check=True)

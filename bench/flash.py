"""An image flashed as the agent does it, against ``dd`` on the same device."""

import asyncio
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench.lab import Lab
from bench.table import Row
from boruta_farm.dryad.images.work import ImageOrder
from boruta_farm.dryad.tools.moving import move
from boruta_farm.dryad.users.media import MediumUse, open_device

SIZE = 64 << 20
"""Bytes of the image."""

TURNS = 9
AIM = 0.9
MEGABYTE = 1e6


def flash(lab: Lab) -> list[Row]:
    """Write one image by turns: by dd, cached or direct, both synced, and as the agent does it."""
    image = lab.folder / "image"
    image.write_bytes(random.Random(1).randbytes(SIZE))
    with _device(lab.folder) as device:
        ways: dict[str, Callable[[], tuple[float, float]]] = {
            "dd": lambda: _dd(image, device, "conv=fsync"),
            "direct": lambda: _dd(image, device, "oflag=direct", "conv=fsync"),
            "plain": lambda: _flash(image, device, verify=False),
            "flash": lambda: _flash(image, device, verify=True),
        }
        took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(TURNS):
            for name, way in ways.items():
                took[name].append(way())
        kind = "a loop device" if device.is_block_device() else "a file"
    rates = {
        name: SIZE / median(s for s, _ in seconds) / MEGABYTE for name, seconds in took.items()
    }
    whole = SIZE / median(seconds for _, seconds in took["flash"]) / MEGABYTE
    best = max(rates["dd"], rates["direct"])
    return [
        Row(
            name=f"64 MiB on {kind}: dd",
            value=f"{rates['dd']:.0f} MB/s; oflag=direct {rates['direct']:.0f} MB/s",
        ),
        _row("dut flash, the writing, against the faster dd", rates["flash"], best),
        _row("dut flash --no-verify", rates["plain"], best),
        Row(
            name="  dut flash from start to end, read back and compared", value=f"{whole:.0f} MB/s"
        ),
    ]


def _row(name: str, rate: float, best: float) -> Row:
    ratio = rate / best
    value = f"{rate:.0f} MB/s, ratio {ratio:.2f}"
    return Row(name=f"  {name}", value=value, aim=f"ratio >= {AIM}", met=ratio >= AIM)


def _dd(image: Path, device: Path, *words: str) -> tuple[float, float]:
    command = ("dd", f"if={image}", f"of={device}", "bs=4M", "status=none", *words)
    if not device.is_block_device():
        command = (*command, "conv=notrunc")
    began = time.monotonic()
    subprocess.run(command, check=True)
    took = time.monotonic() - began
    return took, took


def _flash(image: Path, device: Path, *, verify: bool) -> tuple[float, float]:
    """Return the seconds of writing, as dut tells them, and those of all of it."""

    async def nobody(_: Mapping[str, Any]) -> None:
        return

    source = os.open(image, os.O_RDONLY)
    medium = open_device(device, MediumUse.WRITE, files=True)
    try:
        order = ImageOrder(medium=medium, source=source, verify=verify)
        began = time.monotonic()
        result = asyncio.run(move(order, (medium, source), nobody))
        return float(result["seconds"]), time.monotonic() - began
    finally:
        os.close(source)
        os.close(medium)


@contextmanager
def _device(folder: Path) -> Iterator[Path]:
    """Return a loop device over a file, or the file where there can be none."""
    file = folder / "card"
    file.write_bytes(b"")
    os.truncate(file, SIZE)
    made = subprocess.run(
        ("losetup", "--find", "--show", str(file)), capture_output=True, text=True, check=False
    )
    if made.returncode:
        yield file
        return
    device = Path(made.stdout.strip())
    try:
        yield device
    finally:
        subprocess.run(("losetup", "--detach", str(device)), check=True)

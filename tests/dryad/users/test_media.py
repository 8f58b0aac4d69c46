"""Devices are opened alone, and never what this machine uses itself."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.images.errors import ImageError
from boruta_farm.dryad.images.medium import Medium, new_buffer
from boruta_farm.dryad.proc.mounts import list_mounts, mounted_from
from boruta_farm.dryad.users.local import LocalHost
from boruta_farm.dryad.users.media import MediumUse, devices_in, open_device
from boruta_farm.dryad.users.settings import UserSettings
from boruta_farm.model.errors import BoardError
from tests.dryad.loops import loop_device


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    with loop_device(tmp_path) as path:
        yield path


def test_a_device_is_had_alone(device: Path) -> None:
    first = open_device(device, MediumUse.WRITE)
    try:
        with pytest.raises(BoardError, match=r"something on this machine uses it .*; free it"):
            open_device(device, MediumUse.READ)
    finally:
        os.close(first)
    os.close(open_device(device, MediumUse.READ))


def test_what_is_mounted_is_refused(device: Path, tmp_path: Path) -> None:
    subprocess.run(("mkfs.ext4", "-q", device), check=True)
    point = tmp_path / "a place"
    point.mkdir()
    subprocess.run(("mount", device, point), check=True)
    try:
        assert mounted_from(device.stat().st_rdev) == [str(point)]
        with pytest.raises(BoardError, match=f"is mounted at {point}; unmount it: umount {point}"):
            open_device(device, MediumUse.WRITE)
    finally:
        subprocess.run(("umount", point), check=True)


def test_this_machines_own_disk_is_refused(tmp_path: Path) -> None:
    root = next(mount.device for mount in list_mounts() if mount.point == "/")
    major, minor = map(int, root.split(":"))
    if os.geteuid() != 0 or not major:
        pytest.skip("makes a device node for the disk that / lies on, which takes root and a disk")
    node = tmp_path / "disk"
    os.mknod(node, 0o60600, os.makedev(major, minor))
    with pytest.raises(BoardError, match="is this machine's own disk; correct the tool's key"):
        open_device(node, MediumUse.READ)


def test_a_device_that_is_write_protected(tmp_path: Path) -> None:
    with loop_device(tmp_path, 8 << 20, "--read-only") as device:
        descriptor = open_device(device, MediumUse.WRITE)
        with pytest.raises(ImageError, match="is it write-protected"):
            Medium(descriptor).write(new_buffer(), 0)
        os.close(descriptor)


def test_what_is_no_device(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    for path in (file, tmp_path, Path("/dev/null")):
        with pytest.raises(BoardError, match="is no block device; correct the tool's key 'device'"):
            open_device(path, MediumUse.READ)
    os.close(open_device(file, MediumUse.WRITE, files=True))
    with pytest.raises(BoardError, match=r"there is no medium \(No such file or directory\); is"):
        open_device(tmp_path / "none", MediumUse.READ)


async def test_the_helper_opens_what_the_configuration_names_and_nothing_else(
    device: Path, tmp_path: Path
) -> None:
    tables = {"tools": {"card": {"driver": "block", "device": str(device)}, "power": {}, "x": 1}}
    devices = devices_in(tables)
    assert devices == {"card": device}
    assert devices_in({}) == {}
    host = LocalHost("u", UserSettings(), tmp_path / "f.conf", devices=devices)
    os.close(await host.open_medium("card", MediumUse.WRITE))
    with pytest.raises(BoardError, match=r"f.conf: \[tools.power\] names no 'device'"):
        await host.open_medium("power", MediumUse.WRITE)

"""Sessions that may write devices directly: what Testflinger does on a MuxPi, played for real."""

import shlex
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.images.forms import Form
from boruta_farm.dryad.users.remote import RemoteHost
from boruta_farm.dryad.users.sudo import has_sudo
from tests.dryad.images.pictures import MIB, noise, packed
from tests.dryad.loops import loop_device
from tests.dryad.rooms import Room, Visitor, start_helper, write_config

USER = "boruta-compat"
WRITE = "zstdcat | sudo dd of={device} bs=16M"
pytestmark = pytest.mark.prove
RULE = f"/etc/sudoers.d/boruta-{USER}"


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with loop_device(tmp_path_factory.mktemp("loop"), 8 * MIB, "-P") as path:
        yield path


@pytest.fixture(scope="module")
def compat_helper(room: Room, device: Path) -> RemoteHost:
    user = {"name": USER, "uids": "74000-74009", "compat": True}
    card = {"tools.card": {"driver": "block", "device": str(device)}}
    other = "11111111-2222-4333-8444-555555555555"
    return start_helper(room, write_config(room.folder, other, user=user, **card))


@pytest.fixture
async def board(compat_helper: RemoteHost) -> AsyncIterator[RemoteHost]:
    if not has_sudo():
        pytest.skip("sudo is not installed (Debian: sudo)")
    await compat_helper.clean()
    yield compat_helper
    await compat_helper.clean()


async def test_it_is_told_and_given_and_taken_back(
    board: RemoteHost, visitor: Visitor, room: Room
) -> None:
    assert (await board.inspect()).root_groups == ("disk", "sudo")
    await board.create(visitor.public, 3600)
    assert {"disk", "dialout"} <= set(visitor.must(USER, "id -Gn").split())
    assert visitor.must(USER, "sudo id -un").strip() == "root"
    assert room.sh(f"stat -c '%a %U' {RULE}").split() == ["440", "root"]
    await board.clean()
    assert room.run("test", "-e", RULE).status == 1


async def test_others_have_neither(host: RemoteHost, visitor: Visitor, room: Room) -> None:
    await host.create(visitor.public, 3600)
    assert visitor.must("boruta-user", "id -Gn").split() == ["boruta-user"]
    assert room.run("sh", "-c", "ls /etc/sudoers.d | grep boruta-boruta-user").out == ""


async def test_a_card_is_written_and_its_file_system_changed_by_the_sessions_own_commands(
    board: RemoteHost, visitor: Visitor, device: Path, room: Room
) -> None:
    """What Testflinger's connector types, in its order, over one ssh for each line."""
    for program in ("hdparm", "zstdcat", "mkfs.ext4"):
        if shutil.which(program, path="/usr/bin:/usr/sbin:/sbin") is None:
            pytest.skip(f"{program} is not installed")
    await board.create(visitor.public, 3600)
    # The room keeps its own files there.
    room.sh("chmod 711 /mnt")
    assert visitor.ssh(USER, f"sudo umount {device}*").status != 0
    picture = room.folder / "image.zst"
    picture.write_bytes(packed(file_system(room) + noise(MIB), Form.ZSTD))
    visitor.room.sh(
        f"cat {picture} | {shlex.join(visitor.command(USER, WRITE.format(device=device)))}"
    )
    mount, seed = "/mnt/agent/writable", "/mnt/agent/writable/var/lib/cloud/seed/nocloud-net"
    for line in (
        "sync",
        f"sudo hdparm -z {device}",
        f"sudo mkdir -p {mount}",
        f"sudo mount {device} {mount}",
        f"sudo mkdir -p {seed}",
        "mkdir -p /tmp/agent",
        "echo '#cloud-config' >/tmp/agent/user-data",
        f"sudo cp /tmp/agent/user-data {seed}",
        f"grep -q cloud {seed}/user-data",
    ):
        visitor.must(USER, line)
    # The connector dies here: its mount must neither stay nor keep the card from the next user.
    found = await board.clean()
    assert f"a medium's file system, mounted at {mount}" in found
    assert room.run("grep", mount, "/proc/mounts").out == ""
    assert on_card(device, 4 * MIB, MIB) == noise(MIB)


def file_system(room: Room) -> bytes:
    """Return a small one with a label."""
    path = room.folder / "file system"
    path.write_bytes(bytes(4 * MIB))
    subprocess.run(("mkfs.ext4", "-q", "-L", "writable", path), check=True)
    return path.read_bytes()


def on_card(device: Path, offset: int, count: int) -> bytes:
    """Return what lies there."""
    with device.open("rb") as card:
        card.seek(offset)
        return card.read(count)

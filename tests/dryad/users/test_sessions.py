"""Session users for real: useradd, userdel and OpenSSH's sshd, in namespaces of their own."""

import asyncio
import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

import boruta_farm
from boruta_farm.dryad.drivers.linux import LinuxDriver
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.launcher import BOOT
from boruta_farm.dryad.state import Phase
from boruta_farm.dryad.tools.door import AccountDoor
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.dryad.tools.toolbox import Toolbox
from boruta_farm.dryad.users.remote import RemoteHost
from boruta_farm.dryad.users.settings import UserSettings
from boruta_farm.model.errors import BoardError
from tests.dryad.rooms import TIMEOUT, Room, Visitor, make_visitor
from tests.dryad.tools.benches import Lamp, fit, state

USER = "boruta-user"
PYTHON = "/usr/bin/python3"
SOURCES = Path(boruta_farm.__file__).parents[1]


async def test_a_user_logs_in_with_his_key_to_a_fresh_home(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    account = await host.create(visitor.public, 3600)
    assert visitor.must(USER, "id -un; id -u; id -g; id -Gn; pwd; stat -c %a .").split() == [
        *(USER, str(account.uid), str(account.uid), USER, f"/home/{USER}", "700")
    ]
    keys = f"/run/boruta/keys/{USER}"
    assert room.sh(f"stat -c '%a %U %G' {keys}").split() == ["640", "root", USER]
    assert room.sh("stat -f -c %T /run/boruta/keys").strip() == "tmpfs"
    assert room.sh(f"getent shadow {USER}").split(":")[1] == "*"
    assert room.run("grep", USER, "/etc/subuid", "/etc/subgid").out == ""


@pytest.mark.prove
async def test_the_next_job_has_another_uid_and_the_old_key_is_dead(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    first = await host.create(visitor.public, 3600)
    await host.clean()
    assert visitor.refused(USER)
    other = make_visitor(room, "other")
    second = await host.create(other.public, 3600)
    assert second.uid != first.uid
    assert visitor.refused(USER)
    assert other.must(USER, "id -u").strip() == str(second.uid)


@pytest.mark.prove
async def test_a_new_key_takes_the_place_of_the_old(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    await host.create(visitor.public, 3600)
    third = make_visitor(room, "third")
    await host.authorize((third.public,), 3600)
    assert visitor.refused(USER)
    assert third.must(USER, "id -un").strip() == USER


@pytest.mark.prove
async def test_a_key_ends_by_itself(host: RemoteHost, visitor: Visitor) -> None:
    await host.create(visitor.public, 3600)
    assert not visitor.refused(USER)
    await host.authorize((visitor.public,), 1)
    # sshd counts in whole seconds, by its own look at the clock.
    async with asyncio.timeout(TIMEOUT):
        while not await asyncio.to_thread(visitor.refused, USER):
            pass


@pytest.mark.prove
async def test_with_sshds_own_setting_nothing_in_the_home_opens_the_account(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    """The setting that is shipped: keys are looked for in the agent's folder alone."""
    shipped = Path(__file__).parents[3] / "packaging" / "sshd" / "boruta.conf"
    there = "/etc/ssh/sshd_config.d/boruta.conf"
    room.run("tee", there, data=shipped.read_text())
    room.sh("/usr/sbin/sshd -t && kill -HUP $(cat /run/sshd.pid)")
    try:
        await host.create(visitor.public, 3600)
        assert visitor.must(USER, "ls -A .ssh 2>&1 || true").startswith("ls: cannot access")
        friend = make_visitor(room, "friend")
        visitor.must(USER, f"mkdir .ssh; echo '{friend.public}' > .ssh/authorized_keys")
        assert friend.refused(USER)
        assert (await host.inspect()).warnings == ()
    finally:
        room.sh(f"rm {there}; kill -HUP $(cat /run/sshd.pid)")


@pytest.mark.prove
async def test_the_account_is_found_again_until_it_is_cleaned(
    host: RemoteHost, visitor: Visitor
) -> None:
    assert await host.find() is None
    account = await host.create(visitor.public, 3600)
    assert await host.find() == account
    await host.clean()
    assert await host.find() is None


@pytest.mark.prove
async def test_a_warning_comes_to_the_users_terminal(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    await host.create(visitor.public, 3600)
    command = room.inside(*visitor.command(USER, "echo ready; cat", options=("-tt",)))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    async with asyncio.timeout(TIMEOUT):
        assert b"ready" in await process.stdout.readuntil(b"\n")
        assert await host.warn("five minutes") == 1
        assert b"*** " in await process.stdout.readuntil(b"five minutes ***")
        await host.clean()
        assert await process.wait() == 255


@pytest.mark.prove
async def test_a_board_that_is_not_clean_gets_no_second_user(
    host: RemoteHost, visitor: Visitor
) -> None:
    await host.create(visitor.public, 3600)
    with pytest.raises(BoardError, match="must be cleaned first"):
        await host.create(visitor.public, 3600)


@pytest.mark.prove
async def test_a_home_that_is_in_the_way_is_told(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    room.sh(f"mkdir /home/{USER}")
    with pytest.raises(BoardError, match="must be cleaned first"):
        await host.create(visitor.public, 3600)


async def test_a_bad_key_makes_no_user(host: RemoteHost, room: Room) -> None:
    for key in ("", "ssh-ed25519 AAAA", 'command="x" ssh-ed25519 AAAA'):
        with pytest.raises(BoardError, match="must be a public key"):
            await host.create(key, 3600)
    assert room.run("getent", "passwd", USER).out == ""


@pytest.mark.prove
async def test_half_an_account_is_cleaned_up(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    """As a power cut leaves it between groupadd and useradd."""
    room.sh(f"groupadd -g 70005 {USER}")
    with pytest.raises(BoardError, match="must be cleaned first"):
        await host.create(visitor.public, 3600)
    await host.clean()
    assert room.run("getent", "group", USER).out == ""
    await host.create(visitor.public, 3600)


@pytest.mark.prove
async def test_a_useradd_that_fails_leaves_nothing(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    room.sh(
        "chmod 0700 /usr/sbin/groupadd; mount -t tmpfs -o ro,size=4k tmpfs /etc/skel; "
        "touch /etc/passwd.lock"
    )
    try:
        with pytest.raises(BoardError, match="useradd ended with status 1"):
            await host.create(visitor.public, 3600)
    finally:
        room.sh("umount /etc/skel; rm -f /etc/passwd.lock")
    assert room.run("getent", "group", USER).out == ""
    await host.create(visitor.public, 3600)


TIOCGPTN: Final = 0x80045430
"""Of ``asm-generic/ioctls.h``: asks for a pseudo terminal's number."""


@contextmanager
def terminal_in(room: Room) -> Iterator[Path]:
    """Have a pseudo terminal among those of the room for the block."""
    devices = Path(f"/proc/{room.pid}/root/dev")
    ours = os.open(devices / "ptmx", os.O_RDWR | os.O_NOCTTY)
    try:
        (number,) = struct.unpack("i", fcntl.ioctl(ours, TIOCGPTN, bytes(4)))
        yield devices / "pts" / str(number)
    finally:
        os.close(ours)


@pytest.mark.prove
@pytest.mark.skipif(not Path(PYTHON).exists(), reason="no Python that every user can start")
async def test_a_session_operates_the_tools_of_its_board_and_nobody_else_does(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    lamp = Lamp()
    service = ToolService(Toolbox([fit("power", lamp)]))
    driver = LinuxDriver(host, UserSettings(name=USER), ":22")
    # The socket lies at its usual place in the room, as the room sees it.
    there = Path(f"/proc/{room.pid}/root/run/boruta/dut")
    service.start(AccountDoor(USER, lambda: driver.door.uid(), there, host=host))
    dut = f"{PYTHON} -I -S -c '{BOOT}' {SOURCES}"
    try:
        await driver.prepare(visitor.public)
        service.look(state())
        with terminal_in(room) as mine:
            await driver.door.give(mine)
            given = os.stat(mine)  # noqa: PTH116 - it waits for nothing
            assert (given.st_uid, given.st_mode & 0o777) == (driver.door.uid(), 0o600)
            with pytest.raises(BoardError, match="is not the agent's"):
                await driver.door.give(mine)
        said = await asyncio.to_thread(visitor.must, USER, f"{dut} power off && {dut} power")
        assert (said, lamp.calls) == ("off\n", ["off"])
        variable = f"BORUTA_DUT=/run/boruta/dut/{USER}.sock"
        root = await asyncio.to_thread(room.run, "sh", "-c", f"{variable} {dut} power on")
        assert (root.status, lamp.calls) == (Status.OVER, ["off"])
    finally:
        service.look(state(phase=Phase.ENDING))
        await driver.clean()
        await service.close()

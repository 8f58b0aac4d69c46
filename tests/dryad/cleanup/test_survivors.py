"""What hostile users leave behind, for real: each is found, ended, and named."""

import asyncio
import shutil

import pytest

from boruta_farm.dryad.users.remote import RemoteHost
from boruta_farm.model.errors import BoardError
from tests.dryad.rooms import Room, Visitor, start_helper, write_config

USER = "boruta-user"
HOME = f"/home/{USER}"
DETACHED = ">/dev/null 2>&1 </dev/null &"
DEAF = "trap '' TERM HUP INT QUIT USR1 USR2"

PROCESSES = {
    "a setsid daemon": f"setsid sleep 86401 {DETACHED}",
    "a nohup process": f"nohup sleep 86401 {DETACHED}",
    "one deaf to SIGTERM": f'setsid sh -c "{DEAF}; sleep 86401; :" {DETACHED}',
    "a double fork without environment": f"(setsid env -i /bin/sleep 86401 {DETACHED}) &",
    "a stopped one": f"setsid sh -c 'kill -STOP $$' {DETACHED}",
    "one that starts itself again": (
        f"setsid sh -c 'while :; do sleep 86401 & wait; done' {DETACHED}"
    ),
    "a fork bomb": f"ulimit -u 200; setsid sh -c 'f() {{ f | f & }}; f; sleep 86401' {DETACHED}",
    "one in a PID namespace of its own": (
        f"unshare -U -r -p -f sleep 86401 {DETACHED} test -e /proc/self/ns/user"
    ),
}


FIRST, *REST = PROCESSES
"""One of them is tried every time."""


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(PROCESSES[FIRST], id=FIRST),
        *(pytest.param(PROCESSES[name], id=name, marks=pytest.mark.prove) for name in REST),
    ],
)
async def test_no_process_is_left(
    script: str, host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    account = await host.create(visitor.public, 3600)
    visitor.ssh(USER, script)
    assert room.processes_of(account.uid), "the planted process does not run"
    found = await host.clean()
    assert room.processes_of(account.uid) == []
    assert any("process" in line for line in found), found


@pytest.mark.prove
async def test_what_a_login_started_under_another_uid_goes_too(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    """As sudo leaves it: root's process, which the kernel knows to be of the session's login."""
    account = await host.create(visitor.public, 3600)
    if room.run("test", "-e", "/proc/self/loginuid").status:
        pytest.skip("this kernel keeps no login uids")
    script = f"echo {account.uid} > /proc/self/loginuid; exec setsid sleep 86403"
    room.sh(f"sh -c '{script}' {DETACHED}")
    room.sh(f"sleep 86404 {DETACHED}")
    found = await host.clean()
    assert any("sleep 86403" in line for line in found), found
    assert [line for line in room.processes_of(0) if "8640" in line] == ["sleep 86404"]


@pytest.mark.prove
async def test_open_connections_are_cut(host: RemoteHost, visitor: Visitor, room: Room) -> None:
    account = await host.create(visitor.public, 3600)
    process = await asyncio.create_subprocess_exec(
        *room.inside(*visitor.command(USER, "echo in; exec sleep 86401")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 60) == b"in\n"
    found = await host.clean()
    assert await asyncio.wait_for(process.wait(), 60) == 255
    assert "sshd: boruta-user" in found[0] or "sshd: boruta-user" in found[1]
    assert room.processes_of(account.uid) == []


FILES = (
    "echo x > /tmp/left; mkdir -p /tmp/folder/deep; echo x > /tmp/folder/deep/file",
    "echo x > /var/tmp/left",
    "echo x > /dev/shm/left; touch /dev/mqueue/left",
    "mkdir -p '/tmp/.x/. /..'; echo x > '/tmp/.x/. /../f'; chmod 000 /tmp/.x",
    "touch /tmp/-rf \"/tmp/$(printf 'a\\nb')\" \"/tmp/$(printf '\\377')\"",
)


RACES = "-ignore_readdir_race"
"""Other tests' files in /tmp come and go meanwhile."""


@pytest.mark.prove
async def test_no_file_is_left(host: RemoteHost, visitor: Visitor, room: Room) -> None:
    account = await host.create(visitor.public, 3600)
    for script in FILES:
        visitor.must(USER, script)
    found = await host.clean()
    places = "/tmp /var/tmp /dev/shm /dev/mqueue /home"
    assert room.sh(f"find {places} {RACES} -uid {account.uid} -o -gid {account.uid}") == ""
    assert any(" in /tmp" in line or " in /var/tmp" in line or "shm" in line for line in found)


@pytest.mark.prove
async def test_links_lead_nobody_astray(host: RemoteHost, visitor: Visitor, room: Room) -> None:
    room.sh("mkdir -m 0755 /srv/precious || true; echo keep > /srv/precious/file")
    await host.create(visitor.public, 3600)
    visitor.must(
        USER,
        "ln -s /srv/precious /tmp/link; ln -s /srv/precious link; ln -s / root;"
        "mkdir /tmp/d; ln -s ../../srv/precious /tmp/d/up; rm -rf .ssh; ln -s /srv/precious .ssh;"
        "ln -s /etc/passwd /tmp/passwd; ln -s /srv/precious/file /dev/shm/file",
    )
    # Even a key that is replaced meanwhile goes nowhere else.
    await host.authorize((visitor.public,), 3600)
    await host.clean()
    assert room.sh("cat /srv/precious/file") == "keep\n"
    assert "root:" in room.sh("cat /etc/passwd")
    assert room.sh("ls -A /srv/precious") == "file\n"


@pytest.mark.prove
async def test_immutable_files_go(host: RemoteHost, visitor: Visitor, room: Room) -> None:
    await host.create(visitor.public, 3600)
    visitor.must(USER, "mkdir -p fixed/deep; touch fixed/deep/a; echo x > /tmp/fixed")
    room.sh(f"chattr +i {HOME}/fixed/deep/a /tmp/fixed; chattr +a {HOME}/fixed; chattr +i {HOME}")
    assert visitor.ssh(USER, "rm -rf fixed").status != 0
    await host.clean()
    assert room.run("ls", HOME, "/tmp/fixed").out == ""


@pytest.mark.prove
async def test_ipc_objects_go_and_those_of_others_stay(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    account = await host.create(visitor.public, 3600)
    visitor.must(USER, "ipcmk -M 4096; ipcmk -Q; ipcmk -S 3")
    room.sh("ipcmk -M 8192")
    found = await host.clean()
    assert any("shared memory" in line and "semaphores" in line for line in found)
    left = room.sh("tail -qn +2 /proc/sysvipc/shm /proc/sysvipc/msg /proc/sysvipc/sem")
    assert str(account.uid) not in left.split()
    assert "8192" in left
    room.sh("ipcrm --all")


@pytest.mark.prove
async def test_a_crontab_and_an_at_job_go(host: RemoteHost, visitor: Visitor, room: Room) -> None:
    """Written as crontab and at write them: the daemons need not be installed for that."""
    account = await host.create(visitor.public, 3600)
    room.sh(
        "mkdir -p /var/spool/cron/crontabs /var/spool/cron/atjobs;"
        f"echo '* * * * * true' > /var/spool/cron/crontabs/{USER};"
        "echo '#!/bin/sh' > /var/spool/cron/atjobs/a0000101c2b3f8;"
        "echo '* * * * * root true' > /var/spool/cron/crontabs/root;"
        f"chown {account.uid} /var/spool/cron/crontabs/{USER} /var/spool/cron/atjobs/a*"
    )
    found = await host.clean()
    assert room.sh("find /var/spool/cron -type f") == "/var/spool/cron/crontabs/root\n"
    assert any("/var/spool/cron" in line for line in found)


@pytest.mark.prove
async def test_mail_linger_and_sudo_marks_go(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    await host.create(visitor.public, 3600)
    marks = f"/var/lib/systemd/linger/{USER} /run/sudo/ts/{USER} /var/mail/{USER}"
    room.sh(f"mkdir -p /var/lib/systemd/linger /run/sudo/ts; touch {marks}")
    await host.clean()
    assert room.run("ls", *marks.split()).out == ""


@pytest.mark.prove
async def test_mounts_go(host: RemoteHost, visitor: Visitor, room: Room) -> None:
    await host.create(visitor.public, 3600)
    visitor.must(USER, "mkdir -p a b/c /tmp/mine/m")
    room.sh(
        f"mkdir -p /srv/data; echo keep > /srv/data/file; mount --bind /srv/data {HOME}/a;"
        f"mount -t tmpfs tmpfs {HOME}/b; mkdir {HOME}/b/c; mount -t tmpfs tmpfs {HOME}/b/c;"
        f"mount -t tmpfs tmpfs {HOME}/b; mount -t tmpfs tmpfs /tmp/mine/m"
    )
    found = await host.clean()
    assert "boruta-user" not in room.sh("cat /proc/self/mountinfo")
    assert "/tmp/mine" not in room.sh("cat /proc/self/mountinfo")
    assert room.sh("cat /srv/data/file") == "keep\n"
    assert any(line.startswith("5 mounts") for line in found), found


@pytest.mark.prove
@pytest.mark.prove
async def test_what_a_user_mounted_with_sshfs_goes(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    server = "/usr/lib/openssh/sftp-server"
    if not (shutil.which("sshfs") and room.run("test", "-x", server, "-a", "-e", "/dev/fuse")):
        pytest.skip("sshfs is not installed")
    room.sh("chmod 0666 /dev/fuse")
    account = await host.create(visitor.public, 3600)
    visitor.must(
        USER,
        f"mkdir away; printf '#!/bin/sh\\nexec {server}\\n' > fake; chmod +x fake;"
        "sshfs -o ssh_command=$HOME/fake x:/etc away && test -e away/passwd",
    )
    assert f"user_id={account.uid}" in room.sh("cat /proc/self/mountinfo")
    found = await host.clean()
    assert f"user_id={account.uid}" not in room.sh("cat /proc/self/mountinfo")
    assert any("fuse.sshfs" in line for line in found), found
    assert "root:" in room.sh("cat /etc/passwd")


@pytest.mark.prove
async def test_a_full_disk_is_freed(host: RemoteHost, visitor: Visitor, room: Room) -> None:
    """A disk of 2 MiB, full to the last block and the last inode."""
    room.sh("mount -t tmpfs -o size=2m,nr_inodes=500,mode=1777 tmpfs /var/tmp")
    try:
        await host.create(visitor.public, 3600)
        visitor.ssh(USER, "i=0; while : > /var/tmp/$i; do i=$((i+1)); done 2>/dev/null")
        visitor.ssh(USER, "cat /dev/zero >> /var/tmp/0")
        assert "No space" in visitor.ssh(USER, "echo x > /var/tmp/more").err
        found = await host.clean()
        assert room.sh("ls -A /var/tmp") == ""
        assert any("files and folders in /var/tmp" in line for line in found)
    finally:
        room.sh("umount /var/tmp")


@pytest.mark.prove
async def test_an_account_that_cannot_be_locked_is_cleaned_all_the_same(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    """As on a full disk, where usermod cannot write its new file."""
    account = await host.create(visitor.public, 3600)
    visitor.must(USER, f"setsid sleep 86401 {DETACHED}")
    room.sh("mount --bind /bin/false /usr/sbin/usermod")
    try:
        await host.clean()
    finally:
        room.sh("umount /usr/sbin/usermod")
    assert room.processes_of(account.uid) == []
    assert room.run("getent", "passwd", USER).out == ""


@pytest.mark.prove
@pytest.mark.prove
async def test_a_user_of_an_earlier_configuration_goes_too(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    """The board's user was renamed while its account was there: its key must not live on."""
    room.sh(
        "mkdir -p /run/boruta/keys; useradd -m -u 70950 former; echo key > /run/boruta/keys/former"
    )
    room.sh(f"setpriv --reuid 70950 --clear-groups --regid 70950 setsid sleep 86406 {DETACHED}")
    found = await host.clean()
    assert any("sleep 86406" in line for line in found), found
    assert room.run("getent", "passwd", "former").out == ""
    assert room.run("ls", "/home/former", "/run/boruta/keys/former").out == ""


@pytest.mark.prove
async def test_an_account_that_is_not_ours_any_more_is_not_touched(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    await host.create(visitor.public, 3600)
    room.sh(f"userdel -r {USER}; useradd -m -u 1999 {USER}; echo keep > /home/{USER}/file")
    with pytest.raises(BoardError, match="was not made by this agent and is not touched"):
        await host.clean()
    assert room.sh(f"cat /home/{USER}/file") == "keep\n"
    room.sh(f"userdel -r {USER}")


@pytest.mark.prove
async def test_what_cannot_be_removed_fails_the_board_by_its_name(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    room.sh("mount -t tmpfs -o mode=1777 tmpfs /var/tmp")
    try:
        await host.create(visitor.public, 3600)
        visitor.must(USER, "echo x > /var/tmp/stuck; setsid sleep 86401 >/dev/null 2>&1 &")
        room.sh("mount -o remount,ro /var/tmp")
        with pytest.raises(BoardError, match=r"not clean: /var/tmp: .*stuck: Read-only"):
            await host.clean()
        # All the rest was ended nevertheless, and nobody can log in.
        assert room.run("getent", "passwd", USER).out == ""
        assert visitor.refused(USER)
        with pytest.raises(BoardError, match="stuck"):
            await host.clean()
    finally:
        room.sh("umount /var/tmp")
    await host.clean()


@pytest.mark.prove
async def test_only_the_boards_own_is_touched(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    """Two boards on one host: the one is cleaned while the other's user works."""
    other_uuid = "11111111-2222-4333-8444-555555555555"
    user = {"name": "boruta-other", "uids": "71000-71009"}
    neighbour = start_helper(room, write_config(room.folder, other_uuid, user=user))
    await neighbour.inspect()
    account = await neighbour.create(visitor.public, 3600)
    await host.create(visitor.public, 3600)
    for name in ("boruta-other", USER):
        visitor.must(
            name,
            f"setsid sleep 86402 {DETACHED} echo x > /tmp/of-{name}; echo x > mine;"
            "ipcmk -M 4096 >/dev/null",
        )
    await host.clean()
    assert room.processes_of(account.uid) == ["sleep 86402"]
    assert room.sh("cat /tmp/of-boruta-other") == "x\n"
    assert visitor.must("boruta-other", "cat mine") == "x\n"
    assert str(account.uid) in room.sh("cat /proc/sysvipc/shm").split()
    assert any("sleep 86402" in line for line in await neighbour.clean())
    assert room.processes_of(account.uid) == []

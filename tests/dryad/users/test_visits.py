"""Who is logged in by which key, and shown out: with OpenSSH's sshd, in namespaces of their own."""

import asyncio
from pathlib import Path

import pytest

from boruta_farm.dryad.users.remote import RemoteHost
from tests.dryad.rooms import TIMEOUT, Room, Visitor, make_visitor

USER = "boruta-user"
SHIPPED = Path(__file__).parents[3] / "packaging" / "sshd" / "boruta.conf"


def line(visitor: Visitor) -> str:
    """Return a visitor's key as boards get it."""
    return " ".join(visitor.public.split()[:2])


async def come(room: Room, visitor: Visitor, command: str) -> asyncio.subprocess.Process:
    """Log in and stay."""
    process = await asyncio.create_subprocess_exec(
        *room.inside(*visitor.command(USER, f"{command}; echo ready; exec cat")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), TIMEOUT) == b"ready\n"
    return process


@pytest.mark.prove
@pytest.mark.parametrize("told", [True, False])
async def test_one_of_two_is_shown_out_with_all_that_he_started(
    told: bool, host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    there = "/etc/ssh/sshd_config.d/boruta.conf"
    if told:
        room.run("tee", there, data=SHIPPED.read_text())
        room.sh("/usr/sbin/sshd -t && kill -HUP $(cat /run/sshd.pid)")
    stayed: list[asyncio.subprocess.Process] = []
    try:
        await host.create(visitor.public, 3600)
        friend = make_visitor(room, f"friend-{told}")
        await host.authorize((line(visitor), line(friend), "ssh-rsa nonsense"), 3600)
        mine = await come(room, visitor, "true")
        stayed.append(mine)
        his = await come(room, friend, "setsid -f sleep 1000 > /dev/null 2>&1")
        stayed.append(his)
        counted = {line(visitor): 1, line(friend): 1} if told else {"": 2}
        assert await host.visitors() == counted
        assert room.sh("pgrep -x sleep").strip() != ""
        await host.authorize((line(visitor),), 3600)
        assert await host.part_with((line(friend),)) == (1 if told else 2)
        await asyncio.wait_for(his.wait(), TIMEOUT)
        assert friend.refused(USER)
        assert room.sh("pgrep -x sleep || true").strip() == "", "what he left behind has ended too"
        if told:
            assert await host.visitors() == {line(visitor): 1}
            assert mine.stdin is not None
            assert mine.stdout is not None
            mine.stdin.write(b"here\n")
            assert await asyncio.wait_for(mine.stdout.readline(), TIMEOUT) == b"here\n"
        else:
            await asyncio.wait_for(mine.wait(), TIMEOUT)
        assert not visitor.refused(USER)
    finally:
        for process in stayed:
            # At its end of input ssh goes by itself; a signal would not reach it in there.
            assert process.stdin is not None
            process.stdin.close()
            await asyncio.wait_for(process.wait(), TIMEOUT)
        if told:
            room.sh(f"rm {there}; kill -HUP $(cat /run/sshd.pid)")

"""The root helper killed at any moment: no account is left half made, no process survives."""

import asyncio
import random
import subprocess

import pytest

from boruta_farm.dryad.users.remote import RemoteHost
from boruta_farm.model.errors import BoardError
from tests.dryad.rooms import UUID, Room, Visitor, start_helper, write_config

USER = "boruta-user"
LEFT = "sleep 86405"
KILLS = 8


def kill_helper(room: Room) -> None:
    """Kill the helper in the middle of what it does, and wait until it is gone."""
    room.run("pkill", "-KILL", "-f", "boruta_farm.dryad helper")
    room.started[-1].wait(20)
    (room.folder / f"{UUID}.sock").unlink()


@pytest.mark.prove
async def test_whenever_the_helper_is_killed_the_next_clean_up_proves_the_board(
    room: Room, visitor: Visitor
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    config = write_config(room.folder)
    uids = set()
    for _ in range(KILLS):
        host = start_helper(room, config)
        await host.clean()
        account = await host.create(visitor.public, 3600)
        assert account.uid not in uids, "a uid came back"
        uids.add(account.uid)
        visitor.must(USER, f"setsid {LEFT} >/dev/null 2>&1 </dev/null & echo x > /tmp/left")
        verb = chance.choice(["clean", "clean, create"])
        asking = asyncio.create_task(_ask(host, verb, visitor))
        await asyncio.wait((asking,), timeout=chance.uniform(0, 0.6))
        await asyncio.to_thread(kill_helper, room)
        await asking
        # Nothing is guessed from what the killed one may have done.
        host = start_helper(room, config)
        await host.clean()
        assert not [line for line in _all(room) if LEFT in line]
        assert room.run("getent", "passwd", USER).out == ""
        assert room.run("getent", "group", USER).out == ""
        # What others take away meanwhile is none of ours.
        find = "find /tmp /var/tmp /dev/shm /home -ignore_readdir_race"
        assert room.sh(f"{find} -uid +69999 -uid -71000") == ""
        await asyncio.to_thread(kill_helper, room)


async def _ask(host: RemoteHost, verbs: str, visitor: Visitor) -> None:
    try:
        await host.clean()
        if "create" in verbs:
            await host.create(visitor.public, 3600)
    except BoardError as error:
        print(f"killed during {verbs}: {error.message}")


def _all(room: Room) -> list[str]:
    return (
        subprocess.run(room.inside("ps", "-eo", "args="), capture_output=True, check=True)
        .stdout.decode()
        .splitlines()
    )

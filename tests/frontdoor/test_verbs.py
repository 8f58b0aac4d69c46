"""What the door answers in text."""

from pathlib import Path

import asyncssh
import pytest

from boruta_farm.frontdoor.names import plain
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.permission import Role
from boruta_farm.model.request import RequestState
from tests.client.serving import uuid_of
from tests.frontdoor.stage import Stage, jump

KEY, OTHER = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))


async def test_who_has_what(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        assert "no board is registered here yet" in (await stage.say(KEY, "ls"))[1]
        await stage.board(1, "lab-rpi4")
        await stage.board(2, "desk", "x86")
        async with await stage.come(OTHER) as other:
            await jump(other, "desk")
            async with await stage.come(KEY) as connection:
                process = await connection.create_process()
                said = (await process.stdout.read()).splitlines()
        assert said[0].split()[:3] == ["desk", "x86", "held"]
        assert said[1].split() == ["lab-rpi4", "rpi4", "free"]
        assert said[2].startswith("r1: in progress on desk until ")
        assert said[2].endswith(", wants name=desk")
        assert said[3].startswith(f"Borrow one: ssh -J 127.0.0.1:{stage.port} boruta-user@NAME")


async def test_a_request_from_filing_to_its_end(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        status, said, _ = await stage.say(KEY, "new RPI4 2h")
        assert (status, said.startswith("r1: ")) == (0, True)
        request = await stage.until(1, RequestState.IN_PROGRESS)
        assert (request.caps, request.ssh_key) == ({"board": "rpi4"}, plain(KEY))
        assert request.length is not None
        assert request.length.total_seconds() == 7200
        assert "it has lab-rpi4" in (await stage.say(KEY, "explain r1"))[1] or "1" in said
        assert (await stage.say(KEY, "prolong 1 +30m"))[1].startswith("r1 lasts until ")
        assert (await stage.say(KEY, "close 1"))[1] == "r1 is closed\n"
        await stage.until(1, RequestState.DONE)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nonsense", "there is no verb 'nonsense' here; see: help"),
        ("new", "write: new WANT"),
        ("new r1", "r1 is a request already"),
        ("new rpi4 soon", "soon"),
        ("new rpi4 0s", "'0s' must be at least 1s"),
        ("new rpi4 2000d", "'2000d' must be at most 366d"),
        ("close", "write: close ID"),
        ("close x", "write: close ID"),
        ("prolong 1 2 3", "write: prolong ID"),
        ("'", "the line cannot be read"),
        ("connect a+", "a + with nothing beside it"),
    ],
)
async def test_wrong_usage_is_told(tmp_path: Path, line: str, told: str) -> None:
    async with Stage(tmp_path).running() as stage:
        status, said, complaint = await stage.say(KEY, line)
        assert (status, said) == (2, "")
        assert told in complaint


async def test_refusals_of_the_farm_are_told(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        await stage.account("boss", role=Role.ADMIN)
        await stage.account("ann", KEY)
        await stage.account("bob", OTHER)
        assert (await stage.say(KEY, "new rpi4"))[0] == 0
        status, _, complaint = await stage.say(OTHER, "close 1")
        assert status == 255
        assert "belongs to ann" in complaint
        assert (await stage.say(OTHER, "explain 9"))[0] == 255
        listed = (await stage.say(OTHER, "ls"))[1]
        assert "held by ann until" in listed
        assert "r1" not in listed, "what is another's is not one's own"


async def test_the_key_of_the_board_that_a_name_leads_to_now(tmp_path: Path) -> None:
    """Two boards behind one name: each time the key is that of the board that is held."""
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "one")
        await stage.board(2, "two")
        assert (await stage.say(KEY, "known-hosts rpi4.farm"))[1] == "", "nothing is held"
        seen = set()
        async with await stage.come(OTHER) as other:
            await jump(other, "rpi4")
            for key, who in ((OTHER, 1), (KEY, 2)):
                async with await stage.come(key) as connection:
                    await jump(connection, "RPI4")
                    said = (await connection.run("known-hosts rpi4.farm")).stdout
                    request = await stage.until(who, RequestState.IN_PROGRESS)
                    assert request.job is not None
                    number = 1 if request.job.worker == uuid_of(1) else 2
                    assert said == f"rpi4.farm ssh-ed25519 HOST{number}\n"
                    seen.add(said)
        assert len(seen) == 2
        page = await stage.lab.farm.requests.list_requests(LOCAL_ADMIN)
        assert len(page.items) == 2


async def test_who_vouches_for_the_boards_is_told(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        assert (await stage.say(KEY, "known-hosts"))[0] == 2, "a server that knows no certificates"
    async with Stage(tmp_path, authority="ssh-ed25519 CCCC").running() as stage:
        said = (await stage.say(KEY, "known-hosts"))[1]
        assert said == "@cert-authority *.farm ssh-ed25519 CCCC\n"


async def test_help_and_the_block_name_this_door(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        said = (await stage.say(KEY, "help"))[1]
        jump_here = f"ssh -J 127.0.0.1:{stage.port} "
        jumps = [line.strip() for line in said.splitlines() if jump_here in line]
        assert len(jumps) == 4
        assert all(f"{jump_here}boruta-user@" in line for line in jumps), "not the local user"
        assert "It is given back 0.2 s after" in said
        block = (await stage.say(KEY, "ssh-config farm.example"))[1]
        assert f"-p {stage.port} farm.example connect %h" in block
        assert f"-p {stage.port} farm.example known-hosts %H" in block


async def test_a_terminal_gets_lines_that_end_as_its_lines_do(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage, await stage.come(KEY) as connection:
        process = await connection.create_process("ls", term_type="xterm", encoding=None)
        assert (await process.stdout.read()).startswith(b"no board is registered here yet\r\n")


async def test_boards_by_the_users_name_can_be_switched_off(tmp_path: Path) -> None:
    async with Stage(tmp_path, read_by_farm=False).running() as stage:
        await stage.board(1, "lab-rpi4")
        status, _, complaint = await stage.say(KEY, "true", user="rpi4")
        assert status == 255
        assert "is switched off here, since the farm could read it" in complaint
        assert (await stage.say(KEY, "ls", user="lab"))[0] == 0, "a beginning is only a name"
        assert not (await stage.lab.farm.requests.list_requests(LOCAL_ADMIN)).items


async def test_subsystems_are_on_boards(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage, await stage.come(KEY) as connection:
        process = await connection.create_process(subsystem="sftp")
        assert "sftp is on boards, not at their door" in await process.stderr.read()

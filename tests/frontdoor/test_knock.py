"""The door by the protocol itself: who gets in, where it leads, and where it never does."""

import asyncio
import base64
from datetime import timedelta
from functools import partial
from pathlib import Path

import asyncssh
import pytest

from boruta_farm.frontdoor.crowd import DoorBounds
from boruta_farm.frontdoor.guest import DoorGuest
from boruta_farm.frontdoor.knock import KEPT
from boruta_farm.frontdoor.names import plain
from boruta_farm.model.account import AccountChange
from boruta_farm.model.audit import Action
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.front_door import KeyShown
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.request import NewRequest, RequestState
from boruta_farm.selectors.want import Want
from tests.client.serving import uuid_of
from tests.frontdoor.stage import BOSS, Stage, jump

KEY, OTHER, THIRD = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(3))


async def test_a_jump_files_leads_there_and_gives_back(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        uuid = await stage.board(1, "lab-rpi4")
        async with await stage.come(KEY) as connection:
            reader, writer = await jump(connection, "RPI4.farm")
            writer.write(b"x" * 300_000)
            assert await reader.readexactly(300_000) == b"x" * 300_000
            request = await stage.until(1, RequestState.IN_PROGRESS)
            assert request.caps == {"board": "rpi4"}
            assert request.ssh_key == plain(KEY), "the path is end to end: his key is on the board"
            writer.write_eof()
            assert await reader.read() == b"", "the end gets through both ways"
        done = await stage.until(1, RequestState.DONE)
        assert done.job is not None
        assert done.job.worker == uuid


async def test_who_comes_again_soon_is_on_the_same_board(tmp_path: Path) -> None:
    async with Stage(tmp_path, linger=timedelta(minutes=1)).running() as stage:
        await stage.board(1, "one")
        await stage.board(2, "two")
        async with await stage.come(KEY) as connection:
            await jump(connection, "rpi4")
            await jump(connection, "rpi4")
        async with await stage.come(KEY) as again, await stage.come(OTHER) as another:
            await jump(again, "rpi4")
            assert len((await stage.lab.farm.requests.list_requests(LOCAL_ADMIN)).items) == 1
            await jump(another, "rpi4")
            first, second = [
                await stage.until(number, RequestState.IN_PROGRESS) for number in (1, 2)
            ]
            assert first.job is not None
            assert second.job is not None
            assert first.job.worker != second.job.worker, "another's key is another's board"


async def test_the_turn_is_waited_for_and_given_up_with_the_connection(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        async with await stage.come(KEY) as first, await stage.come(OTHER) as second:
            await jump(first, "rpi4")
            waiting = asyncio.create_task(jump(second, "rpi4"))
            await stage.until(2, RequestState.WAITING)
            third = await stage.come(THIRD)
            giving_up = asyncio.create_task(jump(third, "lab-rpi4"))
            await stage.until(3, RequestState.WAITING)
            third.abort()
            await stage.until(3, RequestState.CANCELLED)
            assert isinstance(
                (await asyncio.gather(giving_up, return_exceptions=True))[0], Exception
            )
            first.close()
            await waiting
            await stage.until(2, RequestState.IN_PROGRESS)


async def test_who_comes_just_when_another_gives_up_is_not_given_up_with_him(
    tmp_path: Path,
) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        visitor = await stage.line.whose_key(KeyShown(key=plain(OTHER)))
        guest = DoorGuest(visitor=visitor, key=plain(OTHER), source="127.0.0.1")

        async def borrow() -> int:
            visit = stage.door.boards.visit(guest, Want(), lambda _: None, own_key=True)
            async with visit as granted:
                return granted.request.id

        async with await stage.come(KEY) as first:
            await jump(first, "rpi4")
            giving_up = asyncio.create_task(borrow())
            await stage.until(2, RequestState.WAITING)
            giving_up.cancel()
            await asyncio.wait((giving_up,))
            coming = asyncio.create_task(borrow())
            await stage.until(3, RequestState.WAITING)
        assert await asyncio.wait_for(coming, 10) == 3
        assert (await stage.until(2, RequestState.CANCELLED)).job is None


async def test_status_is_told_beside_connect(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        async with await stage.come(KEY) as first, await stage.come(OTHER) as second:
            await jump(first, "rpi4")
            process = await second.create_process("connect rpi4.farm", encoding=None)
            line = await process.stderr.readline()
            assert b"waiting: position 1; 1 board matches: 1 running (lab-rpi4, held by" in line
            first.close()
            assert await process.stdout.readline() == b"SSH-2.0-board\r\n"
            process.stdin.write(b"hello\n")
            assert await process.stdout.readline() == b"hello\n"
            process.close()
        await stage.until(2, RequestState.DONE)


def _itself(reader: "Reader") -> "Reader":
    return reader


class Reader(asyncssh.SSHClient):
    """Keep what is said before one is in."""

    def __init__(self) -> None:
        self.banners = ""

    def auth_banner_received(self, msg: str, lang: str) -> None:
        self.banners += msg


async def test_a_jump_is_told_beforehand_where_nothing_is_free(tmp_path: Path) -> None:
    """Once it is in, ssh has no place for words."""
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        for told in ("", "boruta: no board is free now. A jump waits silently"):
            reader = Reader()
            connection = await asyncssh.connect(
                "127.0.0.1",
                stage.port,
                username="me",
                client_factory=partial(_itself, reader),
                client_keys=[KEY],
                known_hosts=None,
                agent_path=None,
                config=None,
            )
            assert reader.banners.startswith(told)
            assert bool(reader.banners) == bool(told)
            if told:
                assert f"ssh -p {stage.port} 127.0.0.1 ls" in reader.banners
            else:
                await jump(connection, "rpi4")


NOT_A_BOARD = "no board and no kind of board"
ELSEWHERE = [
    ("localhost", 22, NOT_A_BOARD),
    ("LOCALHOST.", 22, NOT_A_BOARD),
    ("127.0.0.1", 22, NOT_A_BOARD),
    ("127.1", 22, NOT_A_BOARD),
    ("0x7f000001", 22, NOT_A_BOARD),
    ("::1", 22, NOT_A_BOARD),
    ("::ffff:127.0.0.1", 22, NOT_A_BOARD),
    ("localhost.farm", 22, NOT_A_BOARD),
    ("2130706433", 22, "Request not found"),
    ("0.0.0.0", 22, "Request not found"),
    ("lab-rpi4", 80, "this door leads to boards' ssh alone"),
    ("lab-rpi4", 8487, "this door leads to boards' ssh alone"),
    ("lab-rpi4", 0, "this door leads to boards' ssh alone"),
    ("", 22, "nothing is named"),
    ("a+", 22, "a \\+ with nothing beside it"),
    ("x" * 5000, 22, "1024 characters"),
]


async def test_nothing_else_can_be_reached(tmp_path: Path) -> None:
    """Neither the server itself, nor its machine by any spelling, nor another port of a board."""
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        async with await stage.come(KEY) as connection:
            for host, port, told in ELSEWHERE:
                with pytest.raises(asyncssh.ChannelOpenError, match=told):
                    await connection.open_connection(host, port)
            with pytest.raises(asyncssh.ChannelOpenError, match="boards' ssh alone"):
                await connection.open_unix_connection(str(stage.folder / "server.sock"))
            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_port("", 0, "localhost", 22)
            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_path(str(tmp_path / "x"), str(tmp_path / "y"))
        assert not (await stage.lab.farm.requests.list_requests(LOCAL_ADMIN)).items
        assert stage.met.empty()


async def test_a_board_of_anothers_request_stays_closed(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        await stage.account("boss", role=Role.ADMIN)
        await stage.account("ann", KEY)
        await stage.account("bob", OTHER)
        async with await stage.come(KEY) as ann, await stage.come(OTHER) as bob:
            await jump(ann, "lab-rpi4")
            assert stage.met.get_nowait()
            for host in ("r1", "1", "0.0.0.1", "R1.farm"):
                with pytest.raises(asyncssh.ChannelOpenError, match="request 1 is not yours"):
                    await bob.open_connection(host, 22)
            assert stage.met.empty()
            await jump(ann, "r1")
            own = stage.lab.farm.directory.account_named("ann")
            assert own is not None
            me = stage.lab.farm.directory.speak_for(own.id, Scope.ADMIN, "")
            await stage.lab.farm.requests.share_request(me, 1, "bob")
            await jump(bob, "r1")
        assert (await stage.until(1, RequestState.DONE)).reason, "ann's door closed it, not bob's"


async def test_whoever_holds_no_known_key_stays_outside(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        await stage.account("boss", role=Role.ADMIN)
        await stage.account("ann", KEY)
        with pytest.raises(asyncssh.PermissionDenied):
            await stage.come(OTHER, user="ann")
        (await stage.come(KEY, user="whoever")).close()
        await stage.door.empty()
        await asyncio.gather(*KEPT)
        noted = [e for e in await stage.audit() if e.action in (Action.LOGIN, Action.LOGIN_FAILED)]
        assert [(entry.action, entry.actor) for entry in noted] == [
            (Action.LOGIN_FAILED, "nobody"),
            (Action.LOGIN, "ann"),
        ]
        assert noted[0].subject == "front door, user ann"
        assert noted[1].detail["with"].startswith("SSH key SHA256:")
        assert {entry.source for entry in noted} == {"127.0.0.1"}


async def test_who_has_no_key_at_a_farm_without_users_is_told_to_make_one(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        async with await stage.come(None, password="") as connection:
            assert "lab-rpi4" in str((await connection.run("ls")).stdout)
            with pytest.raises(asyncssh.ChannelOpenError, match="ssh-keygen -t ed25519"):
                await connection.open_connection("rpi4", 22)


async def test_keys_of_all_kinds_are_known_again(tmp_path: Path) -> None:
    """Security keys as well: their lines are read, and found whatever comment stands behind."""
    raw = OTHER.convert_to_public().public_data[-32:]
    parts = (b"sk-ssh-ed25519@openssh.com", raw, b"ssh:")
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    hardware = f"{parts[0].decode()} {base64.b64encode(blob).decode()}"
    curve = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    lines = (hardware, plain(curve))
    async with Stage(tmp_path).running() as stage:
        await stage.account("boss", role=Role.ADMIN)
        change = AccountChange(role=Role.USER, ssh_keys=tuple(f"{line} ann" for line in lines))
        await stage.lab.farm.accounts.save_account(BOSS, "ann", change)
        for line in lines:
            shown = plain(asyncssh.import_public_key(line))
            assert shown == line
            assert (await stage.line.whose_key(KeyShown(key=shown))).name == "ann"
        await stage.board(1, "lab-rpi4")
        async with await stage.come(curve) as connection:
            await jump(connection, "rpi4")


async def test_a_removed_key_opens_nothing_more(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        await stage.board(2, "desk", "x86")
        await stage.account("boss", role=Role.ADMIN)
        await stage.account("ann", KEY)
        async with await stage.come(KEY) as ann:
            reader, writer = await jump(ann, "rpi4")
            await stage.account("ann", OTHER)
            with pytest.raises(asyncssh.ChannelOpenError, match="your key was taken away"):
                await asyncio.wait_for(again_and_again(ann, "x86"), 1)
            with pytest.raises(asyncssh.PermissionDenied):
                await stage.come(KEY)
            writer.write(b"still here")
            assert await reader.readexactly(10) == b"still here", "what is open goes on"


async def again_and_again(connection: asyncssh.SSHClientConnection, host: str) -> None:
    while True:
        (await jump(connection, host))[1].close()


async def test_a_token_lets_in_once_and_the_key_is_kept(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        await stage.account("boss", role=Role.ADMIN)
        boss = stage.lab.farm.directory.account_named("boss")
        assert boss is not None
        me = stage.lab.farm.directory.speak_for(boss.id, Scope.ADMIN, "")
        issued = await stage.lab.farm.tokens.invite(me, "ann", AccountChange(role=Role.USER))
        async with await stage.come(KEY, "ann", issued.secret) as connection:
            with pytest.raises(asyncssh.ChannelOpenError, match="keep yours first"):
                await connection.open_connection("rpi4", 22)
            process = await connection.create_process()
            process.stdin.write("\n")
            said = await process.stdout.read()
            assert "Keep it" in said
            assert "It is kept with the account ann" in said
        with pytest.raises(asyncssh.PermissionDenied):
            await stage.come(OTHER, "ann", issued.secret)
        async with await stage.come(KEY) as connection:
            await jump(connection, "rpi4")
        assert [t for t in stage.lab.farm.directory.tokens() if t.account_name == "ann"] == []


async def test_the_server_may_be_away(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        async with await stage.come(KEY) as connection:
            reader, writer = await jump(connection, "rpi4")
            stage.stop_serving()
            writer.write(b"on")
            assert await reader.readexactly(2) == b"on"
            with pytest.raises(asyncssh.PermissionDenied):
                await stage.come(OTHER)
            await stage.serve()
            await jump(connection, "rpi4")
            assert (await stage.say(OTHER, "ls"))[0] == 0


async def test_boards_that_cannot_be_lent_are_refused_in_words(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        async with await stage.come(KEY) as connection:
            with pytest.raises(asyncssh.ChannelOpenError, match="did you mean rpi4"):
                await connection.open_connection("rpi5", 22)
            with pytest.raises(asyncssh.ChannelOpenError, match="nothing was filed"):
                await connection.open_connection("board=rpi5", 22)


async def test_strangers_make_room_and_failures_are_held_back(tmp_path: Path) -> None:
    bounds = DoorBounds(strangers=2, strangers_per_source=9, failures_at_once=2, login_patience=60)
    async with Stage(tmp_path, bounds).running() as stage:
        await stage.account("boss", role=Role.ADMIN)
        await stage.account("ann", KEY)
        silent = [await asyncio.open_connection("127.0.0.1", stage.port) for _ in range(3)]
        async with asyncio.timeout(10):
            assert await silent[0][0].read() is not None, "the oldest went, for the third"
        async with await stage.come(KEY):
            pass
        for _ in range(2):
            with pytest.raises(asyncssh.PermissionDenied):
                await stage.come(OTHER)
        async with asyncio.timeout(10):
            while True:
                try:
                    await stage.come(OTHER)
                except asyncssh.PermissionDenied:
                    continue
                except (asyncssh.Error, OSError):
                    break
        for _, writer in silent:
            writer.close()


async def test_slow_handshakes_end(tmp_path: Path) -> None:
    async with Stage(tmp_path, DoorBounds(login_patience=0.3)).running() as stage:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(b"SSH-2.0-slow\r\n")
        async with asyncio.timeout(5):
            while await reader.read(65536):
                pass
        writer.close()
        async with asyncio.timeout(5):
            await stage.door.empty()


async def test_what_is_filed_elsewhere_is_entered_and_not_closed(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        new = NewRequest(priority=8, caps={"UUID": uuid_of(1)}, ssh_key=plain(KEY))
        await stage.lab.farm.requests.new_request(LOCAL_ADMIN, new)
        async with await stage.come(KEY) as connection:
            await jump(connection, "r1")
        async with asyncio.timeout(5):
            await stage.door.empty()
        assert (await stage.until(1, RequestState.IN_PROGRESS)).finished is None


async def test_a_board_by_name_keeps_the_jobs_key_for_the_door(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        await stage.account("boss", role=Role.ADMIN)
        await stage.account("ann", KEY)
        going = asyncio.create_task(stage.say(KEY, "true", user="lab-rpi4"))
        request = await stage.until(1, RequestState.IN_PROGRESS)
        assert request.ssh_key is None, "an account's key in its place would keep the door out"
        going.cancel()
        await asyncio.wait((going,))

"""The door by the protocol itself: who gets in, where it leads, and where it never does."""

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import asyncssh
import pytest

from boruta_farm.access.user_authority import UserAuthority
from boruta_farm.frontdoor.crowd import DoorBounds
from boruta_farm.frontdoor.guest import DoorGuest
from boruta_farm.frontdoor.knock import KEPT
from boruta_farm.frontdoor.names import Here, certificate_of, plain
from boruta_farm.model.account import AccountChange
from boruta_farm.model.audit import Action
from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.errors import UnauthenticatedError
from boruta_farm.model.front_door import CertificateShown, KeyShown
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.request import NewRequest, RequestState
from boruta_farm.selectors.want import Want
from tests.client.serving import uuid_of
from tests.frontdoor.stage import BOSS, HOST_KEY, Stage, jump
from tests.security_keys import KINDS, SecurityKey, agent_of

HERE = Here(host="farm", port=8022)
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
            visit = stage.door.boards.visit(guest, Want(), lambda _: None, HERE, own_key=True)
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
    """Once it is in, ssh has no place for words; who has a board here comes to that again."""
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        nothing_free = "boruta: no board is free now. The door's verbs answer at once; a jump waits"
        for key, told in ((KEY, ""), (OTHER, nothing_free), (KEY, "")):
            reader = Reader()
            connection = await asyncssh.connect(
                "127.0.0.1",
                stage.port,
                username="me",
                client_factory=partial(_itself, reader),
                client_keys=[key],
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


@pytest.mark.prove
async def test_what_a_removed_key_has_opened_ends_where_the_admin_wants_that(
    tmp_path: Path,
) -> None:
    async with Stage(tmp_path).running() as stage:
        stage.settings = replace(stage.settings, end_removed=True)
        await stage.board(1, "lab-rpi4")
        await stage.account("boss", role=Role.ADMIN)
        await stage.account("ann", KEY, OTHER)
        async with await stage.come(KEY) as ann, await stage.come(OTHER) as also_ann:
            reader, _ = await jump(ann, "rpi4")
            staying, writer = await jump(also_ann, "rpi4")
            await stage.account("ann", OTHER)
            await asyncio.wait_for(ann.wait_closed(), 5)
            assert await reader.read() == b""
            writer.write(b"still here")
            assert await staying.readexactly(10) == b"still here", "another key is another matter"


CA = asyncssh.generate_private_key("ssh-ed25519")


def certified(key: asyncssh.SSHKey, *principals: str, until: int = 2**63) -> asyncssh.SSHKeyPair:
    """Return a key with a certificate of the company's authority, and without the key alone."""
    made = CA.generate_user_certificate(
        key.convert_to_public(), "laptop", serial=7, principals=principals, valid_before=until
    )
    return asyncssh.load_keypairs([(key, made)])[0]


@asynccontextmanager
async def company(
    folder: Path, principals: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Stage, Path]]:
    """Run a farm that takes certificates, with accounts of ann and bob, and a disabled one."""
    authorities, revoked = folder / "ca", folder / "revoked"
    authorities.write_text(plain(CA))
    revoked.touch()
    authority = UserAuthority(authorities, revoked)
    stage = Stage(folder, user_authority=authority, principals=principals)
    async with stage.running():
        await stage.account("boss", role=Role.ADMIN)
        for name in ("ann", "bob", "gone"):
            await stage.account(name)
        away = AccountChange(role=Role.USER, disabled=True)
        await stage.lab.farm.accounts.save_account(BOSS, "gone", away)
        yield stage, revoked


@pytest.mark.prove
async def test_a_companys_certificate_signs_in_until_it_is_revoked(tmp_path: Path) -> None:
    async with company(tmp_path) as (stage, revoked):
        await stage.board(1, "lab-rpi4")
        await stage.board(2, "desk", "x86")
        async with await stage.come(certified(KEY, "ann", "unknown"), user="local") as ann:
            reader, writer = await jump(ann, "rpi4")
            request = await stage.until(1, RequestState.IN_PROGRESS)
            assert request.owner_name == "ann"
            assert request.ssh_key == plain(KEY), "boards know the key that the certificate is of"
            revoked.write_text("seri")
            with pytest.raises(asyncssh.PermissionDenied):
                await stage.come(certified(OTHER, "bob"))
            (await jump(ann, "x86"))[1].close()
            revoked.write_text("serial: 7")
            with pytest.raises(asyncssh.ChannelOpenError, match="your key was taken away"):
                await asyncio.wait_for(again_and_again(ann, "x86"), 5)
            writer.write(b"still here")
            assert await reader.readexactly(10) == b"still here", "what is open goes on"
            with pytest.raises(asyncssh.PermissionDenied):
                await stage.come(certified(KEY, "ann"))
        await stage.door.empty()
        await asyncio.gather(*KEPT)
        entries = await stage.audit()
        entry = next(e for e in entries if e.action == Action.LOGIN)
        failed = [e.detail["reason"] for e in entries if e.action == Action.LOGIN_FAILED]
        assert entry.actor == "ann"
        told = f"certificate 'laptop' (serial 7) of {CA.get_fingerprint()}"
        assert entry.detail["with"] == told
        assert failed == [
            "certificates cannot be judged at present; the farm's log tells why",
            "certificate 'laptop' (serial 7) was revoked",
        ]


@pytest.mark.prove
async def test_certificates_that_let_nobody_in(tmp_path: Path) -> None:
    async with company(tmp_path) as (stage, _):
        forged = certified(KEY, "ann")
        forged._key = OTHER  # type: ignore[attr-defined]  # who has the certificate, not its key
        for bad, words in (
            (certified(KEY, "ann", until=1), "has expired"),
            (certified(KEY), "names nobody"),
            (certified(KEY, "eve"), "eve is no account here"),
            (certified(KEY, "gone"), "account"),
            (certified(KEY, "ann", "bob"), "ann, bob is more than one account here; name one"),
        ):
            with pytest.raises(asyncssh.PermissionDenied):
                await stage.come(bad)
            line = certificate_of(bad.public_data)
            assert line is not None
            shown = CertificateShown(certificate=line.export_certificate().decode(), user="me")
            with pytest.raises(UnauthenticatedError, match=words):
                await stage.line.whose_certificate(shown)
        with pytest.raises(asyncssh.PermissionDenied):
            await stage.come(forged)
        await stage.door.empty()
        async with await stage.come(certified(KEY, "ann", "bob"), user="bob") as connection:
            assert "no board is registered here yet" in str((await connection.run("ls")).stdout)
        await asyncio.gather(*KEPT)
        entered = [e for e in await stage.audit() if e.action == Action.LOGIN]
        assert [entry.actor for entry in entered] == ["bob"]


@pytest.mark.prove
async def test_principals_are_the_accounts_that_the_setting_names(tmp_path: Path) -> None:
    async with company(tmp_path, {"ann@corp": "ann", "lab": "bob"}) as (stage, _):
        (await stage.come(certified(KEY, "ann@corp", "staff"))).close()
        for other in ("ann", "bob"):
            with pytest.raises(asyncssh.PermissionDenied):
                await stage.come(certified(KEY, other))
        (await stage.come(certified(OTHER, "lab"))).close()
        await stage.door.empty()
        await asyncio.gather(*KEPT)
        entered = [e.actor for e in await stage.audit() if e.action == Action.LOGIN]
        assert sorted(entered) == ["ann", "bob"]


@pytest.mark.prove
@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="openssh-client is missing")
async def test_openssh_signs_in_with_what_ssh_keygen_signed(tmp_path: Path) -> None:
    async with company(tmp_path) as (stage, revoked):
        made = tmp_path / "authority"
        made.write_bytes(CA.export_private_key())
        made.chmod(0o600)
        known = tmp_path / "known"
        known.write_text(f"[127.0.0.1]:{stage.port} {plain(HOST_KEY)}\n")

        async def ran(*command: str) -> tuple[int, str]:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            printed, _ = await asyncio.wait_for(process.communicate(), 60)
            return process.returncode or 0, printed.decode()

        async def come(name: str, *signing: str) -> tuple[int, str]:
            key = tmp_path / name
            await ran("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
            signed = ("ssh-keygen", "-q", "-s", str(made), "-I", name, *signing, f"{key}.pub")
            assert (await ran(*signed))[0] == 0
            options = ("-F", "none", "-i", str(key), "-o", "BatchMode=yes")
            strict = ("-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes")
            door = ("-p", str(stage.port), "local@127.0.0.1", "ls")
            return await ran("ssh", *options, *strict, *door)

        assert (await come("good", "-n", "ann,other", "-z", "9"))[0] == 0
        for bad, signing in (
            ("old", ("-n", "ann", "-V", "20200101:20200102")),
            ("nameless", ()),
            ("other", ("-n", "other")),
            ("bound", ("-n", "ann", "-O", "force-command=ls")),
            ("host", ("-n", "ann", "-h")),
        ):
            status, printed = await come(bad, *signing)
            assert (status, "Permission denied" in printed) == (255, True), (bad, printed)
        revoked.write_text("id: lost\nserial: 100-200\n")
        assert (await come("lost", "-n", "ann"))[0] == 255
        assert (await come("numbered", "-n", "ann", "-z", "150"))[0] == 255
        assert (await come("next", "-n", "ann", "-z", "201"))[0] == 0


@pytest.mark.prove
@pytest.mark.skipif(not shutil.which("ssh"), reason="openssh-client is missing")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_security_key_signs_in_by_openssh(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("k")
    token, lazy, stranger = SecurityKey(kind), SecurityKey(kind, flags=0), SecurityKey(kind)
    async with Stage(folder).running() as stage:
        await stage.account("boss", role=Role.ADMIN)
        keys = AccountChange(role=Role.USER, ssh_keys=(f"{token.line} ann@desk", lazy.line))
        await stage.lab.farm.accounts.save_account(BOSS, "ann", keys)

        async def come(key: SecurityKey, name: str) -> tuple[int, str]:
            public = folder / f"{name}.pub"
            public.write_text(key.line)
            with agent_of(key, folder / name) as agent:
                process = await asyncio.create_subprocess_exec(
                    *("ssh", "-F", "none", "-o", f"IdentityAgent={agent}", "-i", str(public)),
                    *("-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
                    *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
                    *("-p", str(stage.port), "me@127.0.0.1", "ls"),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                )
                printed, _ = await asyncio.wait_for(process.communicate(), 60)
            return process.returncode or 0, printed.decode()

        status, printed = await come(token, "token")
        assert (status, token.signed) == (0, 1), printed
        assert "no board is registered here yet" in printed
        assert (await come(stranger, "stranger"))[0] == 255
        assert (await come(lazy, "lazy"))[0] == 255, "nobody has touched it"
        assert lazy.signed == 1


@pytest.mark.prove
@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="openssh-client is missing")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_security_key_signs_in_by_its_certificate_until_a_binary_list_has_it(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("k")
    token = SecurityKey(kind)
    async with company(folder) as (stage, revoked):
        (folder / "authority").write_bytes(CA.export_private_key())
        (folder / "authority").chmod(0o600)
        (folder / "token.pub").write_text(f"{token.line}\n")

        async def ran(words: str) -> tuple[int, str]:
            process = await asyncio.create_subprocess_exec(
                *words.split(),
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            printed, _ = await asyncio.wait_for(process.communicate(), 60)
            return process.returncode or 0, printed.decode()

        await ran("ssh-keygen -q -s authority -I token -n ann -z 9 token.pub")
        with agent_of(token, folder / "agent") as agent:
            come = (
                f"ssh -F none -o IdentityAgent={agent} -i token.pub "
                "-o CertificateFile=token-cert.pub -o IdentitiesOnly=yes "
                "-o BatchMode=yes -o StrictHostKeyChecking=no "
                f"-o UserKnownHostsFile=/dev/null -p {stage.port} me@127.0.0.1 ls"
            )
            status, printed = await ran(come)
            assert (status, token.signed) == (0, 1), printed
            (folder / "lost").write_text("serial: 9\n")
            (folder / "authority.pub").write_text(f"{plain(CA)}\n")
            assert await ran("ssh-keygen -q -k -f list -s authority.pub lost") == (0, "")
            revoked.write_bytes((folder / "list").read_bytes())
            status, printed = await ran(come)
            assert (status, "Permission denied" in printed) == (255, True), printed


async def test_without_an_authority_a_certificate_is_nothing_and_its_key_as_good(
    tmp_path: Path,
) -> None:
    async with Stage(tmp_path).running() as stage:
        (await stage.come(certified(KEY, "ann"))).close()
        await stage.account("boss", role=Role.ADMIN)
        await stage.account("ann", KEY)
        with pytest.raises(asyncssh.PermissionDenied):
            await stage.come(certified(KEY, "ann"))
        (await stage.come(KEY)).close()


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


class Guesser(asyncssh.SSHClient):
    """Give one token after the other."""

    def __init__(self) -> None:
        self.given = 0

    def password_auth_requested(self) -> str:
        self.given += 1
        return f"boruta_p_guess_{self.given}"


async def test_a_connection_guesses_three_tokens(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.account("boss", role=Role.ADMIN)
        guesser = Guesser()
        with pytest.raises(asyncssh.DisconnectError, match="too many tokens"):
            await asyncssh.connect(
                "127.0.0.1",
                stage.port,
                username="boss",
                client_factory=lambda: guesser,
                client_keys=None,
                known_hosts=None,
                agent_path=None,
                config=None,
            )
        assert guesser.given == 4, "the fourth is not looked at"


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
        await stage.lab.farm.requests.close_request(LOCAL_ADMIN, 1)
        await stage.until(1, RequestState.DONE)
        async with await stage.come(KEY) as connection:
            with pytest.raises(asyncssh.ChannelOpenError, match=r"it is DONE since \d\d:\d\d UTC"):
                await connection.open_connection("r1", 22)


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


async def told_at_once(stage: Stage, key: asyncssh.SSHKey, user: str) -> str:
    """Return what somebody is told who goes to a board without a jump, and not there."""
    status, _, told = await asyncio.wait_for(stage.say(key, "true", user), 10)
    assert status == 255
    return told


async def test_a_jump_enters_the_board_that_he_has_without_one(tmp_path: Path) -> None:
    """By whatever name, and its key goes onto the board; nobody waits behind himself."""
    async with Stage(tmp_path, linger=timedelta(minutes=1)).running() as stage:
        uuid = await stage.board(1, "lab-rpi4")
        going = asyncio.create_task(stage.say(KEY, "true", user="lab-rpi4"))
        await stage.until(1, RequestState.IN_PROGRESS)
        async with await stage.come(KEY) as connection:
            for name in ("lab-rpi4", "rpi4", "board=rpi4", "r1", "any"):
                await jump(connection, name)
                assert await stage.keys_of(1, uuid) == (plain(KEY),)
                told = (await stage.say(KEY, f"known-hosts {name}"))[1]
                assert told == f"{name} ssh-ed25519 HOST1\n"
        going.cancel()
        await asyncio.wait((going,))
        entered = [entry for entry in await stage.audit() if entry.action == Action.REQUEST_KEYED]
        assert [entry.subject for entry in entered] == ["request 1"]
        assert entered[0].detail["key"] == KEY.get_fingerprint()
        assert len((await stage.lab.farm.requests.list_requests(LOCAL_ADMIN)).items) == 1


async def test_the_farm_has_no_key_to_a_board_that_was_had_by_a_jump(tmp_path: Path) -> None:
    async with Stage(tmp_path, linger=timedelta(minutes=1)).running() as stage:
        await stage.board(1, "lab-rpi4")
        async with await stage.come(KEY) as connection:
            await jump(connection, "rpi4")
            await jump(connection, "lab-rpi4")
            for name in ("rpi4", "lab-rpi4", "board=rpi4", "r1"):
                told = await told_at_once(stage, KEY, name)
                assert "request 1 was filed with a key, and has none by which the farm" in told
                assert f"ssh -J 127.0.0.1:{stage.port} boruta-user@r1" in told
        assert len((await stage.lab.farm.requests.list_requests(LOCAL_ADMIN)).items) == 1


async def test_a_jump_enters_what_its_account_has_otherwise_and_by_its_keys(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        uuid = await stage.board(1, "one")
        await stage.account("boss", role=Role.ADMIN)
        await stage.account("ann", KEY, OTHER)
        await stage.account("bob", THIRD)
        account = await stage.lab.farm.accounts.get_account(BOSS, "ann")
        ann = Caller(id=account.id, name="ann", groups=frozenset(), role=Role.USER)
        new = NewRequest(priority=8, caps={}, account_key=False)
        await stage.lab.farm.requests.new_request(ann, new)
        await stage.until(1, RequestState.IN_PROGRESS)
        assert await stage.keys_of(1, uuid) == ()
        async with await stage.come(THIRD) as connection:
            with pytest.raises(asyncssh.ChannelOpenError, match="request 1 is not yours"):
                await connection.open_connection("r1", 22)
        async with await stage.come(OTHER) as connection:
            await jump(connection, "rpi4")
            assert await stage.keys_of(1, uuid) == (plain(KEY), plain(OTHER))
        await stage.account("ann", OTHER)
        assert await stage.keys_of(1, uuid) == (plain(OTHER),), "one that is taken away is dead"
        async with asyncio.timeout(5):
            await stage.door.empty()
        assert (await stage.until(1, RequestState.IN_PROGRESS)).finished is None
        assert len((await stage.lab.farm.requests.list_requests(LOCAL_ADMIN)).items) == 1


async def test_a_board_that_takes_one_key_says_so(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "old", many_keys=False)
        await stage.lab.farm.requests.new_request(LOCAL_ADMIN, NewRequest(priority=8, caps={}))
        await stage.until(1, RequestState.IN_PROGRESS)
        async with await stage.come(KEY) as connection:
            with pytest.raises(asyncssh.ChannelOpenError, match="old takes one key only") as told:
                await connection.open_connection("r1", 22)
            assert f"ssh -p {stage.port} r1@127.0.0.1" in str(told.value)


async def test_without_users_a_request_is_of_who_has_the_key_that_it_was_filed_with(
    tmp_path: Path,
) -> None:
    async with Stage(tmp_path).running() as stage:
        uuid = await stage.board(1, "one")
        async with await stage.come(KEY) as his, await stage.come(OTHER) as hers:
            await jump(his, "rpi4")
            with pytest.raises(asyncssh.ChannelOpenError, match="filed with another key"):
                await hers.open_connection("r1", 22)
            assert await stage.keys_of(1, uuid) == ()


async def test_who_waits_for_his_own_request_among_others_is_told_which_it_is(
    tmp_path: Path,
) -> None:
    async with Stage(tmp_path).running() as stage:
        for number, name in ((1, "one"), (2, "two")):
            await stage.board(number, name)
        await stage.account("boss", role=Role.ADMIN)
        await stage.account("ann", KEY)
        await stage.account("bob", OTHER)
        for number, key in ((1, KEY), (2, OTHER)):
            assert (await stage.say(key, "new rpi4"))[0] == 0
            await stage.until(number, RequestState.IN_PROGRESS)
        async with await stage.come(KEY) as connection:
            process = await connection.create_process("connect rpi4", encoding=None)
            line = (await asyncio.wait_for(process.stderr.readline(), 10)).decode()
            assert "waiting: position 1" in line
            assert "request 1 is your own: for its board write r1 in place of rpi4" in line
            assert f"ssh -p {stage.port} 127.0.0.1 close 1" in line
            process.close()
        await stage.until(3, RequestState.CANCELLED)


async def test_a_board_is_kept_while_somebody_is_there_by_its_number(tmp_path: Path) -> None:
    """Whoever is told to use the request's number would lose the board under his feet."""
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        async with await stage.come(KEY) as first, await stage.come(KEY) as second:
            await jump(first, "rpi4")
            await jump(second, "r1")
            assert stage.door.boards.count == 1

"""Plain ssh gets a board: OpenSSH, scp, sftp, rsync and dropbear against real processes."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from boruta_farm.access.link import stop_relay
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.demo.boards import SANDBOXES
from boruta_farm.demo.farm import DemoProcesses, demo_farm, make_idle
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import WorkerState
from tests.ports import free_port

pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(not shutil.which("ssh"), reason="openssh-client is missing"),
]

TWINS = (SANDBOXES[0].renamed("one"), SANDBOXES[0].renamed("two"), SANDBOXES[1])
"""Two boards of the kind rpi4, and one rpi3."""

CONFIG = """\
Host *
    IdentityFile {home}/id
    IdentitiesOnly yes
    BatchMode yes
    StrictHostKeyChecking yes
    UserKnownHostsFile {home}/known_hosts
Host farm
    HostName 127.0.0.1
    Port {port}
"""


class Farmhouse:
    """A farm of real processes with a front door, and a home whose ssh knows that door alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.port = free_port()
        self.api = free_port()
        self.url = f"http://127.0.0.1:{self.api}"
        self.processes = DemoProcesses(folder / "farm")

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Farmhouse"]:
        """Run it for the block."""
        self.home.mkdir(mode=0o700)
        (self.folder / "farm").mkdir()
        try:
            await self.serve()
            for board in TWINS:
                await self.processes.start_agent(board, self.url)
            async with connect(ClientConfig(server=self.url)) as farm:
                await self.processes.unless_failed(make_idle(farm, len(TWINS)), "idle boards")
            self._furnish()
            yield self
        finally:
            await self.processes.end()
            await stop_relay(self.folder / "farm/server")

    async def serve(self, *, keep: bool = True, **settings: str) -> None:
        """Start the server, whose door outlives it while it is kept."""
        await self.processes.start_server(
            self.api,
            **settings,
            ssh_addr=f"127.0.0.1:{self.port}",
            ssh_linger="2s",
            keep_relay="true" if keep else "false",
        )

    def _furnish(self) -> None:
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.home / "id")]
        subprocess.run(keygen, check=True, timeout=60)
        key = (self.folder / "farm/server/door_host_key").read_text()
        public = subprocess.run(
            ["ssh-keygen", "-y", "-f", "/dev/stdin"],
            input=key,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        (self.home / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {public}")
        self.config = self.home / "config"
        self.config.write_text(CONFIG.format(home=self.home, port=self.port))

    async def run(self, *command: str, status: int = 0, within: float = 60) -> str:
        """Run a program and return what it printed, both together."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(within):
            printed, _ = await process.communicate()
        assert process.returncode == status, printed.decode()
        return printed.decode()

    async def ssh(self, *words: str, status: int = 0) -> str:
        """Run ssh."""
        return await self.run("ssh", "-F", str(self.config), *words, status=status)

    async def block(self) -> None:
        """Take what the door itself writes for ssh's configuration."""
        block = await self.ssh("farm", "ssh-config", "farm")
        ssh = f"{shutil.which('ssh')} -F {self.config}"
        block = block.replace("/usr/bin/ssh", ssh).replace(f" -p {self.port}", "")
        # ssh takes what it reads first: this block comes before what is for all hosts.
        self.config.write_text(block + self.config.read_text())


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder whose path is short enough for the sockets of OpenSSH."""
    folder = tmp_path_factory.mktemp("d")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def test_a_jump_is_enough(place: Path) -> None:
    """``ssh -J`` files, waits, connects and gives back; scp and sftp find the same board."""
    async with Farmhouse(place).open() as house:
        blind = ("-o", "StrictHostKeyChecking=no")
        name = (await house.ssh(*blind, "-J", "farm", "boruta-user@rpi4", "echo $USER")).split()
        assert name[-1] == "boruta-user"
        sent = place / "sent"
        sent.write_bytes(os.urandom(3_000_000))
        common = ("-q", "-F", str(house.config), *blind, "-o", "ProxyJump=farm")
        await house.run("scp", *common, str(sent), "boruta-user@rpi4:there")
        await house.run("scp", *common, "boruta-user@rpi4:there", str(place / "back"))
        assert (place / "back").read_bytes() == sent.read_bytes()
        told = await house.ssh("-J", "farm", "boruta-user@rpi5", "true", status=255)
        assert "no kind of board 'rpi5'; did you mean rpi4 or rpi3" in told
        async with connect(ClientConfig(server=house.url)) as farm:
            await ended(farm, 1)
            assert len((await farm.requests.list_requests(farm.caller)).items) == 1


async def ended(farm: Farm, number: int) -> None:
    async with farm.watch(request_id=number) as happenings:
        async for _ in happenings:
            found = await farm.requests.get_request_info(farm.caller, number)
            if found.state is RequestState.DONE:
                return


async def test_two_boards_behind_one_name_and_host_keys_that_are_checked(place: Path) -> None:
    """After the block is written: rpi4.farm, with StrictHostKeyChecking=yes, on either board."""
    async with Farmhouse(place).open() as house:
        await house.block()
        seen = set()
        for turn in range(2):
            said = await house.ssh("rpi4.farm", "cat there 2>/dev/null; echo $BORUTA_NAME-$$")
            seen.add(said)
            async with connect(ClientConfig(server=house.url)) as farm:
                await ended(farm, turn + 1)
                page = await farm.requests.list_requests(farm.caller)
                if turn == 0:
                    [first] = [r.job.worker for r in page.items if r.job is not None]
                    await farm.workers.set_state(farm.caller, first, WorkerState.MAINTENANCE)
        await house.run("scp", "-F", str(house.config), str(house.config), "rpi3.farm:copied")
        batch = place / "batch"
        batch.write_text("ls\n")
        listed = await house.run("sftp", "-F", str(house.config), "-b", str(batch), "rpi3.farm")
        assert "copied" in listed
        if shutil.which("git"):
            await house.ssh("rpi3.farm", "git init -q --bare work.git")
            checkout = place / "checkout"
            git = ("git", "-C", str(checkout), "-c", f"core.sshCommand=ssh -F {house.config}")
            await house.run("git", "init", "-q", str(checkout))
            who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
            await house.run(*git, *who, "commit", "-q", "--allow-empty", "-m", "one")
            await house.run(*git, "push", "-q", "rpi3.farm:work.git", "HEAD:main")
        if shutil.which("rsync"):
            ssh = f"ssh -F {house.config}"
            await house.run("rsync", "-e", ssh, str(house.config), "rpi3.farm:synced")


async def test_the_command_line_goes_by_the_door_where_it_is_told_to(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the caller's own key, for door and board; the door's host key is the server's word."""
    monkeypatch.setenv("XDG_STATE_HOME", str(place / "state"))
    async with Farmhouse(place).open() as house:
        boruta = (sys.executable, "-m", "boruta_farm.cli", "--server", house.url)
        key = ("--key", str(house.home / "id.pub"))
        said = await house.run(*boruta, "ssh", "rpi3", "--via", "door", *key, "--", "echo", "there")
        assert said.splitlines()[-1] == "there"


async def test_two_boards_behind_one_name_are_known_by_one_line(place: Path) -> None:
    """A bare jump, the authority's line alone, StrictHostKeyChecking=yes, two boards in turn."""
    async with Farmhouse(place).open() as house:
        known = house.home / "known_hosts"
        pinned = known.read_text()
        told = await house.ssh("-J", "farm", "boruta-user@rpi4.farm", "true", status=255)
        assert "Host key verification failed" in told, "nobody vouches for it yet"
        line = await house.ssh("farm", "known-hosts")
        assert line.startswith("@cert-authority *.farm ssh-ed25519 ")
        known.write_text(pinned + line)
        seen = set()
        async with connect(ClientConfig(server=house.url)) as farm:
            assert (await farm.front_door()).authority == line.split(maxsplit=2)[2].strip()
            await ended(farm, 1)
            for number in (2, 3):
                name = "rpi4.farm" if number == 2 else "BOARD=rpi4+!broken.farm"
                await house.ssh("-J", "farm", f"boruta-user@{name}", "true")
                at = f"r{number}.farm"
                assert "here" in await house.ssh("-J", "farm", f"boruta-user@{at}", "echo here")
                await ended(farm, number)
                request = await farm.requests.get_request_info(farm.caller, number)
                assert request.job is not None
                seen.add(request.job.worker)
                if number == 2:
                    await farm.workers.set_state(
                        farm.caller, request.job.worker, WorkerState.MAINTENANCE
                    )
        assert len(seen) == 2
        # What does not end so is none of the authority's business.
        told = await house.ssh("-J", "farm", "boruta-user@rpi4", "true", status=255)
        assert "Host key verification failed" in told


async def test_the_line_that_the_demo_prints_works_as_it_stands() -> None:
    said: list[str] = []
    async with demo_farm(said.append, SANDBOXES[:1], door=True) as farm:
        assert farm.ssh is not None
        process = await asyncio.create_subprocess_shell(
            f"{farm.ssh} -- 'echo it is $USER'",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            printed, _ = await process.communicate()
        assert printed == b"it is boruta-user\n"


async def test_the_farm_can_go_there_itself_and_says_so(place: Path) -> None:
    async with Farmhouse(place).open() as house:
        said = await house.ssh("rpi3@farm", "cat > in; wc -c < in; exit 7", status=7)
        assert said.split()[-1] == "0"
        much = await asyncio.create_subprocess_exec(
            *("ssh", "-F", str(house.config), "rpi4@farm", "wc -c"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            counted, _ = await much.communicate(b"y" * 5_000_000)
        assert int(counted) == 5_000_000, "what is sent while the board is awaited is not lost"
        told = await house.ssh("-tt", "rpi3@farm", "tty; stty size")
        assert "this way is read by the farm, ssh -J is not" in told
        assert "/dev/pts/" in told
        await house.run("scp", "-F", str(house.config), str(house.config), "rpi3@farm:copied")
        assert "copied" in await house.ssh("rpi3@farm", "ls")


async def test_a_restart_of_the_server_cuts_nobody(place: Path) -> None:
    async with Farmhouse(place).open() as house:
        await house.block()
        process = await asyncio.create_subprocess_exec(
            *("ssh", "-F", str(house.config), "rpi3.farm", "echo there; cat"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"there\n"
            server = house.processes.pop_server()
            server.send_signal(signal.SIGKILL)
            await server.wait()
            process.stdin.write(b"still\n")
            assert await process.stdout.readline() == b"still\n"
            await house.serve(keep=False)
            process.stdin.write(b"again\n")
            assert await process.stdout.readline() == b"again\n"
            assert "rpi3" in await house.ssh("farm", "ls")
            process.stdin.close()
            assert await process.wait() == 0


async def test_several_connections_share_one_board(place: Path) -> None:
    """ControlMaster, and many at once as Ansible's forks come."""
    async with Farmhouse(place).open() as house:
        await house.block()
        control = ("-o", "ControlMaster=auto", "-o", f"ControlPath={place}/c", "-o")
        await house.ssh(*control, "ControlPersist=5", "rpi4.farm", "echo mine > mark")
        assert "mine" in await house.ssh(*control, "ControlPersist=5", "rpi4.farm", "cat mark")
        await house.ssh(*control, "ControlPersist=5", "-O", "exit", "rpi4.farm")
        found = await asyncio.gather(*[house.ssh("rpi4.farm", "cat mark") for _ in range(10)])
        assert all("mine" in one for one in found)
        async with connect(ClientConfig(server=house.url)) as farm:
            page = await farm.requests.list_requests(farm.caller)
            assert len(page.items) == 1


@pytest.mark.skipif(not shutil.which("dbclient"), reason="dropbear-bin is missing")
async def test_dropbears_client_comes_in_as_well(place: Path) -> None:
    async with Farmhouse(place).open() as house:
        key = place / "dropbear"
        await house.run("dropbearkey", "-t", "ed25519", "-f", str(key))
        client = ("dbclient", "-y", "-y", "-i", str(key), "-p", str(house.port))
        assert "rpi3" in await house.run(*client, "me@127.0.0.1", "ls")
        assert "hi" in await house.run(*client, "rpi3@127.0.0.1", "echo hi")
        # The board lingers with a key of the job's; a jump brings the guest's own.
        proxy = " ".join((*client, "me@127.0.0.1", "connect", "rpi3"))
        jump = ("dbclient", "-y", "-y", "-i", str(key), "-J", proxy)
        assert "hi" in await house.run(*jump, "boruta-user@rpi3", "echo hi")

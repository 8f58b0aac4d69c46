"""What the real OpenSSH makes of our options: paths arrive whole, no agent keeps a job's key."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from boruta_farm.client.openssh import (
    Files,
    command_line,
    read_own_key,
    session_files,
)
from boruta_farm.client.tellable import check_tellable
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.worker import AccessInfo

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("ssh", "ssh-agent", "ssh-add"))), reason="openssh-client is missing"
)

EVERYTHING = """\
AddKeysToAgent yes
ControlMaster auto
ControlPath {folder}/control
ControlPersist yes
RemoteCommand tmux
PubkeyAuthentication no
StrictHostKeyChecking no
UserKnownHostsFile {folder}/hosts
"""
"""What stands in some user's configuration."""

NAMES = ["plain", "with blanks", "100%h", "~root", "it's", "a#b", "$HOME", "-o", "\u00fcml\u00e4ut"]
UNTELLABLE = ['a"b', "back\\slash", "${HOME}"]


def understood(arguments: list[str], option: str) -> list[str]:
    """Return what ssh itself reads an option as."""
    printed = subprocess.run(
        [arguments[0], "-G", "-F", "none", *arguments[1:]],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "command-line" not in printed.stderr
    words = (line.split(" ", 1) for line in printed.stdout.splitlines())
    return [value for name, value in words if name == option]


ACCESS = AccessInfo(
    ip="127.0.0.1", port=22, key="KEY", username="boruta-user", host_key="ssh-ed25519 AAAA"
)


@pytest.mark.parametrize("name", NAMES)
def test_paths_arrive_whole(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    files = Files(identity=folder / "key", known_hosts=folder / "hosts")
    arguments = command_line("ssh", ACCESS, files)
    # Tokens of the identity are replaced when it is used; the test of a connection shows that.
    told = [path.replace("%%", "%") for path in understood(arguments, "identityfile")]
    assert told == [str(folder / "key")]
    [hosts] = understood(arguments, "userknownhostsfile")
    assert hosts == str(folder / "hosts")


@pytest.mark.parametrize("name", UNTELLABLE)
def test_what_ssh_cannot_be_told_of_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="ssh cannot be told"):
        check_tellable(tmp_path / name)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """Run an agent that holds nothing yet, and return its socket."""
    socket = str(tmp_path / "agent")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield socket
    process.terminate()
    process.communicate(timeout=60)


def held(agent: str) -> int:
    """Return how many keys an agent holds."""
    listed = subprocess.run(
        ["ssh-add", "-l"],
        env={**os.environ, "SSH_AUTH_SOCK": agent},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return len(listed.stdout.splitlines()) if listed.returncode == 0 else 0


@asynccontextmanager
async def board(key: asyncssh.SSHKey, folder: Path) -> AsyncIterator[AccessInfo]:
    """Serve sessions that end well for whoever has the key."""
    allowed = folder / "authorized_keys"
    allowed.write_bytes(key.export_public_key())
    host = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host],
        authorized_client_keys=str(allowed),
        process_factory=lambda process: process.exit(7),
    )
    async with server:
        yield replace(
            ACCESS,
            port=server.get_port(),
            key=key.export_private_key().decode(),
            host_key=host.export_public_key().decode().strip(),
        )


async def connected(access: AccessInfo, files: Files, folder: Path, agent: str) -> int:
    """Run a command with a configuration that says everything, and return its status."""
    config = folder / "config"
    config.write_text(EVERYTHING.format(folder=folder))
    process = await asyncio.create_subprocess_exec(
        *command_line("ssh", access, files, ("true",), ("-F", str(config))),
        env={**os.environ, "SSH_AUTH_SOCK": agent},
    )
    return await process.wait()


async def test_a_jobs_key_is_left_nowhere(tmp_path: Path, agent: str) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    async with board(key, tmp_path) as access:
        with session_files(access, None) as files:
            assert await connected(access, files, tmp_path, agent) == 7
            assert held(agent) == 0
            assert not (tmp_path / "control").exists()
            assert not (tmp_path / "hosts").exists()
            assert await connected(access, replace(files, issued=False), tmp_path, agent) == 7
            assert held(agent) == 1, "a user's own key goes where he wants it"


@pytest.mark.parametrize("name", [*NAMES, *UNTELLABLE])
async def test_an_own_key_wherever_it_lies(tmp_path: Path, agent: str, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(folder / "id"))
    (folder / "id").chmod(0o600)
    key.write_public_key(str(folder / "id.pub"))
    own = read_own_key(str(folder / "id.pub"))
    async with board(key, tmp_path) as access:
        with session_files(access, own) as files:
            assert await connected(access, files, tmp_path, agent) == 7

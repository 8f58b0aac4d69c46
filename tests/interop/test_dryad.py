"""Our agent under a server of the original, whose both sides Go plays: it listens and it calls."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests.e2e.stage import Yard, gone, needs_ssh, ssh
from tests.interop.peers import GoServer, go_client, go_server
from tests.interop.wirejson import line, to_json
from tests.ports import free_port

from boruta_farm.gorpc.keys import parse_authorized_key
from boruta_farm.gorpc.services import PREPARE, PrepareRequest
from boruta_farm.model.worker import DEFAULT_USERNAME, AccessInfo

REPLY: dict[str, object] = {"Reply": {}}


class AgentYard(Yard):
    """An agent that belongs to a server at ``boruta_address``, played by Go."""

    def __init__(self, folder: Path, peer: Path, boruta: int) -> None:
        super().__init__(folder, 0, {})
        self.uuid = str(uuid.uuid4())
        self.address = ("127.0.0.1", free_port())
        self._peer = peer
        self._boruta = boruta

    async def begin(self) -> None:
        """Write the configuration that the original's agent would have, and start ours."""
        folder = self._folder / "board"
        folder.mkdir()
        (folder / "dryad.conf").write_text(
            f'listen_address = "127.0.0.1:{self.address[1]}"\n'
            f'boruta_address = "127.0.0.1:{self._boruta}"\n'
            f'driver = "sandbox"\nstate_dir = "{folder}"\n'
            f'[caps]\nUUID = "{self.uuid}"\ndevice_type = "fake"\n'
        )
        await self.restart_agent("board")

    async def registered(self, server: GoServer) -> str:
        """Return where the board says its sessions are, once it registers."""
        while (call := await server.next())["Method"] != "Superviser.Register":
            assert call["Method"] == "Superviser.SetFail"
        argument = call["Argument"]
        assert isinstance(argument, dict)
        assert argument["Caps"] == {"UUID": self.uuid, "device_type": "fake"}
        assert argument["DryadAddress"] == f"127.0.0.1:{self.address[1]}"
        return str(argument["SshAddress"])

    async def call(self, method: str, argument: object) -> dict[str, object]:
        """Call the agent as the server does, with a new connection."""
        (answer,) = await go_client(self._peer, "call", self.address, [line(method, argument)])
        return answer

    async def prepare(self, kind: str, ssh_address: str) -> AccessInfo:
        """Have the board prepared with a new key and return the way to it."""
        key = generate_private_key(65537, 2048) if kind == "rsa" else Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        request = PrepareRequest(key=parse_authorized_key(public))
        answer = await self.call(PREPARE.name, to_json(PREPARE.argument, request))
        assert answer == REPLY
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        host, _, port = ssh_address.rpartition(":")
        return AccessInfo(
            ip=host,
            port=int(port),
            key=private.decode(),
            username=DEFAULT_USERNAME,
            host_key=None,
        )


@asynccontextmanager
async def agent(peer: Path, folder: Path) -> AsyncIterator[tuple[AgentYard, str]]:
    """Run server and agent for the block; yield where the board's sessions are, too."""
    async with go_server(peer, "tcp", folder) as server:
        assert isinstance(server.address, tuple)
        yard = AgentYard(folder, peer, server.address[1])
        try:
            await yard.begin()
            yield yard, await yard.unless_failed(yard.registered(server), "a registration")
        finally:
            await yard.end()
    await gone(folder)


async def says(access: AccessInfo, command: str) -> tuple[int, str]:
    """Return a command's status and last line; ssh's own warnings come before it."""
    status, output = await ssh(access, command)
    return status, output.splitlines()[-1]


@needs_ssh
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
async def test_dryad_prepare(kind: str, peer: Path, tmp_path: Path) -> None:
    async with agent(peer, tmp_path) as (yard, ssh_address):
        first = await yard.prepare(kind, ssh_address)
        assert await says(first, "echo hello; echo mine >left") == (0, "hello")
        second = await yard.prepare(kind, ssh_address)
        assert (await ssh(first, "true"))[0] == 255
        assert await says(second, "ls left 2>/dev/null || echo gone") == (0, "gone")


async def test_dryad_prepare_without_a_key(peer: Path, tmp_path: Path) -> None:
    async with agent(peer, tmp_path) as (yard, _):
        assert (await yard.call("Dryad.Prepare", {}))["Error"] == "empty public key"


@needs_ssh
async def test_dryad_put_in_maintenance(peer: Path, tmp_path: Path) -> None:
    async with agent(peer, tmp_path) as (yard, ssh_address):
        access = await yard.prepare("rsa", ssh_address)
        assert await yard.call("Dryad.PutInMaintenance", {"Msg": "maintenance"}) == REPLY
        assert (await ssh(access, "true"))[0] == 255


@needs_ssh
async def test_dryad_healthcheck(peer: Path, tmp_path: Path) -> None:
    async with agent(peer, tmp_path) as (yard, ssh_address):
        access = await yard.prepare("rsa", ssh_address)
        assert await yard.call("Dryad.Healthcheck", {}) == REPLY
        assert await says(access, "echo still here") == (0, "still here")


@needs_ssh
async def test_a_server_that_was_restarted_hears_of_the_board_again(
    peer: Path, tmp_path: Path
) -> None:
    async with go_server(peer, "tcp", tmp_path) as server:
        assert isinstance(server.address, tuple)
        port = server.address[1]
        yard = AgentYard(tmp_path, peer, port)
        await yard.begin()
        ssh_address = await yard.unless_failed(yard.registered(server), "a registration")
        access = await yard.prepare("rsa", ssh_address)
    try:
        async with go_server(peer, "tcp", tmp_path, port) as server:
            assert (await server.next())["Method"] == "Superviser.Register"
            assert await says(access, "echo still here") == (0, "still here")
    finally:
        await yard.end()
    await gone(tmp_path)
